/**
 * Loading into PostgreSQL through a connector, next to a bare loop that reads the same log and
 * inserts the same rows into the same table in the fastest form; then from a real Kafka by
 * `millrace load`, whose memory is looked at: after its start, at full speed, and over lines of
 * 256 kbit/s, one a partition.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { openEmbeddedLog } from '../src/log/embedded/open.ts';
import type { Log, LogRecord } from '../src/log/log.ts';
import { createTableSink } from '../src/sinks/table/create.ts';
import type { Postgres } from '../test/engines/postgres.ts';
import { startPostgres } from '../test/engines/postgres.ts';
import { postgresConfigFor } from '../test/engines/postgres-config.ts';
import { EMBEDDED_DEFAULTS } from '../test/support/embedded-log.ts';
import { createBare, insertBare } from './load/bare-postgres.ts';
import { loadByConnector } from './load/by-connector.ts';
import { fill } from './load/events.ts';
import { loadFromKafka } from './load/from-kafka.ts';
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
  Object.assign(figures, await fromKafka(server, directory, report));
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

function fromKafka(server: Postgres, directory: string, report: Report): Promise<Record<string, number>> {
  report('from Kafka …');
  const store = {
    address: server.address,
    sink: (table: string, address: string) => ({
      table: { postgres: { url: server.url.replace(server.address, address), table } },
    }),
    count: (table: string) => countOf(server, table),
  };
  return loadFromKafka(store, { directory, report });
}
