import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { MemoryStore } from '../../test/support/memory-sink.ts';
import { openTestLog } from '../../test/support/test-log.ts';
import { until } from '../../test/support/until.ts';
import type { Consumer, Log } from '../log/log.ts';
import type { PartitionWriter, Sink } from '../sinks/sink.ts';
import { systemClock } from '../support/clock.ts';
import { defineErrors } from '../support/errors.ts';
import { silentLogger } from '../support/logger.ts';
import { Connector, groupOf } from './connector.ts';

const errors = defineErrors({
  STORE_AWAY: { decision: 'retry', help: 'wait' },
  STORE_BROKEN: { decision: 'stop', help: 'mend it' },
});

const config = {
  retryInitial: 1,
  retryMax: 5,
  queueBytes: 64 * 1024,
  stallTimeout: 60_000,
  stopTimeout: 5_000,
  tolerance: 'all',
} as const;

async function setUp(t: TestContext, keepsPosition: boolean) {
  const log = await openTestLog(t);
  await log.admin.createTopic('web', { partitions: 2 });
  await log.admin.createTopic('millrace-dead-letters-memory', { partitions: 1 });
  const store = new MemoryStore(keepsPosition);
  const start = (createSink: () => Sink = () => store.sink()) => {
    const connector = new Connector({
      name: 'memory',
      topics: ['web'],
      log,
      config,
      clock: systemClock,
      logger: silentLogger,
      createSink,
    });
    connector.start();
    t.after(() => connector.stop());
    return connector;
  };
  return { log, store, start };
}

let sequence = 0;
async function append(log: Log, count: number): Promise<string[]> {
  const producer = log.producer();
  const texts = Array.from({ length: count }, () => `{"n":${++sequence}}`);
  for (const [index, text] of texts.entries()) {
    await producer.send({ topic: 'web', partition: index % 2 }, [{ timestamp: 1, value: Buffer.from(text) }]);
  }
  await producer.close();
  return texts;
}

const lagOf = async (log: Log) => {
  const committed = await log.admin.committed(groupOf('memory'));
  const offsets = await log.admin.offsets('web');
  return offsets.reduce((sum, { partition, endOffset }) => {
    const position = committed.find((one) => one.partition === partition)?.offset ?? 0;
    return sum + endOffset - position;
  }, 0);
};

const textsIn = (store: MemoryStore) => store.records.map(({ text }) => text).sort();

test('a stop while the store opens is polite, and no failure', async (t) => {
  const { store, start } = await setUp(t, true);
  const opening = Promise.withResolvers<void>();
  store.before = (step, signal) => {
    if (step !== 'open') return;
    opening.resolve();
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  };
  const connector = start();
  await opening.promise;
  await connector.stop();
  const { state, restarts, lastError } = connector.snapshot;
  assert.deepEqual({ state, restarts, lastError }, { state: 'STOPPED', restarts: 0, lastError: undefined });
});

test('what a writer finishes between its calls is committed, though no record follows', async (t) => {
  const { log, start } = await setUp(t, false);
  await append(log, 20);
  const finished = Promise.withResolvers<void>();
  let taken = 0;
  start(() => ({
    open: async () => {},
    close: async () => {},
    partition: async () => {
      let end: number | undefined;
      let durableUpTo: number | undefined;
      let underway: Promise<void> | undefined;
      const writer: PartitionWriter = {
        resumeOffset: () => undefined,
        flushDueAt: () => undefined,
        flush: async () => ({ durableUpTo, duplicates: 0 }),
        abandon: async () => {},
        get underway() {
          return underway;
        },
        write: async (records) => {
          taken += records.length;
          if (durableUpTo !== undefined) underway = undefined;
          const last = records.at(-1);
          if (last) {
            end = last.offset + 1;
            underway ??= finished.promise.then(() => {
              durableUpTo = end;
            });
          }
          return { durableUpTo, duplicates: 0 };
        },
      };
      return writer;
    },
  }));
  await until('all is taken', () => taken === 20);
  assert.equal(await lagOf(log), 20);
  finished.resolve();
  await until('all is committed', async () => (await lagOf(log)) === 0);
});

for (const keepsPosition of [true, false]) {
  const kind = keepsPosition ? 'a store with its own position' : 'a store without a position';

  test(`${kind}: everything is loaded once, and its place committed`, async (t) => {
    const { log, store, start } = await setUp(t, keepsPosition);
    const before = await append(log, 20);
    const connector = start();
    const after = await append(log, 20);
    await until('all is committed', async () => (await lagOf(log)) === 0);
    assert.deepEqual(textsIn(store), [...before, ...after].sort());
    assert.equal(connector.snapshot.state, 'RUNNING');
    assert.equal(connector.snapshot.loaded, 40);
    await connector.stop();
    assert.equal(connector.snapshot.state, 'STOPPED');
    assert.equal(store.writers, 0);
  });

  test(`${kind}: a later connector goes on where the first one stopped`, async (t) => {
    const { log, store, start } = await setUp(t, keepsPosition);
    const first = await append(log, 10);
    const connector = start();
    await until('the first are loaded', async () => (await lagOf(log)) === 0);
    await connector.stop();
    const second = await append(log, 10);
    start();
    await until('the second are loaded', async () => (await lagOf(log)) === 0);
    assert.deepEqual(textsIn(store), [...first, ...second].sort());
  });

  test(`${kind}: failures at any step lose nothing`, async (t) => {
    const { log, store, start } = await setUp(t, keepsPosition);
    let step = 0;
    let failures = 0;
    store.before = () => {
      if (++step % 3 !== 0 || failures >= 40) return;
      failures++;
      throw errors.STORE_AWAY('away');
    };
    const connector = start();
    const texts = await append(log, 200);
    await until('all is committed', async () => (await lagOf(log)) === 0);
    const stored = textsIn(store);
    assert.deepEqual([...new Set(stored)], texts.sort());
    // This store takes records and position in one step, so a failure before it can't double anything.
    assert.equal(stored.length, 200);
    assert.ok(connector.snapshot.restarts > 0);
    assert.equal(connector.snapshot.lastError?.code, 'STORE_AWAY');
  });
}

