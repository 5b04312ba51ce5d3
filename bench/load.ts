/**
 * Loading by both sinks, through a connector that reads the log, each next to a bare loop that
 * reads the same records from the same log and does the same work in the store: the same files,
 * compression and fsyncs, or the same schema, keys and indices.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Connector, groupOf } from '../src/loader/connector.ts';
import { openEmbeddedLog } from '../src/log/embedded/open.ts';
import type { Log, LogRecord } from '../src/log/log.ts';
import { TYPE_HEADER } from '../src/log/log.ts';
import { readBack } from '../src/sinks/files/read-files.ts';
import { createFilesSink } from '../src/sinks/files/sink.ts';
import { LocalFileStore } from '../src/sinks/files/stores/local.ts';
import type { DeadLetters, Sink, SinkContext } from '../src/sinks/sink.ts';
import { createTableSink } from '../src/sinks/table/index.ts';
import { systemClock } from '../src/support/clock.ts';
import { silentLogger } from '../src/support/logger.ts';
import { EMBEDDED_DEFAULTS } from '../test/support/embedded-log.ts';
import { filesConfigWith } from '../test/support/files.ts';
import { until } from '../test/support/until.ts';
import type { Compression } from './load/bare-files.ts';
import { FILE_RECORDS, writeBare } from './load/bare-files.ts';
import { insertBare } from './load/bare-table.ts';
import type { BenchResult } from './result.ts';
import type { Report } from './run.ts';
import { median } from './statistics.ts';

const FILES_RECORDS = 600_000;
const TABLE_RECORDS = 200_000;
const BATCH = 500;
/** No commit for this long means that none will come. */
const QUIET_MS = 1_000;
const ROUNDS = 3;
const TARGETS = { files_vs_write: 0.7, files_vs_write_gzip: 0.7, table_vs_insert: 0.7 };
const LOADER = {
  retryInitial: 100,
  retryMax: 60_000,
  queueBytes: 4 * 2 ** 20,
  stallTimeout: 60_000,
  stopTimeout: 10_000,
};
const COLORS = ['red', 'green', 'blue', '초록', '파랑', 'black'];

/** Records a second. */
interface Pair {
  readonly ours: number;
  readonly bare: number;
}

export async function run(report: Report): Promise<BenchResult> {
  // Not below the system's temporary directory, which may be memory: this measures a disk.
  const directory = await mkdtemp(path.join(process.cwd(), '.bench-load-'));
  const log = await openEmbeddedLog({ directory: path.join(directory, 'log'), ...EMBEDDED_DEFAULTS });
  try {
    report('filling the log …');
    await fill(log, 'files', FILES_RECORDS);
    await fill(log, 'table', TABLE_RECORDS);
    const pairs: Record<keyof typeof TARGETS, Pair[]> = {
      files_vs_write: [],
      files_vs_write_gzip: [],
      table_vs_insert: [],
    };
    for (let round = 1; round <= ROUNDS; round++) {
      const root = path.join(directory, String(round));
      pairs.files_vs_write.push(await loadFiles(log, path.join(root, 'none'), 'none', round));
      pairs.files_vs_write_gzip.push(await loadFiles(log, path.join(root, 'gzip'), 'gzip', round));
      pairs.table_vs_insert.push(await loadTable(log, path.join(root, 'table'), round));
      await rm(root, { recursive: true });
      report(
        `round ${round} of ${ROUNDS}: ${Object.entries(pairs)
          .map(([name, [...all]]) => `${name} ${ratioOf(all.slice(-1)).toFixed(2)}`)
          .join(', ')}`,
      );
    }
    const ratios = Object.fromEntries(Object.entries(pairs).map(([name, all]) => [name, ratioOf(all)]));
    const rate = (rates: number[]) => Math.round(median(rates));
    const figures = {
      files_records_per_s: rate(pairs.files_vs_write.map(({ ours }) => ours)),
      write_records_per_s: rate(pairs.files_vs_write.map(({ bare }) => bare)),
      files_gzip_records_per_s: rate(pairs.files_vs_write_gzip.map(({ ours }) => ours)),
      write_gzip_records_per_s: rate(pairs.files_vs_write_gzip.map(({ bare }) => bare)),
      table_records_per_s: rate(pairs.table_vs_insert.map(({ ours }) => ours)),
      insert_records_per_s: rate(pairs.table_vs_insert.map(({ bare }) => bare)),
    };
    const ok = Object.entries(TARGETS).every(([name, least]) => (ratios[name] ?? 0) >= least);
    return { name: 'load', ok, figures, ratios, targets: TARGETS };
  } finally {
    await log.close();
    await rm(directory, { recursive: true });
  }
}

