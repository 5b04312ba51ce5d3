/**
 * Loading into PostgreSQL through a connector, next to a bare loop that reads the same log and
 * inserts the same rows into the same table in the fastest form; then from a real Kafka by
 * `millrace load`, whose memory is looked at: after its start, at full speed, and over lines of
 * 256 kbit/s, one a partition.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { groupOf } from '../src/loader/connector.ts';
import { openEmbeddedLog } from '../src/log/embedded/open.ts';
import type { Log, LogRecord } from '../src/log/log.ts';
import { createTableSink } from '../src/sinks/table/index.ts';
import { startKafka } from '../test/engines/kafka.ts';
import type { Postgres } from '../test/engines/postgres.ts';
import { startPostgres } from '../test/engines/postgres.ts';
import { postgresConfigFor } from '../test/engines/postgres-config.ts';
import { FaultProxy } from '../test/engines/proxy.ts';
import { EMBEDDED_DEFAULTS } from '../test/support/embedded-log.ts';
import { kafkaLog } from '../test/support/kafka-log.ts';
import { KafkaView } from '../test/support/kafka-view.ts';
import { Program } from '../test/support/program.ts';
import { until } from '../test/support/until.ts';
import { createBare, insertBare } from './load/bare-postgres.ts';
import { loadByConnector } from './load/by-connector.ts';
import { fill } from './load/events.ts';
import type { BenchResult } from './result.ts';
import { meets } from './result.ts';
import type { Report } from './run.ts';
import { median, round } from './statistics.ts';

const RECORDS = 200_000;
const ROUNDS = 3;
const LANES = [1, 2] as const;
const TARGETS = {
  load_vs_insert: 0.8,
  load_vs_insert_2: 0.8,
  max_narrow_peak_rss_mb: 200,
};
const KAFKA_RECORDS = 600_000;
const KAFKA_TOPIC = 'select-color';
const KAFKA_MS = 600_000;
const LOOK_MS = 20;
/** 256 kbit/s. */
const NARROW_BYTES = 32_000;
/** As long as the narrow line is looked at; a transaction takes a quarter of it. */
const NARROW_MS = 90_000;

