import assert from 'node:assert/strict';
import test from 'node:test';
import { settlesWithin } from './within.ts';

test('a promise that settles in time, either way, is in time', async () => {
  assert.equal(await settlesWithin(Promise.resolve(), 60_000), true);
  assert.equal(await settlesWithin(Promise.reject(new Error('no')), 60_000), true);
});

test('a promise that does not settle is given up', async () => {
  assert.equal(await settlesWithin(new Promise(() => undefined), 1), false);
});
