import assert from 'node:assert/strict';
import test from 'node:test';
import { contentHash } from './content-hash.ts';

test('the content hash knows copies from others', () => {
  const event = { id: 'a', timestamp: '1', receivedAt: '2', sentTimestamp: '0', deep: { a: 1, b: [1, 2] } };
  const copy = { deep: { b: [1, 2], a: 1 }, sentTimestamp: '0', receivedAt: '3', timestamp: '4', id: 'a' };
  assert.equal(contentHash(copy), contentHash(event));
  for (const other of [
    { ...event, sentTimestamp: '9' },
    { ...event, deep: { a: 1, b: [2, 1] } },
    { ...event, more: null },
  ]) {
    assert.notEqual(contentHash(other), contentHash(event));
  }
});
