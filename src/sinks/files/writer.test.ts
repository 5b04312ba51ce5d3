import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { TestAdmin } from '../../../test/support/admin.ts';
import { fakeSinkContext } from '../../../test/support/fake-sink-context.ts';
import type { FilesChanges } from '../../../test/support/files.ts';
import { filesConfigWith } from '../../../test/support/files.ts';
import type { Intercept } from '../../../test/support/gate.ts';
import { MemoryDisk, MemoryFileStore } from '../../../test/support/memory-file-store.ts';
import { recordAt } from '../../../test/support/records.ts';
import { until } from '../../../test/support/until.ts';
import type { PartitionWriter } from '../sink.ts';
import { filesErrors } from './errors.ts';
import { readBack } from './read-files.ts';
import { createFilesSink } from './sink.ts';

const PARTITION = { topic: 'select-color', partition: 0 };
const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => recordAt(from + i));

/** A sink over a store in memory, with whose calls the test meddles. */
function setUp(t: TestContext, changes: FilesChanges = {}) {
  const disk = new MemoryDisk();
  const context = { ...fakeSinkContext({}, '/nowhere'), admin: new TestAdmin() };
  const meddling: { intercept: Intercept } = { intercept: async (_call, act) => act() };
  const store = new MemoryFileStore(disk, (call, act) => meddling.intercept(call, act));
  const take = async (): Promise<PartitionWriter> => {
    const sink = createFilesSink(filesConfigWith(changes), context, { namedTypes: ['select-color'], store });
    await sink.open(t.signal);
    return sink.partition(PARTITION, t.signal);
  };
  const ids = async () => {
    const records = await Array.fromAsync(readBack(new MemoryFileStore(disk), t.signal));
    return records.map((record) => (JSON.parse(record.toString()) as { id: string }).id).toSorted();
  };
  return { meddling, clock: context.clock, deadLetters: context.deadLetters, take, ids, disk, store };
}

const idsOf = (count: number) =>
  range(0, count)
    .map(({ offset }) => `event-${offset}`)
    .toSorted();

test('while a commit is under way, records go into new files', async (t) => {
  const { meddling, take, ids } = setUp(t, { roll: { records: 10 } });
  const writer = await take();
  const held = Promise.withResolvers<void>();
  let published = 0;
  meddling.intercept = async (call, act) => {
    if (call.name === 'publishIfAbsent' && ++published === 1) await held.promise;
    return act();
  };
  assert.equal((await writer.write(range(0, 15), t.signal)).durableUpTo, undefined);
  await until('the first commit is under way', () => published === 1);
  assert.equal((await writer.write(range(15, 4), t.signal)).durableUpTo, undefined);
  assert.equal(published, 1);
  held.resolve();
  await writer.underway;
  assert.equal((await writer.write([], t.signal)).durableUpTo, 10);
  assert.equal(writer.underway, undefined);
  assert.equal((await writer.flush(t.signal)).durableUpTo, 19);
  assert.equal(published, 2);
  await writer.abandon();
  assert.deepEqual(await ids(), idsOf(19));
});

test('a file that is full is committed with its last record, whether that had to wait for the file or not', async (t) => {
  for (const records of [1, 2]) {
    const { take, ids } = setUp(t, { roll: { records } });
    const writer = await take();
    await writer.write(range(0, records), t.signal);
    await writer.underway;
    assert.equal((await writer.write([], t.signal)).durableUpTo, records);
    await writer.abandon();
    assert.deepEqual(await ids(), idsOf(records));
  }
});

