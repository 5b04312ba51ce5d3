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

test('UUIDs are told from each other by each of their digits', () => {
  const ids = new RecentIds();
  const id = '0b3f9a52-5d0c-4f6e-9a1b-7c1e44d05a11';
  assert.equal(ids.repeats(0, record(0, id)), false);
  const others = [...id].flatMap((digit, at) => {
    return digit === '-' ? [] : [`${id.slice(0, at)}${digit === '7' ? '8' : '7'}${id.slice(at + 1)}`];
  });
  for (const [index, other] of others.entries()) assert.equal(ids.repeats(0, record(index + 1, other)), false, other);
  for (const [index, other] of [id, ...others].entries()) {
    assert.equal(ids.repeats(0, record(index + 100, other)), true, other);
  }
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

test('a UUID is remembered for thousands of records', () => {
  const ids = new RecentIds();
  const texts = Array.from({ length: 4_000 }, () => crypto.randomUUID());
  for (const [offset, id] of texts.entries()) assert.equal(ids.repeats(0, record(offset, id)), false, id);
  const noticed = texts.filter((id, index) => ids.repeats(0, record(texts.length + index, id)));
  assert.ok(noticed.length > texts.length / 2, `${noticed.length}`);
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
