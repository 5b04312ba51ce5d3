import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { LogRecord } from '../../log/log.ts';
import { RecentIds } from './recent-ids.ts';

const record = (offset: number, id: string): LogRecord => ({
  offset,
  timestamp: 1,
  value: Buffer.from(`{"id":${JSON.stringify(id)},"type":"a"}`),
});

test('a second record with an id is noticed, the same record read again is not', () => {
  const ids = new RecentIds();
  assert.equal(ids.repeats(0, record(0, 'a')), false);
  assert.equal(ids.repeats(0, record(1, 'b')), false);
  assert.equal(ids.repeats(0, record(0, 'a')), false);
  assert.equal(ids.repeats(0, record(2, 'a')), true);
  assert.equal(ids.repeats(0, record(2, 'a')), true);
  assert.equal(ids.repeats(1, record(0, 'a')), true);
});

test('ids are compared whole, escaped quotes included', () => {
  const ids = new RecentIds();
  assert.equal(ids.repeats(0, record(0, 'a"b')), false);
  assert.equal(ids.repeats(0, record(1, 'a"c')), false);
  assert.equal(ids.repeats(0, record(2, 'a"b')), true);
});

test('whatever else stands in the log is no repetition', () => {
  const ids = new RecentIds();
  for (const text of ['', '{}', '{"type":"a"}', '{"id":7}', '[1]']) {
    assert.equal(ids.repeats(0, { offset: 1, timestamp: 1, value: Buffer.from(text) }), false, text);
    assert.equal(ids.repeats(0, { offset: 2, timestamp: 1, value: Buffer.from(text) }), false, text);
  }
});

test('ids that differ are never taken for each other', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 128 }), { minLength: 2 }),
      (texts) => {
        const ids = new RecentIds();
        for (const [offset, id] of texts.entries()) assert.equal(ids.repeats(0, record(offset, id)), false, id);
      },
    ),
  );
});
