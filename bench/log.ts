/** What the embedded log takes and gives, durably, through its public API. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import { encodeBatch } from '../src/log/embedded/codec.ts';
import type { EmbeddedLog } from '../src/log/embedded/open.ts';
import { openEmbeddedLog } from '../src/log/embedded/open.ts';
import type { LogStatistics } from '../src/log/embedded/protocol.ts';
import type { NewRecord } from '../src/log/log.ts';
import type { BenchResult } from './result.ts';
import { median, round } from './statistics.ts';

const TOPIC = 'select-color';
const PARTITIONS = 2;
/** Each has one batch a partition in flight. */
const PRODUCERS = 4;
const BATCH_RECORDS = 500;
const RECORD_BYTES = 300;
const ROUND_BATCHES = 800;
const ROUNDS = 5;
const IDLE_ROUNDS = 300;
const DAY_MS = 24 * 60 * 60 * 1000;
const MIB = 1024 * 1024;

const TARGETS = { append_per_s: 300_000, read_per_s: 600_000, append_vs_fdatasync: 0.4 };

const CONFIG = {
  durability: 'full',
  retention: { age: 7 * DAY_MS, bytes: 4096 * MIB },
  recordBytes: MIB,
  batchBytes: 16 * MIB,
} as const;

export async function run(): Promise<BenchResult> {
  // Not below the system's temporary directory, which may be memory: this measures a disk.
  const directory = mkdtempSync(path.join(process.cwd(), '.bench-log-'));
  try {
    return await measure(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function measure(directory: string): Promise<BenchResult> {
  const log = await openEmbeddedLog({ directory, config: CONFIG, logger: { level: 'warn', format: 'text' } });
  try {
    await log.admin.createTopic(TOPIC, { partitions: PARTITIONS });
    const appendSeconds: number[] = [];
    const bareSeconds: number[] = [];
    // Turn by turn, so that what else the machine does meets both.
    for (let round = 0; round < ROUNDS; round++) {
      appendSeconds.push(await timed(() => append(log, round)));
      const soFar = batchesPerSync(await log.statistics());
      bareSeconds.push(await timed(() => writeBare(directory, round, soFar)));
    }
    const perSync = batchesPerSync(await log.statistics());
    const readSeconds = await timed(() => readAll(log));
    const idleMs = await pollIdle(log);
    const diskBytes = bytesIn(directory);
    await log.runRetention(Date.now() + CONFIG.retention.age + DAY_MS);
    const roundRecords = ROUND_BATCHES * BATCH_RECORDS;
    const figures = {
      append_per_s: Math.round(roundRecords / median(appendSeconds)),
      read_per_s: Math.round((ROUNDS * roundRecords) / readSeconds),
      fdatasync_per_s: Math.round(roundRecords / median(bareSeconds)),
      idle_p50_ms: round(idleMs[Math.floor(idleMs.length * 0.5)]!),
      idle_p99_ms: round(idleMs[Math.floor(idleMs.length * 0.99)]!),
      batches_per_sync: round(perSync),
      peak_rss_mb: Math.round(process.resourceUsage().maxRSS / 1024),
      disk_bytes: diskBytes,
      disk_bytes_after_retention: bytesIn(directory),
    };
    const ratios = {
      append_vs_fdatasync: round(median(bareSeconds.map((bare, index) => bare / appendSeconds[index]!))),
    };
    const measured: Readonly<Record<string, number>> = { ...figures, ...ratios };
    const ok = Object.entries(TARGETS).every(([name, least]) => (measured[name] ?? 0) >= least);
    return { name: 'log', figures, ratios, targets: TARGETS, ok };
  } finally {
    await log.close();
  }
}

async function append(log: EmbeddedLog, round: number): Promise<void> {
  let next = round * ROUND_BATCHES;
  const end = next + ROUND_BATCHES;
  const lanes = Array.from({ length: PRODUCERS }, () => log.producer()).flatMap((producer) =>
    Array.from({ length: PARTITIONS }, (_, partition) => ({ producer, partition, events: new Events() })),
  );
  await Promise.all(
    lanes.map(async ({ producer, partition, events }) => {
      while (next < end) await producer.send({ topic: TOPIC, partition }, events.batch(next++));
    }),
  );
}

/** Reads everything as a consumer does, and counts what is there. */
async function readAll(log: EmbeddedLog): Promise<void> {
  const numbers = new Set<number>();
  let records = 0;
  const consumer = log.consumer('bench', [TOPIC]);
  const nothing = async () => undefined;
  await consumer.subscribe({ assigned: nothing, revoked: nothing, lost: () => undefined });
  while (records < ROUNDS * ROUND_BATCHES * BATCH_RECORDS) {
    const batches = await consumer.poll({ maxWaitMs: 10_000 });
    if (batches.length === 0) throw new Error(`only ${records} records came back`);
    for (const batch of batches) {
      records += batch.records.length;
      for (const { offset, value } of batch.records)
        if (offset % BATCH_RECORDS === 0) numbers.add(Events.batchOf(value));
    }
  }
  await consumer.close();
  if (numbers.size !== ROUNDS * ROUND_BATCHES) throw new Error(`only ${numbers.size} different batches came back`);
}

/** How long one record takes from its sender through the disk to a waiting consumer; sorted. */
async function pollIdle(log: EmbeddedLog): Promise<readonly number[]> {
  const producer = log.producer();
  const [record] = new Events().batch(0);
  const consumer = log.consumer('idle', [TOPIC], { from: 'latest' });
  const { promise: assigned, resolve } = Promise.withResolvers<void>();
  await consumer.subscribe({ assigned: async () => resolve(), revoked: async () => undefined, lost: () => undefined });
  await assigned;
  const waits: number[] = [];
  for (let round = 0; round < IDLE_ROUNDS; round++) {
    const start = performance.now();
    const sent = producer.send({ topic: TOPIC, partition: round % PARTITIONS }, [record!]);
    await consumer.poll({ maxWaitMs: 10_000 });
    waits.push(performance.now() - start);
    await sent;
  }
  await consumer.close();
  return waits.toSorted((a, b) => a - b);
}

/** The yardstick: the same batches, as many to a sync, with nothing but the file system. */
async function writeBare(directory: string, round: number, perSync: number): Promise<void> {
  const events = new Events();
  const file = openSync(path.join(directory, 'bare'), 'w');
  let syncs = 0;
  for (let written = 1; written <= ROUND_BATCHES; written++) {
    writeSync(file, encodeBatch(events.batch(round * ROUND_BATCHES + written), CONFIG).data);
    if (written < (syncs + 1) * perSync) continue;
    fdatasyncSync(file);
    syncs++;
  }
  fdatasyncSync(file);
  closeSync(file);
  rmSync(path.join(directory, 'bare'));
}

/** Makes batches of events that all differ, in one buffer again and again. */
class Events {
  static readonly #NUMBER_AT = '{"id":"'.length;
  static readonly #DIGITS = 10;
  readonly #buffer = Buffer.alloc(BATCH_RECORDS * RECORD_BYTES, 'x');
  readonly #records: NewRecord[];

  constructor() {
    const headers = { type: TOPIC };
    this.#records = Array.from({ length: BATCH_RECORDS }, (_, index) => {
      const value = this.#buffer.subarray(index * RECORD_BYTES, (index + 1) * RECORD_BYTES);
      value.write(`{"id":"${'0'.repeat(Events.#DIGITS)}","type":"${TOPIC}","userName":"`);
      value.write('"}', RECORD_BYTES - 2);
      return { timestamp: Date.now(), value, headers };
    });
  }

  /** The number of the batch that an event was made for. */
  static batchOf(value: Uint8Array): number {
    const digits = value.subarray(Events.#NUMBER_AT, Events.#NUMBER_AT + Events.#DIGITS);
    return Math.floor(Number(Buffer.from(digits).toString()) / BATCH_RECORDS);
  }

  batch(number: number): readonly NewRecord[] {
    for (let index = 0; index < BATCH_RECORDS; index++) {
      const text = String(number * BATCH_RECORDS + index).padStart(Events.#DIGITS, '0');
      this.#buffer.write(text, index * RECORD_BYTES + Events.#NUMBER_AT, 'latin1');
    }
    return this.#records;
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function batchesPerSync({ batches, commits }: LogStatistics): number {
  return batches / commits;
}

function bytesIn(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(path.join(directory, name)).size, 0);
}

if (import.meta.main) console.log(JSON.stringify(await run()));
