import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { EMBEDDED_DEFAULTS } from '../../../test/support/embedded-log.ts';
import { temporaryDirectory } from '../../../test/support/temporary.ts';
import { until } from '../../../test/support/until.ts';
import { CONNECTORS_TOPIC } from '../dead-letter.ts';
import type { Consumer } from '../log.ts';
import type { EmbeddedLog } from './open.ts';
import { openEmbeddedLog } from './open.ts';

const TOPIC = 'events';
const PARTITION = { topic: TOPIC, partition: 0 };
const DAY_MS = 24 * 60 * 60 * 1000;
const MIB = 1024 * 1024;
const BATCH_RECORDS = 10;
const BATCH_BYTES = 256 * 1024;

async function open(t: TestContext, bytes: number, directory = temporaryDirectory(t)): Promise<EmbeddedLog> {
  const config = { ...EMBEDDED_DEFAULTS.config, retention: { age: 7 * DAY_MS, bytes } };
  const log = await openEmbeddedLog({ directory, config, logger: EMBEDDED_DEFAULTS.logger });
  t.after(() => log.close());
  await log.admin.createTopic(TOPIC, { partitions: 1 });
  return log;
}

async function append(log: EmbeddedLog, batches: number, topic = TOPIC): Promise<void> {
  const value = new Uint8Array(BATCH_BYTES / BATCH_RECORDS);
  const records = Array.from({ length: BATCH_RECORDS }, () => ({ timestamp: 1, value }));
  const producer = log.producer();
  for (let sent = 0; sent < batches; sent++) await producer.send({ topic, partition: 0 }, records);
}

async function boundsOf(log: EmbeddedLog, topic = TOPIC): Promise<readonly [number, number]> {
  const [{ startOffset, endOffset } = { startOffset: -1, endOffset: -1 }] = await log.admin.offsets(topic);
  return [startOffset, endOffset];
}

async function join(log: EmbeddedLog, group: string, topics = [TOPIC]): Promise<Consumer> {
  const consumer = log.consumer(group, topics);
  let assigned = false;
  await consumer.subscribe({
    assigned: async () => {
      assigned = true;
    },
    revoked: async () => undefined,
    lost: () => undefined,
  });
  await until('the member has its partition', () => assigned);
  return consumer;
}

function bytesIn(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(path.join(directory, name)).size, 0);
}

test('what is too old goes, and its disk space comes back', async (t) => {
  const directory = temporaryDirectory(t);
  const log = await open(t, 4096 * MIB, directory);
  await append(log, 100);
  await log.runRetention(Date.now() + 6 * DAY_MS);
  assert.deepEqual(await boundsOf(log), [0, 1000]);
  assert.ok(bytesIn(directory) > 100 * BATCH_BYTES);
  await log.runRetention(Date.now() + 8 * DAY_MS);
  assert.deepEqual(await boundsOf(log), [1000, 1000]);
  assert.ok(bytesIn(directory) < 2 * MIB, `${bytesIn(directory)} bytes are left`);
  await append(log, 1);
  assert.deepEqual(await boundsOf(log), [1000, 1010]);
});

test('connectors that were made at run time are kept, however old', async (t) => {
  const log = await open(t, 4096 * MIB);
  await log.admin.createTopic(CONNECTORS_TOPIC, { partitions: 1 });
  await append(log, 1);
  await append(log, 1, CONNECTORS_TOPIC);
  await log.runRetention(Date.now() + 8 * DAY_MS);
  assert.deepEqual(await boundsOf(log), [BATCH_RECORDS, BATCH_RECORDS]);
  assert.deepEqual(await boundsOf(log, CONNECTORS_TOPIC), [0, BATCH_RECORDS]);
});

test('what is too much goes, the oldest first, as records come', async (t) => {
  const directory = temporaryDirectory(t);
  const log = await open(t, 8 * MIB, directory);
  await append(log, 100);
  const [start, end] = await boundsOf(log);
  assert.equal(end, 1000);
  assert.ok(start > 600 && start < 1000, `the log starts at ${start}`);
  const { usedBytes } = await log.statistics();
  assert.ok(usedBytes <= 8 * MIB, `${usedBytes} bytes are in use`);
  const { records } = await log.read({ ...PARTITION, offset: 0 });
  assert.equal(records[0]?.offset, start);
});

test('the oldest of all topics goes first', async (t) => {
  const log = await open(t, 8 * MIB);
  await log.admin.createTopic('other', { partitions: 1 });
  await append(log, 10);
  await append(log, 100, 'other');
  assert.deepEqual(await boundsOf(log), [100, 100]);
});

test('retention stops at what a protected group has not committed', async (t) => {
  const log = await open(t, 4096 * MIB);
  log.protect(['loader']);
  await append(log, 10);
  const consumer = await join(log, 'loader');
  await consumer.commit([{ ...PARTITION, offset: 45 }]);
  await log.runRetention(Date.now() + 8 * DAY_MS);
  assert.deepEqual(await boundsOf(log), [40, 100]);
  log.protect([]);
  await log.runRetention(Date.now() + 8 * DAY_MS);
  assert.deepEqual(await boundsOf(log), [100, 100]);
});

test('a protected group protects only the topics it reads, and all as long as that is not known', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await open(t, 4096 * MIB, directory);
  await first.admin.createTopic('other', { partitions: 1 });
  first.protect(['loader']);
  await append(first, 1);
  await append(first, 1, 'other');
  await first.runRetention(Date.now() + 8 * DAY_MS);
  assert.deepEqual(
    [await boundsOf(first), await boundsOf(first, 'other')],
    [
      [0, 10],
      [0, 10],
    ],
  );
  await (await join(first, 'loader')).close();
  await first.close();

  const second = await open(t, 4096 * MIB, directory);
  second.protect(['loader']);
  await second.runRetention(Date.now() + 8 * DAY_MS);
  assert.deepEqual(
    [await boundsOf(second), await boundsOf(second, 'other')],
    [
      [0, 10],
      [10, 10],
    ],
  );
});

test('a log full of protected records refuses more, until they are committed', async (t) => {
  const log = await open(t, 8 * MIB);
  log.protect(['loader']);
  await assert.rejects(append(log, 100), { code: 'LOG_FULL', decision: 'retry' });
  const [start, end] = await boundsOf(log);
  assert.equal(start, 0);
  assert.ok(end > 200, `it took ${end} records`);
  const { usedBytes } = await log.statistics();
  assert.ok(usedBytes <= 8 * MIB, `${usedBytes} bytes are in use`);
  const consumer = await join(log, 'loader');
  await consumer.commit([{ ...PARTITION, offset: end }]);
  await append(log, 1);
  assert.equal((await boundsOf(log))[1], end + BATCH_RECORDS);
});

test('appends go on while much is removed', async (t) => {
  const log = await open(t, 4096 * MIB);
  await append(log, 200);
  let retained = false;
  const retention = log.runRetention(Date.now() + 8 * DAY_MS).then(() => {
    retained = true;
  });
  let during = 0;
  for (; !retained; during++) await append(log, 1);
  await retention;
  assert.ok(during > 1, 'an append had to wait for all of the retention');
});
