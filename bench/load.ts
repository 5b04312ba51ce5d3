/**
 * Loading by both sinks, through a connector that reads the log, each next to a bare loop that
 * reads the same records from the same log and does the same work in the store: the same files,
 * compression and fsyncs, or the same schema, keys and indices.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openEmbeddedLog } from '../src/log/embedded/open.ts';
import type { Log, LogRecord } from '../src/log/log.ts';
import { readBack } from '../src/sinks/files/read-files.ts';
import { createFilesSink } from '../src/sinks/files/sink.ts';
import { LocalFileStore } from '../src/sinks/files/stores/local.ts';
import type { SinkContext } from '../src/sinks/sink.ts';
import { createTableSink } from '../src/sinks/table/create.ts';
import { EMBEDDED_DEFAULTS } from '../test/support/embedded-log.ts';
import { filesConfigWith } from '../test/support/files.ts';
import type { Compression } from './load/bare-files.ts';
import { FILE_RECORDS, writeBare } from './load/bare-files.ts';
import { insertBare } from './load/bare-table.ts';
import { loadByConnector } from './load/by-connector.ts';
import { fill } from './load/events.ts';
import type { BenchResult } from './result.ts';
import type { Report } from './run.ts';
import { median } from './statistics.ts';

const FILES_RECORDS = 600_000;
const TABLE_RECORDS = 200_000;
const ROUNDS = 3;
const TARGETS = { files_vs_write: 0.7, files_vs_write_gzip: 0.7, table_vs_insert: 0.7 };

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