/** Distinct events of about 300 bytes, as the collector writes them. */
async function fill(log: Log, topic: string, records: number): Promise<void> {
  await log.admin.createTopic(topic, { partitions: 1 });
  const producer = log.producer();
  const headers = { [TYPE_HEADER]: 'select-color' };
  const start = Date.now() - records;
  for (let first = 0; first < records; first += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, i) => {
      const timestamp = start + first + i;
      const time = new Date(timestamp).toISOString();
      const event = {
        id: crypto.randomUUID(),
        type: 'select-color',
        timestamp: time,
        receivedAt: time,
        userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0',
        sentTimestamp: time,
        userName: `visitor${((first + i) * 7919) % 50_000}`,
        colorName: COLORS[(first + i) % COLORS.length],
      };
      return { timestamp, headers, value: Buffer.from(JSON.stringify(event)) };
    });
    await producer.send({ topic, partition: 0 }, batch);
  }
  await producer.close();
}

async function loadFiles(log: Log, root: string, compression: Compression, round: number): Promise<Pair> {
  const [ours, bare] = [path.join(root, 'ours'), path.join(root, 'bare')];
  await mkdir(bare, { recursive: true });
  const config = filesConfigWith({
    store: { local: { path: ours } },
    compression,
    roll: { records: FILE_RECORDS, bytes: 1 << 30, age: 3_600_000 },
  });
  const create = (context: SinkContext) => createFilesSink(config, context, { namedTypes: ['select-color'] });
  const bareRate = await rateOf(FILES_RECORDS, () => writeBare(bare, batchesOf(log, 'files'), compression));
  const oursRate = await loadByConnector(log, 'files', `files-${compression}-${round}`, root, create);
  let stored = 0;
  for await (const line of readBack(new LocalFileStore(ours), AbortSignal.timeout(600_000)))
    stored += line.length > 0 ? 1 : 0;
  if (stored !== FILES_RECORDS) throw new Error(`${stored} records stand in the files, not ${FILES_RECORDS}`);
  return { ours: oursRate, bare: bareRate };
}

async function loadTable(log: Log, root: string, round: number): Promise<Pair> {
  await mkdir(root, { recursive: true });
  const file = path.join(root, 'ours.db');
  const config = { sqlite: { path: file, durability: 'full', delay: 100 } } as const;
  const bareRate = await rateOf(TABLE_RECORDS, () => insertBare(path.join(root, 'bare.db'), batchesOf(log, 'table')));
  const oursRate = await loadByConnector(log, 'table', `table-${round}`, root, (context) =>
    createTableSink(config, context),
  );
  const database = new DatabaseSync(file, { readOnly: true });
  const { n } = database.prepare('SELECT count(*) AS n FROM event').get() as { n: number };
  database.close();
  if (n !== TABLE_RECORDS) throw new Error(`${n} rows stand in the table, not ${TABLE_RECORDS}`);
  return { ours: oursRate, bare: bareRate };
}

/**
 * Records a second from the connector's start, opening its store included, to the last commit.
 * A file that is not full would wait for its age; so the records up to the last full one count.
 */
async function loadByConnector(
  log: Log,
  topic: string,
  name: string,
  dataDirectory: string,
  create: (context: SinkContext) => Sink,
): Promise<number> {
  const context = { connector: name, admin: log.admin, clock: systemClock, logger: silentLogger, dataDirectory };
  const createSink = (deadLetters: DeadLetters) => create({ ...context, deadLetters });
  const parts = { log, config: LOADER, clock: systemClock, logger: silentLogger };
  const connector = new Connector({ ...parts, name, topics: [topic], createSink });
  const [{ endOffset } = { endOffset: Number.NaN }] = await log.admin.offsets(topic);
  const start = performance.now();
  const last = { offset: 0, at: start };
  connector.start();
  await until('commits have come to an end', async () => {
    const offset = (await log.admin.committed(groupOf(name)))[0]?.offset ?? 0;
    const now = performance.now();
    if (offset > last.offset) Object.assign(last, { offset, at: now });
    return offset === endOffset || (offset > 0 && now - last.at > QUIET_MS);
  });
  await connector.stop();
  return last.offset / ((last.at - start) / 1_000);
}

async function* batchesOf(log: Log, topic: string): AsyncIterable<readonly LogRecord[]> {
  for (let offset = 0; ; ) {
    const { records } = await log.read({ topic, partition: 0, offset });
    const last = records.at(-1);
    if (!last) return;
    yield records;
    offset = last.offset + 1;
  }
}

async function rateOf(records: number, act: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await act();
  return records / ((performance.now() - start) / 1_000);
}

/** How fast ours is, as a part of the bare loop's speed. */
function ratioOf(pairs: readonly Pair[]): number {
  return median(pairs.map(({ ours, bare }) => ours / bare));
}
