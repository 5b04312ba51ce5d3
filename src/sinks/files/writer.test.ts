import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { TestAdmin } from '../../../test/support/admin.ts';
import { fakeSinkContext } from '../../../test/support/fake-sink-context.ts';
import type { FilesChanges } from '../../../test/support/files.ts';
import { filesConfigWith } from '../../../test/support/files.ts';
import type { Intercept } from '../../../test/support/memory-file-store.ts';
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
  return { meddling, clock: context.clock, take, ids, disk };
}

const idsOf = (count: number) =>
  range(0, count)
    .map(({ offset }) => `event-${offset}`)
    .toSorted();

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

test('files of a close that failed are not left behind', async (t) => {
  const { meddling, take, disk } = setUp(t);
  const writer = await take();
  meddling.intercept = async ({ name }, act) => {
    const made = await act();
    if (name !== 'stage') return made;
    const close = () => Promise.reject(filesErrors.FILES_LENGTH_MISMATCH('cut'));
    return { ...(made as object), close } as typeof made;
  };
  await writer.write(range(0, 5), t.signal);
  await assert.rejects(writer.flush(t.signal), { code: 'FILES_LENGTH_MISMATCH' });
  assert.deepEqual(
    disk.under('_millrace/tmp').filter((path) => path.endsWith('.part')),
    [],
  );
  await writer.abandon();
});
