import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { TestClock } from '../../test/support/clock.ts';
import { recordAt } from '../../test/support/records.ts';
import { until } from '../../test/support/until.ts';
import type { LogRecord } from '../log/log.ts';
import type { PartitionWriter, Sink } from '../sinks/sink.ts';
import { defineErrors } from '../support/errors.ts';
import { silentLogger } from '../support/logger.ts';
import type { PartitionLoadOptions } from './partition-load.ts';
import { PartitionLoad } from './partition-load.ts';

const PARTITION = { topic: 'web', partition: 0 };
/** Where the group is, as far as the log knows. */
const COMMITTED = 7;
const CONFIG = {
  ...{ retryInitial: 1, retryMax: 5, queueBytes: 64 * 1024, stallTimeout: 60_000, stopTimeout: 5_000 },
  tolerance: 'all',
} as const;

/** A load into the writers that `partition` makes, which has begun. */
async function startLoad(partition: Sink['partition'], clock: TestClock, changes: Partial<PartitionLoadOptions>) {
  const load = new PartitionLoad({
    ...{ partition: PARTITION, sink: { open: async () => {}, close: async () => {}, partition } },
    ...{ config: CONFIG, clock, logger: silentLogger },
    committed: async () => COMMITTED,
    seek: () => {},
    room: () => {},
    durable: () => {},
    stumbled: () => {},
    failed: (error) => assert.fail(String(error)),
    ...changes,
  });
  await load.start();
  return load;
}

/** A load into a store that takes everything at once, and what became of it. */
async function setUp(keepsPosition: boolean) {
  const written: [writer: number, offset: number][] = [];
  const sought: number[] = [];
  const stumbles: string[] = [];
  let writers = 0;
  let stored: number | undefined;
  const partition = async (): Promise<PartitionWriter> => {
    const writer = ++writers;
    return {
      resumeOffset: () => (keepsPosition ? stored : undefined),
      write: async (records: readonly LogRecord[]) => {
        for (const { offset } of records) written.push([writer, offset]);
        stored = (records.at(-1)?.offset ?? -1) + 1;
        return { durableUpTo: stored, duplicates: 0 };
      },
      flush: async () => ({ durableUpTo: stored, duplicates: 0 }),
      flushDueAt: () => undefined,
      abandon: async () => {},
    };
  };
  const clock = new TestClock();
  const load = await startLoad(partition, clock, {
    seek: (offset) => void sought.push(offset),
    stumbled: (error) => void stumbles.push((error as { code: string }).code),
  });
  const offer = (from: number, to: number, leaderEpoch?: number) => {
    const records = Array.from({ length: to - from }, (_, i) => recordAt(from + i));
    load.offer({
      ...PARTITION,
      records,
      bytes: 1,
      endOffset: to,
      ...(leaderEpoch === undefined ? {} : { leaderEpoch }),
    });
  };
  const hasWritten = (count: number) => until(`${count} records are written`, () => written.length === count);
  return { load, clock, offer, written, sought, stumbles, hasWritten };
}

test('records that come again are passed over, whether the log has leaders or not', async () => {
  for (const epoch of [undefined, 3]) {
    const { load, offer, written, stumbles, hasWritten } = await setUp(false);
    offer(0, 10, epoch);
    offer(5, 12, epoch);
    await hasWritten(12);
    offer(12, 13, 4);
    await hasWritten(13);
    assert.deepEqual(
      written.map(([, offset]) => offset),
      Array.from({ length: 13 }, (_, offset) => offset),
    );
    assert.deepEqual(stumbles, []);
    await load.abandon();
  }
});

test('the thread has turns between, also where log and store answer at once', async () => {
  const { load, offer, written, hasWritten } = await setUp(false);
  offer(0, 5_000);
  offer(5_000, 10_000);
  await setImmediate();
  assert.ok(written.length < 5_000, `${written.length} were written before others had a turn`);
  await hasWritten(10_000);
  await load.abandon();
});

for (const keepsPosition of [false, true]) {
  const kind = keepsPosition ? 'a store with its own position decides' : 'a store without a position gets them';

  test(`records of a later leader at old offsets are others: ${kind}`, async () => {
    const { load, clock, offer, written, sought, stumbles, hasWritten } = await setUp(keepsPosition);
    offer(0, 10, 3);
    await hasWritten(10);
    offer(6, 12, 4);
    await until('it stumbles', () => stumbles.length === 1 && clock.sleeping === 1);
    clock.advance(CONFIG.retryMax);
    const goesOnAt = keepsPosition ? 10 : 6;
    await until('a new writer goes on', () => sought.at(-1) === goesOnAt);
    assert.deepEqual(stumbles, ['LOG_CUT']);
    offer(goesOnAt, 12, 4);
    await hasWritten(10 + 12 - goesOnAt);
    assert.deepEqual(written.at(-1), [2, 11]);
    await load.abandon();
  });
}

