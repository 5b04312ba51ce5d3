/**
 * Loading into the SQLite table, against a bare loop that inserts the same rows, ready-made, into
 * the same tables with the same indices, words, pragmas and transactions of the same size.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import type { LogRecord } from '../src/log/log.ts';
import { createTableSink } from '../src/sinks/table/index.ts';
import type { EventRow } from '../src/sinks/table/row.ts';
import { isRefusal, toRow } from '../src/sinks/table/row.ts';
import { INSERT_EVENT, INSERT_WORDS, SCHEMA, writerPragmas } from '../src/sinks/table/sqlite/schema.ts';
import { systemClock } from '../src/support/clock.ts';
import { fakeSinkContext } from '../test/support/fake-sink-context.ts';
import type { BenchResult } from './result.ts';

const RECORDS = 200_000;
const BATCH = 2_000;
const ROUNDS = 3;
const TARGET = 0.7;

const COLORS = ['red', 'green', 'blue', '초록', '파랑', 'black'];

function record(offset: number, round: number): LogRecord {
  const timestamp = Date.UTC(2026, 10, 22) + offset;
  const time = new Date(timestamp).toISOString();
  // Ids of version 7 share their time's digits and differ at random after them.
  const random = (offset * 2654435761 + round).toString(16).padStart(12, '0').slice(-12);
  const event = {
    id: `01${timestamp.toString(16).slice(-6)}-${(offset % 65536).toString(16).padStart(4, '0')}-7abc-8def-${random}`,
    type: 'select-color',
    timestamp: time,
    receivedAt: time,
    sentTimestamp: time,
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Safari/537.36',
    userName: `visitor${(offset * 7919) % 50_000}`,
    colorName: COLORS[offset % COLORS.length],
    page: `/products/${offset % 300}`,
  };
  return { offset, timestamp, value: Buffer.from(JSON.stringify(event)) };
}

async function throughSink(directory: string, records: readonly LogRecord[]): Promise<number> {
  const topics = { colors: { id: 't', partitions: 1, startOffset: 0, endOffset: records.length } };
  const config = { sqlite: { durability: 'full', delay: 100 } } as const;
  const sink = createTableSink(config, { ...fakeSinkContext(topics, directory), clock: systemClock });
  const { signal } = new AbortController();
  await sink.open(signal);
  const writer = await sink.partition({ topic: 'colors', partition: 0 }, signal);
  const start = performance.now();
  for (let i = 0; i < records.length; i += BATCH) await writer.write(records.slice(i, i + BATCH), signal);
  await writer.flush(signal);
  const seconds = (performance.now() - start) / 1000;
  await writer.abandon();
  await sink.close();
  return seconds;
}

function bareLoop(file: string, rows: readonly EventRow[]): number {
  const database = new DatabaseSync(file);
  database.exec(writerPragmas('full'));
  database.exec(SCHEMA);
  const insertEvent = database.prepare(INSERT_EVENT);
  const insertWords = database.prepare(INSERT_WORDS);
  const start = performance.now();
  for (let i = 0; i < rows.length; i += BATCH) {
    database.exec('BEGIN IMMEDIATE');
    for (const { id, type, timestamp, receivedAt, value, words } of rows.slice(i, i + BATCH)) {
      const { lastInsertRowid } = insertEvent.run(id, type, timestamp, receivedAt, value);
      insertWords.run(lastInsertRowid, words);
    }
    database.exec('COMMIT');
  }
  const seconds = (performance.now() - start) / 1000;
  database.close();
  return seconds;
}

function stored(file: string): number {
  const database = new DatabaseSync(file, { readOnly: true });
  const { n } = database.prepare('SELECT count(*) AS n FROM event').get() as { n: number };
  database.close();
  return n;
}

export async function run(): Promise<BenchResult> {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-bench-'));
  try {
    const sink: number[] = [];
    const bare: number[] = [];
    let storedRows = RECORDS;
    for (let round = 0; round < ROUNDS; round++) {
      const records = Array.from({ length: RECORDS }, (_, offset) => record(offset, round));
      const rows = records.map((each) => toRow(each, 't+0')).filter((row): row is EventRow => !isRefusal(row));
      const [ours, theirs] = [path.join(directory, `${round}`), path.join(directory, `bare-${round}.db`)];
      bare.push(bareLoop(theirs, rows));
      sink.push(await throughSink(ours, records));
      storedRows = Math.min(storedRows, stored(path.join(ours, 'search.db')), stored(theirs));
      process.stderr.write(
        `round ${round + 1}: sink ${sink.at(-1)?.toFixed(2)} s, bare ${bare.at(-1)?.toFixed(2)} s\n`,
      );
    }
    const rate = (seconds: readonly number[]) => Math.round(RECORDS / Math.min(...seconds));
    const ratio = rate(sink) / rate(bare);
    return {
      name: 'load-table',
      ok: storedRows === RECORDS && ratio >= TARGET,
      figures: {
        table_records_per_s: rate(sink),
        insert_records_per_s: rate(bare),
        records: RECORDS,
        stored_records: storedRows,
        rss_bytes: process.memoryUsage.rss(),
      },
      ratios: { table_vs_insert: Math.round(ratio * 1000) / 1000 },
      targets: { table_vs_insert: TARGET },
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const result = await run();
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exitCode = result.ok ? 0 : 1;
}
