/**
 * `GET /api/select` into Kafka: the collector next to the Spring design that it replaces, from
 * bench/peer/spring. Each server in turn has core 0 to itself; Kafka and the load share core 1.
 * What was answered is counted in the topic. Then the same with Kafka away for a while.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startKafka } from '../test/engines/kafka.ts';
import { KafkaView } from '../test/support/kafka-view.ts';
import { startMillrace } from './peer/millrace.ts';
import type { Outage } from './peer/outage.ts';
import { measureOutage } from './peer/outage.ts';
import type { StartPeer } from './peer/server.ts';
import { prepareSpring } from './peer/spring.ts';
import type { Throughput, Turn } from './peer/throughput.ts';
import { CONNECTIONS, measureTurn } from './peer/throughput.ts';
import { MEASURED_CORE, OTHER_CORE, pinnedTo } from './processes.ts';
import { profileTable, profilingFlags } from './profile.ts';
import type { BenchResult } from './result.ts';
import { meets } from './result.ts';
import type { Report } from './run.ts';
import { median, medians, round } from './statistics.ts';

const ROUNDS = 3;
const TOPIC = 'select-color';
const PARTITIONS = 2;
const TARGETS = {
  requests_vs_spring_64: 1.8,
  requests_vs_spring_256: 1.8,
  max_p99_vs_spring_256: 0.1,
  max_memory_vs_spring_256: 0.5,
  max_missing: 0,
  max_outage_millrace_lost: 0,
  max_outage_millrace_unanswered: 0,
};

/** A turn, and how many of its records are missing in the topic, or are there beyond what was answered. */
type CountedTurn = Turn & { readonly missing: number };

interface Pair {
  readonly spring: CountedTurn;
  readonly ours: CountedTurn;
}

export async function run(report: Report): Promise<BenchResult> {
  const startSpring = await prepareSpring(report);
  const pairs: Pair[] = [];
  for (let turn = 1; turn <= ROUNDS; turn++) {
    const pair = { spring: await takeTurn(startSpring), ours: await takeTurn(startMillrace) };
    pairs.push(pair);
    report(`round ${turn} of ${ROUNDS}: ${CONNECTIONS.map((connections) => shown(pair, connections)).join('; ')}`);
  }
  const ratios = ratiosOf(pairs);
  report('outage: Spring');
  const springOutage = await measureOutage(startSpring);
  report('outage: Millrace');
  const ourOutage = await measureOutage(startMillrace);
  const figures = {
    ...Object.assign({}, ...CONNECTIONS.map((connections) => figuresOf(pairs, connections))),
    missing: sum(pairs.map(({ ours }) => ours.missing)),
    refused: sum(pairs.map(({ ours }) => ours.refused)),
    spring_missing: sum(pairs.map(({ spring }) => spring.missing)),
    spring_refused: sum(pairs.map(({ spring }) => spring.refused)),
    ...prefixed('outage_spring', springOutage),
    ...prefixed('outage_millrace', ourOutage),
  } as Record<string, number>;
  if (!meets(ratios, ratioTargets())) await profile(report);
  return { name: 'peer', ok: meets({ ...figures, ...ratios }, TARGETS), figures, ratios, targets: TARGETS };
}

/** One server from its start to its end, with a Kafka of its own. */
async function takeTurn(start: StartPeer, words: readonly string[] = []): Promise<CountedTurn> {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-bench-peer-'));
  const kafka = await startKafka({ throughput: true, before: pinnedTo(OTHER_CORE) });
  const view = new KafkaView(kafka.brokers);
  try {
    await view.create(TOPIC, PARTITIONS);
    const before = [...words, ...pinnedTo(MEASURED_CORE)];
    const server = await start({ brokers: kafka.brokers, directory, before });
    try {
      const turn = await measureTurn(server);
      await server.stop();
      return { ...turn, missing: Math.abs(turn.acknowledged - (await view.end([TOPIC]))) };
    } finally {
      await server.kill();
    }
  } finally {
    await view.close();
    await kafka.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** One more turn of ours, to see where the time goes. */
async function profile(report: Report): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-bench-profile-'));
  try {
    await takeTurn(startMillrace, ['env', `NODE_OPTIONS=${profilingFlags(directory).join(' ')}`]);
    report('where the time goes:');
    for (const line of profileTable(directory)) report(line);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function figuresOf(pairs: readonly Pair[], connections: number): Record<string, number> {
  return {
    ...medians(
      `spring_${connections}`,
      pairs.map(({ spring }) => spring.by.get(connections)!),
    ),
    ...medians(
      `millrace_${connections}`,
      pairs.map(({ ours }) => ours.by.get(connections)!),
    ),
  };
}

/** Ours by Spring's, the median of the rounds. */
function ratioOf(pairs: readonly Pair[], connections: number, pick: (of: Throughput) => number): number {
  const of = (turn: Turn) => pick(turn.by.get(connections)!);
  return round(median(pairs.map(({ spring, ours }) => of(ours) / of(spring))), 3);
}

function ratiosOf(pairs: readonly Pair[]): Record<string, number> {
  const ratios: Record<string, number> = {};
  for (const connections of CONNECTIONS) {
    ratios[`requests_vs_spring_${connections}`] = ratioOf(pairs, connections, (of) => of.requests_per_s);
    ratios[`p99_vs_spring_${connections}`] = ratioOf(pairs, connections, (of) => of.p99_ms);
    ratios[`memory_vs_spring_${connections}`] = ratioOf(pairs, connections, (of) => of.peak_rss_mb);
  }
  return ratios;
}

function ratioTargets(): Record<string, number> {
  return Object.fromEntries(Object.entries(TARGETS).filter(([name]) => name.includes('_vs_')));
}

function shown({ spring, ours }: Pair, connections: number): string {
  const of = (turn: Turn) => {
    const { requests_per_s: rate, p99_ms: p99 } = turn.by.get(connections)!;
    return `${rate}/s (p99 ${p99.toFixed(1)} ms)`;
  };
  return `${connections} connections: Spring ${of(spring)}, Millrace ${of(ours)}`;
}

function prefixed(prefix: string, outage: Outage): Record<string, number> {
  return Object.fromEntries(Object.entries(outage).map(([name, value]) => [`${prefix}_${name}`, value]));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, one) => total + one, 0);
}
