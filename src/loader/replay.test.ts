import assert from 'node:assert/strict';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { TABLE_CONFIG } from '../../test/support/fill-table.ts';
import { recordAt, START } from '../../test/support/records.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import { openTestLog } from '../../test/support/test-log.ts';
import { deadLetterTopic, replayTopic } from '../log/dead-letter.ts';
import type { Log, LogRecord, NewRecord } from '../log/log.ts';
import type { DeadLetters, PartitionWriter, Sink } from '../sinks/sink.ts';
import { createTableSink } from '../sinks/table/create.ts';
import { systemClock } from '../support/clock.ts';
import { defineErrors } from '../support/errors.ts';
import { silentLogger } from '../support/logger.ts';
import { groupOf } from './connector.ts';
import type { Replayed, TimeRange } from './replay.ts';
import { replay } from './replay.ts';

const NAME = 'table';
const errors = defineErrors({
  STORE_AWAY: { decision: 'retry', help: 'wait' },
  STORE_BROKEN: { decision: 'stop', help: 'mend it' },
});
const EVER: TimeRange = { from: 0, to: Number.MAX_SAFE_INTEGER };

/** A log with records of two partitions, all loaded by the connector, and the connector's store. */
async function setUp(t: TestContext, records: readonly (readonly NewRecord[])[]) {
  const directory = temporaryDirectory(t);
  const log = await openTestLog(t);
  await log.admin.createTopic('web', { partitions: records.length });
  for (const own of [deadLetterTopic(NAME), replayTopic(NAME)]) await log.admin.createTopic(own, { partitions: 1 });
  const producer = log.producer();
  for (const [partition, some] of records.entries()) {
    if (some.length > 0) await producer.send({ topic: 'web', partition }, some);
  }
  await producer.close();
  const loaded = records.map(({ length }, partition) => ({ topic: 'web', partition, offset: length }));
  await log.admin.alterPositions(groupOf(NAME), loaded);
  const table = (deadLetters: DeadLetters): Sink => {
    const { admin } = log;
    const context = { connector: NAME, admin, deadLetters, clock: systemClock, logger: silentLogger };
    return createTableSink(TABLE_CONFIG, { ...context, dataDirectory: directory });
  };
  const again = (range: TimeRange = EVER, createSink = table, more: { signal?: AbortSignal; log?: Log } = {}) =>
    replay({
      log,
      connector: NAME,
      topics: ['web'],
      config: { retryInitial: 1, retryMax: 5 },
      clock: systemClock,
      createSink,
      signal: new AbortController().signal,
      ...more,
      ...range,
    });
  const stored = <T>(sql: string): T[] => {
    const database = new DatabaseSync(path.join(directory, 'search.db'));
    try {
      return database.prepare(sql).all() as T[];
    } finally {
      database.close();
    }
  };
  const ids = () => stored<{ id: string }>('SELECT id FROM event').map(({ id }) => id);
  return { log, table, again, stored, ids };
}

const records = (from: number, count: number): LogRecord[] =>
  Array.from({ length: count }, (_, i) => recordAt(from + i));
const counts = (read: number, written: number, present: number, refused = 0): Replayed => ({
  ...{ read, written, present, refused },
});

test('exactly what is missing comes back, however often it is asked for', async (t) => {
  const { again, stored, ids } = await setUp(t, [records(0, 40), records(40, 40)]);
  assert.deepEqual(await again(), counts(80, 80, 0));
  const whole = ids().sort();
  assert.equal(whole.length, 80);
  stored(`DELETE FROM event WHERE id IN ('event-0', 'event-39', 'event-55')`);
  assert.deepEqual(await again(), counts(80, 3, 77));
  assert.deepEqual(ids().sort(), whole);
  assert.deepEqual(await again(), counts(80, 0, 80));
  assert.deepEqual(stored('SELECT * FROM position'), []);
});

test("a range goes by the events' times, from the first up to and without the last, wherever they stand", async (t) => {
  // A late event stands after the others, and an early one before them.
  const { again, ids } = await setUp(t, [[recordAt(90), ...records(0, 30), recordAt(12.5)], records(40, 5)]);
  assert.deepEqual(await again({ from: START + 12, to: START + 14 }), counts(3, 3, 0));
  assert.deepEqual(ids().sort(), ['event-12', 'event-12.5', 'event-13']);
  assert.deepEqual(await again({ from: START + 14, to: START + 14 }), counts(0, 0, 0));
  assert.deepEqual(await again({ from: START + 1_000, to: START + 2_000 }), counts(0, 0, 0));
});

test('what the connector has not loaded yet is left to it, and its position stays', async (t) => {
  const { log, again, ids } = await setUp(t, [records(0, 10), []]);
  await log.admin.alterPositions(groupOf(NAME), [{ topic: 'web', partition: 0, offset: 4 }]);
  const before = await log.admin.committed(groupOf(NAME));
  assert.deepEqual(await again(), counts(4, 4, 0));
  assert.equal(ids().length, 4);
  assert.deepEqual(await log.admin.committed(groupOf(NAME)), before);
});

