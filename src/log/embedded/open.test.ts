import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { EMBEDDED_DEFAULTS } from '../../../test/support/embedded-log.ts';
import type { LogMemberData, LogMemberReport } from '../../../test/support/log-member.ts';
import { temporaryDirectory } from '../../../test/support/temporary.ts';
import { until } from '../../../test/support/until.ts';
import type { AssignmentListener, NewRecord } from '../log.ts';
import type { EmbeddedLog } from './open.ts';
import { connectEmbeddedLog, openEmbeddedLog } from './open.ts';
import { DATABASE_FILE } from './schema.ts';

const TOPIC = 'events';
const SUPPORT = path.join(import.meta.dirname, '../../../test/support');

const QUIET: AssignmentListener = {
  assigned: async () => undefined,
  revoked: async () => undefined,
  lost: () => undefined,
};

function record(text: string): NewRecord {
  return { timestamp: 1, value: Buffer.from(text) };
}

async function open(t: TestContext, directory = temporaryDirectory(t)): Promise<EmbeddedLog> {
  const log = await openEmbeddedLog({ directory, ...EMBEDDED_DEFAULTS });
  t.after(() => log.close());
  return log;
}

/** A worker thread that is a member of a group. */
function startMember(t: TestContext, log: EmbeddedLog, group: string) {
  const share = log.share();
  const worker = new Worker(path.join(SUPPORT, 'log-member.ts'), {
    workerData: { share, group, topic: TOPIC } satisfies LogMemberData,
    transferList: [share.port],
  });
  t.after(() => worker.terminate());
  const member = { worker, assigned: 0, values: [] as string[], ended: undefined as string | undefined };
  worker.on('message', (report: LogMemberReport) => {
    if ('assigned' in report) member.assigned += report.assigned.length;
    else if ('values' in report) member.values.push(...report.values);
    else member.ended = report.ended;
  });
  return member;
}

test('a log that is opened again has its identity, its records and its positions', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await open(t, directory);
  const topic = await first.admin.createTopic(TOPIC, { partitions: 2 });
  const logId = await first.admin.logId();
  await first.producer().send({ topic: TOPIC, partition: 1 }, [record('a'), record('b'), record('c')]);
  await first.admin.deleteRecords([{ topic: TOPIC, partition: 1, offset: 1 }]);
  await first.admin.alterPositions('group', [{ topic: TOPIC, partition: 1, offset: 2 }]);
  await first.close();
  const second = await open(t, directory);
  assert.equal(await second.admin.logId(), logId);
  assert.deepEqual(await second.admin.topics(), [topic]);
  assert.deepEqual((await second.admin.offsets(TOPIC))[1], {
    topic: TOPIC,
    partition: 1,
    startOffset: 1,
    endOffset: 3,
  });
  assert.deepEqual(await second.admin.committed('group'), [{ topic: TOPIC, partition: 1, offset: 2 }]);
  assert.deepEqual(await second.producer().send({ topic: TOPIC, partition: 1 }, [record('d')]), { baseOffset: 3 });
});

test('offsets are never given out again, even when nothing is held any more', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await open(t, directory);
  await first.admin.createTopic(TOPIC, { partitions: 1 });
  await first.producer().send({ topic: TOPIC, partition: 0 }, [record('a'), record('b')]);
  await first.admin.deleteRecords([{ topic: TOPIC, partition: 0, offset: 2 }]);
  await first.close();
  const second = await open(t, directory);
  assert.deepEqual(await second.producer().send({ topic: TOPIC, partition: 0 }, [record('c')]), { baseOffset: 2 });
});

test('a directory has one log at a time, in this process and in others', async (t) => {
  const directory = temporaryDirectory(t);
  const log = await open(t, directory);
  await assert.rejects(openEmbeddedLog({ directory, ...EMBEDDED_DEFAULTS }), { code: 'LOG_IN_USE', decision: 'stop' });
  const other = spawn(process.execPath, [path.join(SUPPORT, 'log-writer.ts'), directory, '0']);
  let errors = '';
  other.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const [exitCode] = await once(other, 'close');
  assert.notEqual(exitCode, 0);
  assert.match(errors, /LOG_IN_USE/);
  await log.close();
  await open(t, directory);
});

test('members in several threads share a group, and one whose thread dies loses its share', async (t) => {
  const log = await open(t);
  await log.admin.createTopic(TOPIC, { partitions: 2 });
  const producer = log.producer();
  const send = (text: string) =>
    Promise.all([0, 1].map((partition) => producer.send({ topic: TOPIC, partition }, [record(`${text}${partition}`)])));
  const one = startMember(t, log, 'group');
  await until('the first has both partitions', () => one.assigned === 2);
  const two = startMember(t, log, 'group');
  await until('the second has one', () => two.assigned === 1);
  await send('a');
  await until('each has read one', () => one.values.length === 1 && two.values.length === 1);
  await two.worker.terminate();
  await until('the first has both again', () => one.assigned === 3);
  await send('b');
  await until('the first has read both', () => one.values.length === 3);
  assert.deepEqual([...one.values, ...two.values].toSorted(), ['a0', 'a1', 'b0', 'b1']);
  await log.close();
  await until('the first has heard of the end', () => one.ended === 'LOG_CLOSED');
});

