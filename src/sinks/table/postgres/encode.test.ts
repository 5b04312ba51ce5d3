import assert from 'node:assert/strict';
import test from 'node:test';
import { isRefusal, toRow } from '../../row.ts';
import { encodeRow, isStorable, timeText } from './encode.ts';

const encode = (event: object, columns: Parameters<typeof encodeRow>[1] = {}) => {
  const row = toRow({ offset: 0, timestamp: 0, value: Buffer.from(JSON.stringify(event)) }, 't+0');
  assert.ok(!isRefusal(row));
  return JSON.parse(encodeRow(row, columns)) as Record<string, unknown>;
};

test('a row has the columns of every table, each word once', () => {
  const event = {
    id: 'a"\\',
    type: 'b',
    timestamp: '2026-11-22T12:00:00.250Z',
    userName: '김',
    text: 'Red red blue 초록',
  };
  assert.deepEqual(encode(event), {
    id: 'a"\\',
    type: 'b',
    timestamp: '2026-11-22T12:00:00.250Z',
    user_name: '김',
    words: '김 red blue 초록',
    value: event,
  });
});

test('a configured column takes what fits its type, and nothing else', () => {
  const values = ['text', 12, 0.5, true, null, ['x'], { y: 1 }, '2026-11-22T12:00:00+09:00', 2 ** 60];
  const taken = (type: 'text' | 'integer' | 'number' | 'boolean' | 'timestamp') =>
    values.map((field) => encode({ id: 'a', type: 'b', field }, { c: { field: 'field', type } })['c']);
  const none = undefined;
  const time = '2026-11-22T12:00:00+09:00';
  assert.deepEqual(taken('text'), ['text', '12', '0.5', 'true', none, none, none, time, String(2 ** 60)]);
  assert.deepEqual(taken('integer'), [none, 12, none, none, none, none, none, none, none]);
  assert.deepEqual(taken('number'), [none, 12, 0.5, none, none, none, none, none, 2 ** 60]);
  assert.deepEqual(taken('boolean'), [none, none, none, true, none, none, none, none, none]);
  assert.deepEqual(taken('timestamp'), [...Array(7).fill(none), '2026-11-22T03:00:00.000Z', none]);
});

test('a field is found by its name, else by its path', () => {
  const columns = { c: { field: 'a.b', type: 'text' } } as const;
  const columnOf = (event: object) => encode({ id: 'a', type: 'b', ...event }, columns)['c'];
  assert.equal(columnOf({ 'a.b': 'name', a: { b: 'path' } }), 'name');
  assert.equal(columnOf({ a: { b: 'path' } }), 'path');
  for (const event of [{}, { a: null }, { a: 'b' }, { a: [{ b: 1 }] }, { a: { toString: 1 } }]) {
    assert.equal(columnOf(event), undefined);
  }
});

test('words that are too long or too many are cut off, within what a tsvector holds', () => {
  const text = Array.from({ length: 200_000 }, (_, i) => `나라${i}`).join(' ');
  const words = String(encode({ id: 'a', type: 'b', long: '가'.repeat(3_000), text })['words']);
  assert.ok(Buffer.byteLength(words.replaceAll(' ', '')) < 2 ** 20);
  const longest = Math.max(...words.split(' ').map((word) => Buffer.byteLength(word)));
  assert.ok(longest > 256 && longest < 2_046, `${longest} bytes`);
});

test('what jsonb does not hold is known, wherever it stands', () => {
  for (const bad of ['\0', '\ud800', 'x\udfff', Number.POSITIVE_INFINITY]) {
    assert.equal(isStorable({ a: bad }), false);
    assert.equal(isStorable({ a: [1, { b: [bad] }] }), false);
    if (typeof bad === 'string') assert.equal(isStorable({ a: { [bad]: 1 } }), false);
  }
  assert.ok(isStorable({ a: '\u0001 😀 \\u0000', b: [null, 1e308, -0, true, {}] }));
});

test('times beyond years of four digits stand at the edge', () => {
  assert.equal(timeText(8.64e15), '9999-12-31T23:59:59.999Z');
  assert.equal(timeText(-8.64e15), '0001-01-01T00:00:00.000Z');
  assert.equal(timeText(0), '1970-01-01T00:00:00.000Z');
});