test('what is refused is in the dead letters once, however often it is asked for', async (t) => {
  const broken = { timestamp: START, value: Buffer.from('no event') };
  const { log, again } = await setUp(t, [[recordAt(0), broken, recordAt(1)]]);
  for (const written of [2, 0]) {
    assert.deepEqual(await again(), counts(3, written, 2 - written, 1));
    const letters = await log.read({ topic: deadLetterTopic(NAME), partition: 0, offset: 0 });
    assert.equal(letters.records.length, 1);
  }
});

test('what was loaded as a replayed dead letter is loaded again as well', async (t) => {
  const { log, again, ids } = await setUp(t, [records(0, 1)]);
  const producer = log.producer();
  await producer.send({ topic: replayTopic(NAME), partition: 0 }, [recordAt(7)]);
  await producer.close();
  await log.admin.alterPositions(groupOf(NAME), [{ topic: replayTopic(NAME), partition: 0, offset: 1 }]);
  assert.deepEqual(await again(), counts(2, 2, 0));
  assert.deepEqual(ids(), ['event-0', 'event-7']);
});

/** A sink whose writers fail when they are told to. */
function failing(sink: Sink, fail: (call: 'write' | 'flush') => void): Sink {
  return {
    open: (signal) => sink.open(signal),
    close: () => sink.close(),
    partition: (partition, signal) => sink.partition(partition, signal),
    reload: async (partition, signal): Promise<PartitionWriter> => {
      const writer = (await sink.reload?.(partition, signal)) as PartitionWriter;
      return {
        resumeOffset: () => writer.resumeOffset(),
        write: async (some, during) => {
          const progress = await writer.write(some, during);
          fail('write');
          return progress;
        },
        flush: async (during) => {
          fail('flush');
          return writer.flush(during);
        },
        flushDueAt: () => writer.flushDueAt(),
        abandon: () => writer.abandon(),
      };
    },
  };
}

test('a store that is away for a moment is asked again, and every record counts once', async (t) => {
  const { table, again, ids } = await setUp(t, [records(0, 5_000), records(5_000, 10)]);
  let failures = 0;
  const sink = (deadLetters: DeadLetters) =>
    failing(table(deadLetters), () => {
      if (failures++ < 3) throw errors.STORE_AWAY('gone');
    });
  const { read, written, present } = await again(EVER, sink);
  assert.equal(read, 5_010);
  assert.equal(written + present, 5_010);
  assert.equal(ids().length, 5_010);
});

test('a log that does not know its own end for a moment is asked again, and nothing is passed over', async (t) => {
  const { log, table, again, ids } = await setUp(t, [records(0, 50)]);
  let unknowing = 3;
  const late: Log = {
    admin: log.admin,
    producer: () => log.producer(),
    consumer: (group, topics) => log.consumer(group, topics),
    close: () => log.close(),
    read: async (from, options) => {
      const batch = await log.read(from, options);
      return unknowing-- > 0 ? { ...batch, records: [], endOffset: 20 } : batch;
    },
  };
  assert.deepEqual(await again(EVER, table, { log: late }), counts(50, 50, 0));
  assert.equal(ids().length, 50);
});

test('a store that stays away, or is broken, is told of; the next call finishes', async (t) => {
  const { table, again, ids } = await setUp(t, [records(0, 5_000)]);
  let failures = 0;
  const always = (make: () => Error) => (deadLetters: DeadLetters) =>
    failing(table(deadLetters), (call) => {
      if (call !== 'flush') return;
      failures++;
      throw make();
    });
  await assert.rejects(
    again(
      EVER,
      always(() => errors.STORE_BROKEN('broken')),
    ),
    { code: 'STORE_BROKEN' },
  );
  assert.equal(failures, 1);
  await assert.rejects(
    again(
      EVER,
      always(() => errors.STORE_AWAY('gone')),
    ),
    { code: 'STORE_AWAY' },
  );
  assert.ok(failures > 2 && failures < 10, String(failures));
  const before = ids().length;
  assert.ok(before > 0 && before < 5_000, String(before));
  assert.deepEqual(await again(), counts(5_000, 5_000 - before, before));
});

test('who stops it hears so, and nothing is half-done', async (t) => {
  const { table, again, ids } = await setUp(t, [records(0, 5_000)]);
  const stop = new AbortController();
  const sink = (deadLetters: DeadLetters) => failing(table(deadLetters), () => stop.abort());
  await assert.rejects(again(EVER, sink, { signal: stop.signal }), { name: 'AbortError' });
  assert.ok(ids().length < 5_000);
  const { read, written, present } = await again();
  assert.deepEqual({ read, sum: written + present, stored: ids().length }, { read: 5_000, sum: 5_000, stored: 5_000 });
});

test('a store that would hold records twice is refused before anything is read', async (t) => {
  const { again } = await setUp(t, [records(0, 3)]);
  const files = (): Sink => ({
    open: () => assert.fail('opened'),
    partition: () => assert.fail('taken'),
    close: async () => {},
  });
  await assert.rejects(again(EVER, files), { code: 'REPLAY_WOULD_DOUBLE', decision: 'refuse' });
});