test('a connection that is closed takes its members along, and nothing else', async (t) => {
  const log = await open(t);
  await log.admin.createTopic(TOPIC, { partitions: 1 });
  const connection = await connectEmbeddedLog(log.share());
  const consumer = connection.consumer('group', [TOPIC]);
  await consumer.subscribe(QUIET);
  await assert.rejects(log.admin.alterPositions('group', []), { code: 'GROUP_HAS_MEMBERS' });
  await connection.close();
  await assert.rejects(consumer.poll({ maxWaitMs: 0 }), { code: 'LOG_CLOSED' });
  await assert.rejects(connection.admin.groups(), { code: 'LOG_CLOSED' });
  await log.admin.alterPositions('group', [{ topic: TOPIC, partition: 0, offset: 0 }]);
});

test('a topic that is made later reaches those who wait for it', async (t) => {
  const log = await open(t);
  const consumer = log.consumer('group', [TOPIC]);
  await consumer.subscribe(QUIET);
  const polled = consumer.poll({ maxWaitMs: 30_000 });
  await log.admin.createTopic(TOPIC, { partitions: 1 });
  await log.producer().send({ topic: TOPIC, partition: 0 }, [record('a')]);
  assert.equal((await polled)[0]?.records.length, 1);
});

test('a listener that fails ends its consumer with its error, and another can take over', async (t) => {
  const log = await open(t);
  await log.admin.createTopic(TOPIC, { partitions: 1 });
  const consumer = log.consumer('group', [TOPIC]);
  await consumer.subscribe({ ...QUIET, assigned: () => Promise.reject(new Error('no room')) });
  await assert.rejects(consumer.poll({ maxWaitMs: 30_000 }), /no room/);
  await consumer.close();
  const other = log.consumer('group', [TOPIC]);
  await other.subscribe(QUIET);
  const polled = other.poll({ maxWaitMs: 30_000 });
  await log.producer().send({ topic: TOPIC, partition: 0 }, [record('a')]);
  assert.equal((await polled)[0]?.records.length, 1);
});

test('a second send to a partition before the first has settled is a mistake', async (t) => {
  const log = await open(t);
  await log.admin.createTopic(TOPIC, { partitions: 1 });
  const producer = log.producer();
  const first = producer.send({ topic: TOPIC, partition: 0 }, [record('a')]);
  await assert.rejects(producer.send({ topic: TOPIC, partition: 0 }, [record('b')]), /under way/);
  await first;
});

test('a batch that is freed gives the memory of its records back', async (t) => {
  const log = await open(t);
  await log.admin.createTopic(TOPIC, { partitions: 1 });
  await log.producer().send({ topic: TOPIC, partition: 0 }, [record('a'), { ...record('b'), key: Buffer.from('k') }]);
  const consumer = log.consumer('group', [TOPIC]);
  t.after(() => consumer.close());
  await consumer.subscribe(QUIET);
  const [batch] = await consumer.poll({ maxWaitMs: 30_000 });
  const bytes = () => batch!.records.map(({ key, value }) => [key?.length, value.length]);
  assert.deepEqual(bytes(), [
    [undefined, 1],
    [1, 1],
  ]);
  batch!.free?.();
  assert.deepEqual(bytes(), [
    [undefined, 0],
    [0, 0],
  ]);
});

test('a damaged batch is noticed when it is read, and does not swallow the sound ones', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await open(t, directory);
  await first.admin.createTopic(TOPIC, { partitions: 2 });
  await first.producer().send({ topic: TOPIC, partition: 0 }, [record('a needle in the log')]);
  await first.producer().send({ topic: TOPIC, partition: 1 }, [record('a'), record('b')]);
  await first.close();
  const file = path.join(directory, DATABASE_FILE);
  const bytes = readFileSync(file);
  bytes.write('beetle', bytes.indexOf('needle'));
  writeFileSync(file, bytes);
  const second = await open(t, directory);
  await assert.rejects(second.read({ topic: TOPIC, partition: 0, offset: 0 }), { code: 'LOG_CORRUPT' });

  const consumer = second.consumer('group', [TOPIC]);
  let assigned = 0;
  await consumer.subscribe({
    ...QUIET,
    assigned: async (partitions) => {
      assigned += partitions.length;
    },
  });
  await until('it has both partitions', () => assigned === 2);
  const [batch, ...others] = await consumer.poll({ maxWaitMs: 30_000 });
  assert.deepEqual([batch?.partition, batch?.records.length, others.length], [1, 2, 0]);
  await assert.rejects(consumer.poll({ maxWaitMs: 30_000 }), { code: 'LOG_CORRUPT' });
});

test('a log of another version is refused as it is', async (t) => {
  const directory = temporaryDirectory(t);
  await (await open(t, directory)).close();
  const file = new DatabaseSync(path.join(directory, DATABASE_FILE));
  file.exec('PRAGMA user_version = 2');
  file.close();
  await assert.rejects(openEmbeddedLog({ directory, ...EMBEDDED_DEFAULTS }), {
    code: 'LOG_FAILED',
    message: /version 2/,
  });
});

test('a file that is no log is refused', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(path.join(directory, DATABASE_FILE), 'this is not a database'.repeat(1000));
  await assert.rejects(openEmbeddedLog({ directory, ...EMBEDDED_DEFAULTS }), {
    code: 'LOG_CORRUPT',
    message: "the file log.db is no database of Millrace's log",
  });
});
