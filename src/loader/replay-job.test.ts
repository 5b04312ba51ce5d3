import assert from 'node:assert/strict';
import test from 'node:test';
import { whenAborted } from '../support/within.ts';
import { loaderErrors } from './errors.ts';
import { ReplayJob } from './replay-job.ts';

const REPLAYED = { read: 3, written: 1, present: 2, refused: 0 };

test('a replay says how far it is, and what became of it', async () => {
  const job = new ReplayJob();
  assert.deepEqual(job.state, { state: 'NONE', done: 0, all: 0 });
  const finish = Promise.withResolvers<void>();
  job.start(async (onProgress) => {
    onProgress(1, 3);
    await finish.promise;
    onProgress(3, 3);
    return REPLAYED;
  });
  assert.deepEqual(job.state, { state: 'RUNNING', done: 1, all: 3 });
  assert.throws(() => job.start(async () => REPLAYED), { code: 'REPLAY_UNDER_WAY' });
  finish.resolve();
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  await ended;
  assert.deepEqual(job.state, { state: 'DONE', done: 3, all: 3, replayed: REPLAYED });
});

test('one that fails or is ended says so, and another one may begin', async () => {
  const job = new ReplayJob();
  job.start(async (_, signal) => {
    await whenAborted(signal);
    throw signal.reason;
  });
  await job.stop();
  assert.equal(job.state.state, 'FAILED');
  job.start(async () => {
    throw loaderErrors.REPLAY_WOULD_DOUBLE('files');
  });
  await job.stop();
  assert.equal(job.state.error?.code, 'REPLAY_WOULD_DOUBLE');
  assert.equal(job.state.error?.decision, 'refuse');
  await job.stop();
});
