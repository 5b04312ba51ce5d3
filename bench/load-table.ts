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
const TABLE = 'search.db';
const BARE = 'bare.db';

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

interface Yardstick {
  write(batch: readonly LogRecord[]): Promise<void>;
  close(): Promise<void>;
}

async function openSink(directory: string): Promise<Yardstick> {
  const topics = { colors: { id: 't', partitions: 1, startOffset: 0, endOffset: RECORDS } };
  const config = { sqlite: { path: undefined, durability: 'full', delay: 100 } } as const;
  const sink = createTableSink(config, { ...fakeSinkContext(topics, directory), clock: systemClock });
  const { signal } = new AbortController();
  await sink.open(signal);
  const writer = await sink.partition({ topic: 'colors', partition: 0 }, signal);
  return {
    async write(batch) {
      const end = (batch.at(-1)?.offset ?? 0) + 1;
      const { durableUpTo } = await writer.write(batch, signal);
      if (durableUpTo !== end) throw new Error(`${durableUpTo} is durable, not ${end}`);
    },
    async close() {
      await writer.abandon();
      await sink.close();
    },
  };
}

function openBare(file: string) {
  const database = new DatabaseSync(file);
  database.exec(writerPragmas('full'));
  database.exec(SCHEMA);
  const insertEvent = database.prepare(INSERT_EVENT);
  const insertWords = database.prepare(INSERT_WORDS);
  return {
    write(rows: readonly EventRow[]) {
      database.exec('BEGIN IMMEDIATE');
      for (const { id, type, timestamp, value, words } of rows) {
        const { lastInsertRowid } = insertEvent.run(id, type, timestamp, value);
        insertWords.run(lastInsertRowid, words);
      }
      database.exec('COMMIT');
    },
    close: () => database.close(),
  };
}

/** Seconds for all records each way: batch by batch in turns, so that a busy machine slows both alike. */
async function load(directory: string, round: number): Promise<{ readonly sink: number; readonly bare: number }> {
  const sink = await openSink(directory);
  const bare = openBare(path.join(directory, BARE));
  let [sinkMs, bareMs] = [0, 0];
  for (let first = 0; first < RECORDS; first += BATCH) {
    const records = Array.from({ length: BATCH }, (_, i) => record(first + i, round));
    const rows = records.map((each) => toRow(each, 't+0')).filter((row): row is EventRow => !isRefusal(row));
    const start = performance.now();
    bare.write(rows);
    const between = performance.now();
    await sink.write(records);
    sinkMs += performance.now() - between;
    bareMs += between - start;
  }
  bare.close();
  await sink.close();
  return { sink: sinkMs / 1000, bare: bareMs / 1000 };
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
    const rounds: { readonly sink: number; readonly bare: number }[] = [];
    let storedRows = RECORDS;
    for (let round = 0; round < ROUNDS; round++) {
      const folder = path.join(directory, String(round));
      const seconds = await load(folder, round);
      rounds.push(seconds);
      storedRows = Math.min(storedRows, ...[TABLE, BARE].map((file) => stored(path.join(folder, file))));
      process.stderr.write(
        `round ${round + 1}: sink ${seconds.sink.toFixed(2)} s, bare ${seconds.bare.toFixed(2)} s\n`,
      );
      rmSync(folder, { recursive: true });
    }
    const rate = (seconds: readonly number[]) => Math.round(RECORDS / Math.min(...seconds));
    const ratios = rounds.map(({ sink, bare }) => bare / sink).toSorted((a, b) => a - b);
    const ratio = ratios[Math.floor(ROUNDS / 2)] ?? 0;
    return {
      name: 'load-table',
      ok: storedRows === RECORDS && ratio >= TARGET,
      figures: {
        table_records_per_s: rate(rounds.map(({ sink }) => sink)),
        insert_records_per_s: rate(rounds.map(({ bare }) => bare)),
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
