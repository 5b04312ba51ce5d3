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

/** Seconds that `work` takes for all records, made batch by batch outside of the time. */
async function timed(round: number, work: (batch: readonly LogRecord[]) => () => Promise<unknown> | undefined) {
  let milliseconds = 0;
  for (let first = 0; first < RECORDS; first += BATCH) {
    const write = work(Array.from({ length: BATCH }, (_, i) => record(first + i, round)));
    const start = performance.now();
    await write();
    milliseconds += performance.now() - start;
  }
  return milliseconds / 1000;
}

async function throughSink(directory: string, round: number): Promise<number> {
  const topics = { colors: { id: 't', partitions: 1, startOffset: 0, endOffset: RECORDS } };
  const config = { sqlite: { path: undefined, durability: 'full', delay: 100 } } as const;
  const sink = createTableSink(config, { ...fakeSinkContext(topics, directory), clock: systemClock });
  const { signal } = new AbortController();
  await sink.open(signal);
  const writer = await sink.partition({ topic: 'colors', partition: 0 }, signal);
  const seconds = await timed(round, (batch) => () => writer.write(batch, signal));
  const { durableUpTo } = await writer.flush(signal);
  await writer.abandon();
  await sink.close();
  if (durableUpTo !== RECORDS) throw new Error(`only ${durableUpTo} records are durable`);
  return seconds;
}

async function bareLoop(file: string, round: number): Promise<number> {
  const database = new DatabaseSync(file);
  database.exec(writerPragmas('full'));
  database.exec(SCHEMA);
  const insertEvent = database.prepare(INSERT_EVENT);
  const insertWords = database.prepare(INSERT_WORDS);
  const insert = (rows: readonly EventRow[]) => {
    database.exec('BEGIN IMMEDIATE');
    for (const { id, type, timestamp, value, words } of rows) {
      const { lastInsertRowid } = insertEvent.run(id, type, timestamp, value);
      insertWords.run(lastInsertRowid, words);
    }
    database.exec('COMMIT');
  };
  const seconds = await timed(round, (batch) => {
    const rows = batch.map((each) => toRow(each, 't+0')).filter((row): row is EventRow => !isRefusal(row));
    return () => {
      insert(rows);
      return undefined;
    };
  });
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
      const [ours, theirs] = [path.join(directory, `${round}`), path.join(directory, `bare-${round}.db`)];
      bare.push(await bareLoop(theirs, round));
      sink.push(await throughSink(ours, round));
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