test('two commits are prepared side by side, and published one after the other', async (t) => {
  const { meddling, take, ids } = setUp(t, { roll: { records: 10 } });
  const writer = await take();
  const held = Promise.withResolvers<void>();
  const calls: string[] = [];
  const count = (name: string) => calls.filter((call) => call === name).length;
  meddling.intercept = async ({ name }, act) => {
    calls.push(name);
    if (name === 'finish') await held.promise;
    return act();
  };
  const writing = writer.write(range(0, 40), t.signal);
  await until('the first commit finishes its files, and the second is prepared', () => {
    return count('finish') === 1 && count('prepare') === 2 && count('close') === 2 && count('seal') === 2;
  });
  // Whatever else could be sent to the store meanwhile is sent by then.
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([count('publishIfAbsent'), count('prepare'), count('stage')], [1, 2, 3]);
  held.resolve();
  await writing;
  assert.equal((await writer.flush(t.signal)).durableUpTo, 40);
  const order = calls.filter((name) => name === 'publishIfAbsent' || name === 'finish');
  assert.deepEqual(order, Array.from({ length: 4 }, () => ['publishIfAbsent', 'finish']).flat());
  await writer.abandon();
  assert.deepEqual(await ids(), idsOf(40));
});

test('behind a commit that failed, one that was prepared is not published', async (t) => {
  const { meddling, take, disk } = setUp(t, { roll: { records: 10 } });
  const writer = await take();
  const before = disk.under('');
  const held = Promise.withResolvers<void>();
  const calls: string[] = [];
  meddling.intercept = async ({ name }, act) => {
    calls.push(name);
    if (name !== 'publishIfAbsent') return act();
    await held.promise;
    throw filesErrors.FILES_HDFS_REFUSED('no');
  };
  await writer.write(range(0, 25), t.signal);
  await until('the second is prepared', () => calls.filter((name) => name === 'prepare').length === 2);
  held.resolve();
  await assert.rejects(writer.flush(t.signal), { code: 'FILES_HDFS_REFUSED' });
  await writer.abandon();
  assert.equal(calls.filter((name) => name === 'publishIfAbsent').length, 1);
  assert.deepEqual(disk.under(''), before, 'files of either commit are left');
});

test('a commit that failed is told by the next call, and nothing is committed after it', async (t) => {
  const { meddling, take, ids } = setUp(t, { roll: { records: 10 } });
  const writer = await take();
  meddling.intercept = async ({ name }, act) => {
    if (name === 'prepare') throw filesErrors.FILES_HDFS_REFUSED('no');
    return act();
  };
  await writer.write(range(0, 15), t.signal);
  await writer.underway;
  await assert.rejects(writer.write([], t.signal), { code: 'FILES_HDFS_REFUSED' });
  await assert.rejects(writer.flush(t.signal), { code: 'FILES_HDFS_REFUSED' });
  await writer.abandon();
  meddling.intercept = async (_call, act) => act();
  assert.deepEqual(await ids(), []);
  const next = await take();
  assert.equal(next.resumeOffset(), undefined);
  await next.abandon();
});

test('files whose commit is not known to have failed stay, whoever gives up', async (t) => {
  const { meddling, clock, take, ids, disk } = setUp(t);
  const writer = await take();
  let away = false;
  meddling.intercept = async ({ name }, act) => {
    // The answer is lost, and after it the whole store, until the writer has given up.
    if (away) throw filesErrors.FILES_STORE_UNAVAILABLE('away');
    const done = act();
    if (name === 'publishIfAbsent') {
      away = true;
      throw filesErrors.FILES_STORE_UNAVAILABLE('the answer is lost');
    }
    return done;
  };
  await writer.write(range(0, 5), t.signal);
  let failed = false;
  const flushed = assert.rejects(writer.flush(t.signal), { code: 'FILES_STORE_UNAVAILABLE' }).then(() => {
    failed = true;
  });
  await until('it has given up', () => {
    clock.advance(1_000);
    return failed;
  });
  await flushed;
  meddling.intercept = async (_call, act) => act();
  await writer.abandon();
  const next = await take();
  assert.equal(next.resumeOffset(), 5);
  await next.abandon();
  assert.deepEqual(await ids(), idsOf(5));
  assert.deepEqual(disk.under('_millrace/tmp'), []);
});

test('while the last of a file is sent, records go into a new one', async (t) => {
  const { meddling, take, ids } = setUp(t, { roll: { records: 10 } });
  const writer = await take();
  const held = Promise.withResolvers<void>();
  const calls: string[] = [];
  meddling.intercept = async ({ name }, act) => {
    calls.push(name);
    if (name === 'seal') await held.promise;
    return act();
  };
  assert.equal((await writer.write(range(0, 15), t.signal)).durableUpTo, undefined);
  assert.deepEqual(
    calls.filter((name) => name === 'stage' || name === 'prepare'),
    ['stage', 'stage'],
  );
  held.resolve();
  assert.equal((await writer.flush(t.signal)).durableUpTo, 15);
  await writer.abandon();
  assert.deepEqual(await ids(), idsOf(15));
});

