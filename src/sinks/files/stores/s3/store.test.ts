import assert from 'node:assert/strict';
import test from 'node:test';
import type { Intercept } from '../../../../../test/support/gate.ts';
import { MemoryBucket } from '../../../../../test/support/memory-bucket.ts';
import { filesErrors } from '../../errors.ts';
import { S3FileStore } from './store.ts';

const CONFIG = {
  bucket: 'bucket',
  region: 'us-east-1',
  pathStyle: false,
  partBytes: 5 << 20,
  memory: 16 << 20,
  deadline: 30_000,
  uploadDeadline: 300_000,
  ...{ prefix: undefined, endpoint: undefined, ca: undefined },
  ...{ accessKeyId: undefined, secretAccessKey: undefined, sessionToken: undefined },
};
const FOLDER = '_millrace/tmp/chain/0-a';
const PATHS = { temporary: `${FOLDER}/0.part`, final: 'data/one.json' };

/** A store over a bucket in memory, which gives no answer to requests of this name. */
function storeWithout(bucket: MemoryBucket, unanswered?: string): S3FileStore {
  const intercept: Intercept = async ({ name }, act) => {
    if (name === unanswered) throw filesErrors.FILES_STORE_UNAVAILABLE('no answer');
    return act();
  };
  return new S3FileStore(CONFIG, bucket.client(intercept));
}

/** A store over a bucket in memory, which takes the first request of this name and gives no answer to it. */
function storeWithoutAnswer(bucket: MemoryBucket, to: string): S3FileStore {
  const intercept: Intercept = async ({ name }, act) => {
    const answer = act();
    if (name === to) throw filesErrors.FILES_STORE_UNAVAILABLE('no answer');
    return answer;
  };
  return new S3FileStore(CONFIG, bucket.client(intercept));
}

test('the marker of an upload stays as long as the upload may be open, so that the next claim ends it', async (t) => {
  const bucket = new MemoryBucket();
  const staged = await storeWithout(bucket, 'abortUpload').stage(PATHS, t.signal);
  await staged.write(Buffer.from('half'), t.signal);
  await staged.discard();
  assert.equal(bucket.openUploads.length, 1);
  assert.ok(bucket.content.has(PATHS.temporary));
  await storeWithout(bucket).remove(FOLDER, t.signal);
  assert.equal(bucket.openUploads.length, 0);
  assert.equal(bucket.content.size, 0);
});

test('a part that grows leaves no smaller buffers behind', async (t) => {
  const bucket = new MemoryBucket();
  const store = storeWithout(bucket);
  const staged = await store.stage(PATHS, t.signal);
  const content = Buffer.alloc(3_000_000, 'content');
  for (let at = 0; at < content.length; at += 10_000) await staged.write(content.subarray(at, at + 10_000), t.signal);
  assert.deepEqual([store.memory.held, store.memory.kept], [4 << 20, 0]);
  await store.finish([await staged.seal(t.signal)], t.signal);
  assert.ok(bucket.content.get(PATHS.final)?.equals(content));
});

test('an upload whose answer was lost is ended', async (t) => {
  const bucket = new MemoryBucket();
  const lost = storeWithoutAnswer(bucket, 'beginUpload');
  await assert.rejects(lost.stage(PATHS, t.signal), { code: 'FILES_STORE_UNAVAILABLE' });
  assert.equal(bucket.openUploads.length, 0);
});

test('an upload whose answer was lost, as were all after it, is ended by whoever cleans up', async (t) => {
  const bucket = new MemoryBucket();
  let lost = false;
  const intercept: Intercept = async ({ name }, act) => {
    const answer = lost ? undefined : act();
    lost ||= name === 'beginUpload';
    if (lost) throw filesErrors.FILES_STORE_UNAVAILABLE('no answer');
    return answer as ReturnType<typeof act>;
  };
  const store = new S3FileStore(CONFIG, bucket.client(intercept));
  await assert.rejects(store.stage(PATHS, t.signal), { code: 'FILES_STORE_UNAVAILABLE' });
  assert.equal(bucket.openUploads.length, 1);
  await storeWithout(bucket).remove(FOLDER, t.signal);
  assert.equal(bucket.openUploads.length, 0);
});

test('an owner that is taken for dead, and stopped as it wakes, leaves no upload that nobody finds', async () => {
  const bucket = new MemoryBucket();
  const stop = new AbortController();
  const intercept: Intercept = async ({ name }, act) => {
    if (name === 'beginUpload') {
      // While it stood still, another one has taken the partition and cleaned up.
      await storeWithout(bucket).remove(FOLDER, AbortSignal.timeout(1_000));
      const upload = act();
      stop.abort();
      return upload;
    }
    if (name === 'idAt') stop.signal.throwIfAborted();
    return act();
  };
  const woken = new S3FileStore(CONFIG, bucket.client(intercept));
  await assert.rejects(woken.stage(PATHS, stop.signal), { name: 'AbortError' });
  assert.equal(bucket.openUploads.length, 0);
  assert.equal(bucket.content.size, 0);
});

test('an upload that is opened while its marker is being taken away is ended', async (t) => {
  const bucket = new MemoryBucket();
  const lists = Promise.withResolvers<void>();
  const listed = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  const owner = new S3FileStore(
    CONFIG,
    bucket.client(async ({ name }, act) => {
      if (name === 'beginUpload') {
        lists.resolve();
        await listed.promise;
      }
      return act();
    }),
  );
  const heir = new S3FileStore(
    CONFIG,
    bucket.client(async ({ name }, act) => {
      if (name === 'delete') {
        listed.resolve();
        await opened.promise;
      }
      return act();
    }),
  );
  const staging = owner.stage(PATHS, t.signal);
  await lists.promise;
  const cleaning = heir.remove(FOLDER, t.signal);
  // The owner still sees its marker, and goes on.
  const staged = await staging;
  opened.resolve();
  await cleaning;
  assert.equal(bucket.openUploads.length, 0);
  await assert.rejects(
    staged.close(t.signal).then(() => undefined),
    { code: 'FILES_GONE' },
  );
});

/** A store whose bucket calls it a success, at first, that another one is still putting the parts together. */
function storeBesideAnother(bucket: MemoryBucket, { uploadDeadline }: { uploadDeadline: number }): S3FileStore {
  let asked = 0;
  const intercept: Intercept = async ({ name }, act) =>
    name === 'completeUpload' && asked++ === 0 ? (undefined as ReturnType<typeof act>) : act();
  return new S3FileStore({ ...CONFIG, uploadDeadline }, bucket.client(intercept));
}

test('a file that another one is still putting together is waited for, until the deadline', async (t) => {
  const bucket = new MemoryBucket();
  const staged = await storeWithout(bucket).stage(PATHS, t.signal);
  await staged.write(Buffer.from('whole'), t.signal);
  const file = await staged.seal(t.signal);
  await staged.close(t.signal);
  const impatient = storeBesideAnother(bucket, { uploadDeadline: 0 });
  await assert.rejects(impatient.finish([file], t.signal), { code: 'FILES_STORE_UNAVAILABLE' });
  assert.ok(!bucket.content.has(PATHS.final));
  const patient = storeBesideAnother(bucket, { uploadDeadline: CONFIG.uploadDeadline });
  assert.deepEqual(await patient.finish([file], t.signal), []);
  assert.ok(bucket.content.has(PATHS.final));
});
