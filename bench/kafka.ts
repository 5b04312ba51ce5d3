/**
 * The way into Kafka and out of it: the log adapter next to Kafka's own ProducerPerformance and
 * ConsumerPerformance, and the whole collector. Each runs alone on core 0, in turn; Kafka, and
 * the load of the collector, have core 1. The medians of the rounds count.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { KafkaCluster } from '../test/engines/kafka.ts';
import { startKafka } from '../test/engines/kafka.ts';
import { KafkaView } from '../test/support/kafka-view.ts';
import { Program } from '../test/support/program.ts';
import { until } from '../test/support/until.ts';
import { generateLoad } from './collector/generator.ts';
import { BATCH_EVENTS } from './collector/messages.ts';
import { javaConsumes, javaProduces } from './kafka/java.ts';
import type { ConsumeOrder, OwnRate, ProduceOrder, Rate } from './kafka/messages.ts';
import { COMPRESSION, PARTITIONS } from './kafka/messages.ts';
import { adapterConsumes, adapterProduces } from './kafka/own.ts';
import { payload } from './kafka/payload.ts';
import { MEASURED_CORE, OTHER_CORE, pinnedTo } from './processes.ts';
import { profileTable, profilingFlags } from './profile.ts';
import type { BenchResult } from './result.ts';
import { meets } from './result.ts';
import type { Report } from './run.ts';
import { median, round } from './statistics.ts';

const ROUNDS = 3;
const WARM_UP_RECORDS = 1_000_000;
const RECORDS = 3_000_000;
const COLLECTOR_LOAD = { connections: 64, warmUpMs: 3_000, measureMs: 8_000 };
const COLLECTOR_TOPIC = 'select-color';
/** Longest wait for a spool to be drained once the load has ended. */
const DRAIN_MS = 120_000;

const TARGETS = { produce_vs_java: 0.6, consume_vs_java: 0.6, max_missing: 0 };

/** One yardstick and ours, one after the other. */
interface Pair {
  readonly java: Rate;
  readonly ours: OwnRate;
}

