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

test('an upload whose answer was lost is ended by whoever cleans up', async (t) => {
  const bucket = new MemoryBucket();
  const lost = new S3FileStore(
    CONFIG,
    bucket.client(async ({ name }, act) => {
      const answer = act();
      if (name === 'beginUpload') throw filesErrors.FILES_STORE_UNAVAILABLE('no answer');
      return answer;
    }),
  );
  await assert.rejects(lost.stage(PATHS, t.signal), { code: 'FILES_STORE_UNAVAILABLE' });
  assert.equal(bucket.openUploads.length, 1);
  await storeWithout(bucket).remove(FOLDER, t.signal);
  assert.equal(bucket.openUploads.length, 0);
});
