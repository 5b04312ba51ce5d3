import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { formatTimestamp, MAX_TIME, parseTimestamp, toTime } from './time.ts';

test('reads every form that RFC 3339 has', () => {
  const expected = Date.UTC(2026, 10, 22, 12, 34, 56, 123);
  for (const text of [
    '2026-11-22T12:34:56.123Z',
    '2026-11-22t12:34:56.123z',
    '2026-11-22T21:34:56.123+09:00',
    '2026-11-22T03:04:56.1239999-09:30',
  ]) {
    assert.equal(parseTimestamp(text), expected, text);
  }
  assert.equal(parseTimestamp('2026-11-22T12:34:56Z'), expected - 123);
  assert.equal(parseTimestamp('2016-12-31T23:59:60Z'), Date.UTC(2017, 0, 1), 'a leap second');
  assert.equal(parseTimestamp('0001-01-01T00:00:00Z'), Date.parse('0001-01-01T00:00:00Z'));
  assert.equal(parseTimestamp('2024-02-29T00:00:00Z'), Date.UTC(2024, 1, 29));
});

test('refuses everything else', () => {
  for (const text of [
    '',
    'Z',
    '2026-11-22',
    '2026-11-22T12:34:56',
    '2026-11-22 12:34:56Z',
    '2026-11-22T12:34Z',
    '2026-11-22T12:34:56.Z',
    '2026-11-22T12:34:56Zx',
    '2026-11-22T12:34:56+0900',
    '2026-11-22T12:34:56+24:00',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:61Z',
    '+02026-01-01T00:00:00Z',
    '٢٠٢٦-01-01T00:00:00Z',
  ]) {
    assert.equal(parseTimestamp(text), undefined, text);
  }
  assert.equal(toTime(-1), undefined);
  assert.equal(toTime(MAX_TIME + 1), undefined);
  assert.equal(toTime(1.9), 1);
});

test('formats as Date does, and reads back what it wrote', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAX_TIME }), (time) => {
      assert.equal(formatTimestamp(time), new Date(time).toISOString());
      assert.equal(parseTimestamp(formatTimestamp(time)), time);
    }),
  );
});

test('agrees with Date on whatever both read', () => {
  const digit = fc.constantFrom(...'0123456789');
  const text = fc.tuple(fc.array(digit, { minLength: 17, maxLength: 17 }), fc.constantFrom('Z', '+09:00', '-11:30'));
  fc.assert(
    fc.property(text, ([d, zone]) => {
      const n = d.join('');
      const date = `${n.slice(0, 4)}-${n.slice(4, 6)}-${n.slice(6, 8)}`;
      const written = `${date}T${n.slice(8, 10)}:${n.slice(10, 12)}:${n.slice(12, 14)}.${n.slice(14)}${zone}`;
      const read = parseTimestamp(written);
      if (read !== undefined && n.slice(12, 14) !== '60') assert.equal(read, Date.parse(written));
    }),
  );
});