export async function run(report: Report): Promise<BenchResult> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(path.join(process.cwd(), '.bench-postgres-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const server = await startPostgres();
  stack.defer(() => server.close());
  const log = await openEmbeddedLog({ directory: path.join(directory, 'log'), ...EMBEDDED_DEFAULTS });
  stack.defer(() => log.close());

  report('filling the log …');
  for (const lanes of LANES) await fill(log, topicOf(lanes), RECORDS * lanes, lanes);
  const ratios: Record<string, number> = {};
  const figures: Record<string, number> = {};
  for (const lanes of LANES) {
    const rates: { ours: number; bare: number }[] = [];
    for (let turn = 1; turn <= ROUNDS; turn++) {
      const bare = await insertLanes(server, log, lanes, turn);
      const ours = await loadLanes(server, log, lanes, turn, directory);
      rates.push({ ours, bare });
      report(`${lanes} at once, round ${turn} of ${ROUNDS}: ${(ours / bare).toFixed(2)}`);
    }
    const suffix = lanes === 1 ? '' : `_${lanes}`;
    ratios[`load_vs_insert${suffix}`] = round(median(rates.map(({ ours, bare }) => ours / bare)), 3);
    figures[`load${suffix}_rows_per_s`] = Math.round(median(rates.map(({ ours }) => ours)));
    figures[`insert${suffix}_rows_per_s`] = Math.round(median(rates.map(({ bare }) => bare)));
  }
  report('from Kafka …');
  Object.assign(figures, await loadFromKafka(server, directory, report));
  return { name: 'postgres', ok: meets({ ...figures, ...ratios }, TARGETS), figures, ratios, targets: TARGETS };
}

function topicOf(lanes: number): string {
  return `lanes-${lanes}`;
}

/** Rows a second that bare loops reach, one a partition. */
async function insertLanes(server: Postgres, log: Log, lanes: number, turn: number): Promise<number> {
  const table = `bare_${lanes}_${turn}`;
  await createBare(server.url, table);
  await ask(server, 'CHECKPOINT');
  const start = performance.now();
  const lane = (partition: number) => insertBare(server.url, table, batchesOf(log, topicOf(lanes), partition));
  await Promise.all(Array.from({ length: lanes }, (_, partition) => lane(partition)));
  const seconds = (performance.now() - start) / 1_000;
  await empty(server, table, RECORDS * lanes);
  return (RECORDS * lanes) / seconds;
}

/** Rows a second that a connector reaches, from its start to its last commit. */
async function loadLanes(server: Postgres, log: Log, lanes: number, turn: number, directory: string): Promise<number> {
  const postgres = postgresConfigFor(server);
  await ask(server, 'CHECKPOINT');
  const rate = await loadByConnector(log, topicOf(lanes), `load-${lanes}-${turn}`, directory, (context) =>
    createTableSink({ postgres }, context),
  );
  await empty(server, postgres.table, RECORDS * lanes);
  return rate;
}

/** Counts the rows, and frees their room. */
async function empty(server: Postgres, table: string, expected: number): Promise<void> {
  const rows = await countOf(server, table);
  if (rows !== expected) throw new Error(`${rows} rows stand in the table, not ${expected}`);
  await ask(server, `DROP TABLE ${table}`);
}

async function countOf(server: Postgres, table: string): Promise<number> {
  const [row] = await ask(server, `SELECT count(*)::int AS n FROM ${table}`);
  return Number(row?.['n']);
}

async function ask(server: Postgres, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

async function* batchesOf(log: Log, topic: string, partition: number): AsyncIterable<readonly LogRecord[]> {
  for (let offset = 0; ; ) {
    const { records } = await log.read({ topic, partition, offset });
    const last = records.at(-1);
    if (!last) return;
    yield records;
    offset = last.offset + 1;
  }
}

/** How many rows a second, and the most memory that a loader ever held: on a good line, and on a narrow one. */
async function loadFromKafka(server: Postgres, directory: string, report: Report): Promise<Record<string, number>> {
  await using stack = new AsyncDisposableStack();
  const kafka = await startKafka({ throughput: true });
  stack.defer(() => kafka.close());
  const view = new KafkaView(kafka.brokers);
  stack.defer(() => view.close());
  const source = kafkaLog(kafka.brokers);
  stack.defer(() => source.close());
  const proxy = await FaultProxy.start({ target: server.address });
  stack.defer(() => proxy.close());
  await fill(source, KAFKA_TOPIC, KAFKA_RECORDS, 2);
  const start = (connector: string, url: string) =>
    Program.start({
      directory,
      configuration: {
        log: { kafka: { brokers: kafka.brokers } },
        topics: { [KAFKA_TOPIC]: { types: [KAFKA_TOPIC], partitions: 2 } },
        connectors: { [connector]: { topics: [KAFKA_TOPIC], table: { postgres: { url, table: connector } } } },
      },
      command: 'load',
    });
  const committed = (connector: string) => view.committed(groupOf(connector), [KAFKA_TOPIC]);

  const wide = stack.use(await start('wide', server.url));
  const began = performance.now();
  const loaded = async () => (await committed('wide')) === KAFKA_RECORDS;
  await until('all is loaded from Kafka', loaded, KAFKA_MS, LOOK_MS);
  const seconds = (performance.now() - began) / 1_000;
  const peak = wide.peakRssMb();
  await wide.stop();

  report(`over 256 kbit/s, for ${NARROW_MS / 1_000} s …`);
  proxy.narrow(NARROW_BYTES);
  const narrow = stack.use(await start('narrow', server.url.replace(server.address, proxy.address)));
  const idlePeak = narrow.peakRssMb();
  await delay(NARROW_MS);
  const rows = await countOf(server, 'narrow');
  const narrowPeak = narrow.peakRssMb();
  await narrow.kill();
  if (rows === 0) throw new Error('nothing was loaded over the narrow line');
  return {
    kafka_rows_per_s: Math.round(KAFKA_RECORDS / seconds),
    kafka_peak_rss_mb: peak,
    narrow_rows_per_s: round(rows / (NARROW_MS / 1_000), 1),
    idle_peak_rss_mb: idlePeak,
    narrow_peak_rss_mb: narrowPeak,
  };
}