test('a store that is ahead of the committed position moves it, with nothing left to load', async (t) => {
  const { log, store, start } = await setUp(t, true);
  await append(log, 10);
  const connector = start();
  await until('all is loaded', async () => (await lagOf(log)) === 0);
  await connector.stop();
  const behind = [0, 1].map((partition) => ({ topic: 'web', partition, offset: 2 }));
  await log.admin.alterPositions(groupOf('memory'), behind);
  start();
  await until('the position is the store’s again', async () => (await lagOf(log)) === 0);
  assert.equal(store.records.length, 10);
});

test('an error that no retry mends stops the connector with a clear state, until it is restarted', async (t) => {
  const { log, store, start } = await setUp(t, true);
  let broken = true;
  store.before = (step) => {
    if (broken && step === 'flush') throw errors.STORE_BROKEN('the store is broken');
  };
  const texts = await append(log, 4);
  const connector = start();
  await until('it has failed', () => connector.snapshot.state === 'FAILED');
  assert.equal(connector.snapshot.lastError?.code, 'STORE_BROKEN');
  assert.equal(store.writers, 0);
  broken = false;
  connector.restart();
  await until('all is loaded', async () => (await lagOf(log)) === 0);
  assert.equal(connector.snapshot.state, 'RUNNING');
  assert.deepEqual(textsIn(store), texts.sort());
});

test('a sink that can not be opened is tried again by itself', async (t) => {
  const { log, store, start } = await setUp(t, true);
  let tries = 0;
  store.before = (step) => {
    if (step === 'open' && ++tries < 4) throw errors.STORE_AWAY('away');
  };
  const connector = start();
  await append(log, 2);
  await until('all is loaded', async () => (await lagOf(log)) === 0);
  assert.equal(connector.snapshot.restarts, 3);
});

test('a paused connector loads nothing, and goes on when it is resumed', async (t) => {
  const { log, store, start } = await setUp(t, true);
  const connector = start();
  await append(log, 2);
  await until('the first are loaded', async () => (await lagOf(log)) === 0);
  connector.pause();
  await until('its writers are gone', () => store.writers === 0);
  await append(log, 2);
  assert.equal(store.records.length, 2);
  connector.resume();
  await until('the rest is loaded', async () => (await lagOf(log)) === 0);
  assert.equal(store.records.length, 4);
});

test('a store slower than the queue is waited for, and nothing is lost', async (t) => {
  const { log, store, start } = await setUp(t, true);
  const gate = Promise.withResolvers<void>();
  let writes = 0;
  store.before = async (step) => {
    if (step === 'write' && ++writes === 1) await gate.promise;
  };
  const connector = start();
  const producer = log.producer();
  const value = Buffer.alloc(16 * 1024, 'x');
  for (let i = 0; i < 40; i++) await producer.send({ topic: 'web', partition: 0 }, [{ timestamp: 1, value }]);
  await until('the first write is under way', () => writes === 1);
  gate.resolve();
  await until('all is loaded', async () => (await lagOf(log)) === 0);
  assert.equal(store.records.length, 40);
  assert.equal(connector.snapshot.restarts, 0);
});

test('a reader that stalls in silence is replaced', async (t) => {
  const { log, store } = await setUp(t, true);
  let stalled = false;
  let readers = 0;
  const stalling: Log = {
    admin: log.admin,
    producer: () => log.producer(),
    read: (from, options) => log.read(from, options),
    close: () => log.close(),
    consumer: (...words): Consumer => {
      const consumer = log.consumer(...words);
      const isFirst = ++readers === 1;
      const poll = consumer.poll.bind(consumer);
      consumer.poll = async (options) => {
        const batches = await poll(options);
        return isFirst && stalled ? [] : batches;
      };
      return consumer;
    },
  };
  const connector = new Connector({
    ...{ name: 'memory', topics: ['web'], log: stalling, clock: systemClock, logger: silentLogger },
    config: { ...config, stallTimeout: 40 },
    createSink: () => store.sink(),
  });
  connector.start();
  t.after(() => connector.stop());
  const before = await append(log, 10);
  await until('the first are loaded', async () => (await lagOf(log)) === 0);
  stalled = true;
  const after = await append(log, 10);
  await until('the others are loaded as well', async () => (await lagOf(log)) === 0);
  assert.deepEqual(textsIn(store), [...before, ...after].sort());
  assert.equal(connector.snapshot.lastError?.code, 'CONSUMER_STALLED');
  assert.equal(readers, 2);
});