test('where open files used up the memory, the next is opened once they are sent, and not only committed', async (t) => {
  const { meddling, take, ids, store } = setUp(t);
  const writer = await take();
  let full = false;
  Object.defineProperty(store, 'full', { get: () => full });
  const held = Promise.withResolvers<void>();
  const calls: string[] = [];
  meddling.intercept = async ({ name }, act) => {
    calls.push(name);
    if (name === 'stage') full = calls.filter((call) => call === 'stage').length === 1;
    if (name === 'seal') full = false;
    if (name === 'publishIfAbsent') await held.promise;
    return act();
  };
  assert.equal((await writer.write(range(0, 2), t.signal)).durableUpTo, undefined);
  assert.equal(calls.filter((name) => name === 'stage').length, 2);
  held.resolve();
  assert.equal((await writer.flush(t.signal)).durableUpTo, 2);
  await writer.abandon();
  assert.deepEqual(await ids(), idsOf(2));
});

test('files that could not be sent to their end are not left behind, nor anything committed after them', async (t) => {
  const { meddling, take, disk } = setUp(t, { roll: { records: 10 } });
  const writer = await take();
  const before = disk.under('');
  const calls: string[] = [];
  let sealed = 0;
  meddling.intercept = async ({ name }, act) => {
    calls.push(name);
    if (name === 'seal' && ++sealed === 1) throw filesErrors.FILES_HDFS_REFUSED('no');
    return act();
  };
  await writer.write(range(0, 15), t.signal);
  await assert.rejects(writer.flush(t.signal), { code: 'FILES_HDFS_REFUSED' });
  assert.ok(calls.includes('discard'), 'before it was told');
  await writer.abandon();
  assert.deepEqual(disk.under(''), before);
  assert.ok(!calls.includes('publishIfAbsent'));
});

test('files of a close that failed are not left behind', async (t) => {
  const { meddling, take, disk } = setUp(t);
  const writer = await take();
  meddling.intercept = async ({ name }, act) => {
    if (name === 'close') throw filesErrors.FILES_LENGTH_MISMATCH('cut');
    return act();
  };
  await writer.write(range(0, 5), t.signal);
  await assert.rejects(writer.flush(t.signal), { code: 'FILES_LENGTH_MISMATCH' });
  assert.deepEqual(
    disk.under('_millrace/tmp').filter((path) => path.endsWith('.part')),
    [],
  );
  await writer.abandon();
});

test('records that the files have already are told of, and not stored a second time', async (t) => {
  const { take, ids } = setUp(t);
  const writer = await take();
  await writer.write(range(0, 5), t.signal);
  await writer.flush(t.signal);
  assert.equal((await writer.write(range(3, 5), t.signal)).duplicates, 2);
  await writer.flush(t.signal);
  await writer.abandon();
  assert.deepEqual(await ids(), idsOf(8));
});

test('nothing is committed before the dead letters below its end are kept', async (t) => {
  const { meddling, deadLetters, take } = setUp(t);
  const writer = await take();
  const kept = Promise.withResolvers<void>();
  const put = t.mock.method(deadLetters, 'put', () => kept.promise);
  const calls: string[] = [];
  meddling.intercept = async ({ name }, act) => {
    calls.push(name);
    return act();
  };
  await writer.write([...range(0, 2), { ...recordAt(2), value: Buffer.from('no object') }], t.signal);
  const flushed = writer.flush(t.signal);
  await until('the dead letter is on its way', () => put.mock.callCount() === 1);
  // Whatever could be sent to the store without waiting for it is sent by then.
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(!calls.includes('prepare'), calls.join());
  kept.resolve();
  assert.equal((await flushed).durableUpTo, 3);
  assert.ok(calls.includes('publishIfAbsent'));
  await writer.abandon();
});
