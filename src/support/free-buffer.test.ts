import assert from 'node:assert/strict';
import test from 'node:test';
import { freeBuffer } from './free-buffer.ts';

test('memory that is given back is empty for all who look at it, and can be given back again', () => {
  const bytes = Buffer.alloc(10_000, 1);
  const view = bytes.subarray(5, 10);
  freeBuffer(bytes);
  assert.deepEqual([bytes.length, view.length], [0, 0]);
  freeBuffer(bytes);
});

test('memory that others may share is left alone', () => {
  const all = new Uint8Array(10).fill(7);
  freeBuffer(all.subarray(1));
  freeBuffer(all.subarray(0, 9));
  assert.deepEqual(all, new Uint8Array(10).fill(7));
  const pooled = Buffer.from('a');
  freeBuffer(pooled);
  assert.equal(pooled.toString(), 'a');
  freeBuffer(new Uint8Array());
});