test('a store that takes records and never makes them durable is left alone for longer and longer', async () => {
  const clock = new TestClock();
  const waits: number[] = [];
  const sleep = clock.sleep.bind(clock);
  clock.sleep = (ms, signal) => {
    waits.push(ms);
    return sleep(ms, signal);
  };
  const away = defineErrors({ STORE_AWAY: { decision: 'retry', help: 'wait' } });
  const reports: number[] = [];
  let written = 0;
  const partition = async (): Promise<PartitionWriter> => ({
    resumeOffset: () => 0,
    write: async () => {
      // Each writer takes one batch, and fails at the next.
      if (++written % 2 === 0) throw away.STORE_AWAY('no answer');
      return { durableUpTo: 0, duplicates: 0 };
    },
    flush: async () => ({ durableUpTo: 0, duplicates: 0 }),
    flushDueAt: () => undefined,
    abandon: async () => {},
  });
  const config = { ...CONFIG, retryInitial: 1_000, retryMax: 60_000 };
  let failed = 0;
  const load = await startLoad(partition, clock, {
    config,
    durable: ({ offset }) => void reports.push(offset),
    stumbled: () => void failed++,
  });
  for (let round = 1; round <= 5; round++) {
    for (const from of [0, 10]) {
      const records = Array.from({ length: 10 }, (_, i) => recordAt(from + i));
      load.offer({ ...PARTITION, records, bytes: 1, endOffset: 20 });
    }
    await until('it has stumbled, and waits', () => failed === round && clock.sleeping > 0);
    assert.ok(waits.at(-1)! >= 500 * 2 ** (round - 1), `${waits.at(-1)} ms in round ${round}`);
    clock.advance(config.retryMax);
    await until('it goes on', () => reports.length === round + 1);
  }
  await load.abandon();
  assert.deepEqual(new Set(reports), new Set([0]), 'what the store says at each start, and nothing else');
});

test('what is waited for before the first record is what the group has not committed, unless the store knows better', async () => {
  const { load, offer, hasWritten } = await setUp(false);
  await until('it is known', () => load.awaited === COMMITTED);
  offer(20, 30);
  await hasWritten(10);
  await until('it has caught up', () => load.awaited === 30);
  await load.abandon();
});

for (const copies of [true, undefined]) {
  test(`records are freed ${copies ? 'once they are written' : 'by the collector, where the writer keeps them'}`, async () => {
    const wrong = defineErrors({ NO_RECORD: { decision: 'retry', help: 'wait' } });
    const writes: PromiseWithResolvers<void>[] = [];
    const partition = async (): Promise<PartitionWriter> => ({
      ...(copies && { copies }),
      resumeOffset: () => 0,
      write: async (records: readonly LogRecord[]) => {
        const write = Promise.withResolvers<void>();
        writes.push(write);
        await write.promise;
        return { durableUpTo: (records.at(-1)?.offset ?? -1) + 1, duplicates: 0 };
      },
      flush: async () => ({ durableUpTo: 0, duplicates: 0 }),
      flushDueAt: () => undefined,
      abandon: async () => {},
    });
    const stumbles: unknown[] = [];
    const load = await startLoad(partition, new TestClock(), { stumbled: (error) => void stumbles.push(error) });
    const freed: number[] = [];
    for (const offset of [0, 1, 2]) {
      load.offer({
        ...{ ...PARTITION, records: [recordAt(offset)], bytes: 1, endOffset: 3 },
        free: () => void freed.push(offset),
      });
    }
    await until('the first is being written', () => writes.length === 1);
    assert.deepEqual(freed, []);
    writes[0]?.resolve();
    await until('the second is being written', () => writes.length === 2);
    assert.deepEqual(freed, copies ? [0] : []);
    writes[1]?.reject(wrong.NO_RECORD('it was not written'));
    await until('it stumbles', () => stumbles.length === 1);
    assert.deepEqual(freed, copies ? [0] : []);
    await load.abandon();
  });
}