export async function run(report: Report): Promise<BenchResult> {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-bench-kafka-'));
  const kafka = await startKafka({ throughput: true, before: pinnedTo(OTHER_CORE), progress: report });
  const view = new KafkaView(kafka.brokers);
  try {
    return await new KafkaBench(kafka, view, directory, report).run();
  } finally {
    await view.close();
    await kafka.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

class KafkaBench {
  readonly #brokers: readonly string[];
  readonly #view: KafkaView;
  readonly #directory: string;
  readonly #payload: string;
  readonly #report: Report;
  /** Records that were sent, or answered for, and are not in the topic, or are there beyond that. */
  #missing = 0;

  constructor({ brokers }: KafkaCluster, view: KafkaView, directory: string, report: Report) {
    this.#brokers = brokers;
    this.#view = view;
    this.#directory = directory;
    this.#payload = path.join(directory, 'payload');
    this.#report = report;
  }

  async run(): Promise<BenchResult> {
    writeFileSync(this.#payload, payload());
    const produce: Pair[] = [];
    const consume: Pair[] = [];
    for (let turn = 1; turn <= ROUNDS; turn++) {
      produce.push(await this.#producePair());
      consume.push(await this.#consumePair());
      this.#report(`round ${turn} of ${ROUNDS}: produce ${shown(produce.at(-1))}, consume ${shown(consume.at(-1))}`);
    }
    await this.#view.create(COLLECTOR_TOPIC, PARTITIONS);
    const [sustained, overloaded] = [await this.#collect('delivered'), await this.#collect('received')];
    const figures = {
      ...figuresOf('produce', produce),
      ...figuresOf('consume', consume),
      collector_events_per_s: sustained,
      collector_overload_events_per_s: overloaded,
      missing: this.#missing,
    };
    const ratios = {
      produce_vs_java: ratioOf(produce),
      consume_vs_java: ratioOf(consume),
      overload_vs_sustained: round(overloaded / sustained),
    };
    if (ratios.produce_vs_java < TARGETS.produce_vs_java) await this.#profile('produce');
    if (ratios.consume_vs_java < TARGETS.consume_vs_java) await this.#profile('consume');
    const ok = meets({ ...figures, ...ratios }, TARGETS);
    return { name: 'kafka', ok, figures, ratios, targets: TARGETS };
  }

  async #producePair(): Promise<Pair> {
    const java = await this.#withTopic((topic) => this.#produced(topic, javaProduces));
    const ours = await this.#withTopic((topic) => this.#produced(topic, adapterProduces));
    return { java, ours };
  }

  /** Both read the same topic. */
  async #consumePair(): Promise<Pair> {
    return this.#withTopic(async (topic) => {
      await this.#produced(topic, adapterProduces);
      return {
        java: await javaConsumes(this.#consumeOrder(topic)),
        ours: await adapterConsumes(this.#consumeOrder(topic)),
      };
    });
  }

  async #produced<T>(topic: string, produce: (order: ProduceOrder) => Promise<T>): Promise<T> {
    const amount = { warmUpRecords: WARM_UP_RECORDS, records: RECORDS };
    const rate = await produce({ brokers: this.#brokers, topic, payload: this.#payload, ...amount });
    this.#missing += Math.abs(WARM_UP_RECORDS + RECORDS - (await this.#view.end([topic])));
    return rate;
  }

  #consumeOrder(topic: string): ConsumeOrder {
    return { brokers: this.#brokers, topic, group: randomUUID(), records: WARM_UP_RECORDS + RECORDS };
  }

  async #withTopic<T>(use: (topic: string) => Promise<T>): Promise<T> {
    const topic = `bench-${randomUUID()}`;
    await this.#view.create(topic, PARTITIONS);
    try {
      return await use(topic);
    } finally {
      await this.#view.remove(topic);
    }
  }

  /** Batches of 100 events over HTTP, through the whole collector; what is in the topic counts. */
  async #collect(acknowledge: 'delivered' | 'received'): Promise<number> {
    const program = await Program.start({
      directory: this.#directory,
      command: 'collect',
      before: pinnedTo(MEASURED_CORE),
      configuration: {
        collector: { acknowledge },
        log: { kafka: { brokers: this.#brokers, compression: COMPRESSION } },
      },
    });
    try {
      const { hostname: host, port } = new URL(program.collector);
      const order = { host, port: Number(port), workload: 'batch', ...COLLECTOR_LOAD } as const;
      const stored = () => this.#view.end([COLLECTOR_TOPIC]);
      const atStart = await stored();
      const { report, before, after } = await generateLoad(order, stored);
      // Under overload a part of what was answered waits in the spool.
      await until(
        'all that was accepted is in Kafka',
        async () => {
          const { buffered, spooled } = (await program.status()).accounting;
          return buffered + spooled === 0;
        },
        DRAIN_MS,
      );
      const exitCode = await program.stop();
      if (exitCode !== 0) throw new Error(`the collector ended with ${exitCode}`);
      this.#missing += Math.abs(report.acknowledged * BATCH_EVENTS - ((await stored()) - atStart));
      const perSecond = Math.round((after - before) / report.seconds);
      const refused = `${report.refused} of ${report.acknowledged + report.refused} requests refused`;
      this.#report(`collector, acknowledge: ${acknowledge}: ${perSecond} events/s, ${refused}`);
      return perSecond;
    } finally {
      await program.kill();
    }
  }

  /** Once more, to see where the time goes. */
  async #profile(what: 'produce' | 'consume'): Promise<void> {
    const directory = path.join(this.#directory, `profile-${what}`);
    mkdirSync(directory);
    const flags = profilingFlags(directory);
    await this.#withTopic(async (topic) => {
      await this.#produced(topic, (order) => adapterProduces(order, what === 'produce' ? flags : []));
      if (what === 'consume') await adapterConsumes(this.#consumeOrder(topic), flags);
    });
    this.#report(`where the time goes (${what}):`);
    for (const line of profileTable(directory)) this.#report(line);
  }
}

function figuresOf(what: string, pairs: readonly Pair[]): Record<string, number> {
  return {
    [`${what}_records_per_s`]: Math.round(median(pairs.map(({ ours }) => ours.recordsPerSecond))),
    [`${what}_cpu_us_per_record`]: round(median(pairs.map(({ ours }) => ours.cpuMicrosecondsPerRecord))),
    [`java_${what}_records_per_s`]: Math.round(median(pairs.map(({ java }) => java.recordsPerSecond))),
  };
}

function ratioOf(pairs: readonly Pair[]): number {
  return round(median(pairs.map(({ java, ours }) => ours.recordsPerSecond / java.recordsPerSecond)));
}

function shown(pair: Pair | undefined): string {
  return pair ? `${ratioOf([pair])} of Java's ${Math.round(pair.java.recordsPerSecond)} records/s` : '';
}
