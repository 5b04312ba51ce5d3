import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { MillraceError } from '../support/errors.ts';
import { checkInterval, chooseInterval, parseTime } from './times.ts';

test('times are read as RFC 3339 or milliseconds', () => {
  const noon = Date.UTC(2026, 10, 22, 12);
  for (const text of [
    '2026-11-22T12:00:00Z',
    '2026-11-22t12:00:00.000z',
    '2026-11-22T21:00:00+09:00',
    '2026-11-22T21:00:00 09:00',
    '2026-11-22 07:00:00.000000-05:00',
    String(noon),
  ])
    assert.equal(parseTime('from', text), noon, text);
});

test('anything else is refused, whatever it is', () => {
  const isTime = (text: string) => /^\d{1,16}$/.test(text) || /^\d{4}-\d{2}-\d{2}[T ]/i.test(text);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      if (isTime(text)) return;
      assert.throws(() => parseTime('from', text), { code: 'REQUEST_INVALID' });
    }),
  );
  for (const text of ['', '2026-11-22', '2026-13-22T12:00:00Z', '2026-11-22T12:00:00', '-1', '9999999999999999'])
    assert.throws(() => parseTime('from', text), MillraceError, text);
});

test('the chosen buckets fit every range', () => {
  const time = fc.integer({ min: 0, max: 8_640_000_000_000_000 });
  fc.assert(
    fc.property(time, time, (a, b) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b) + 1];
      const interval = chooseInterval(from, to);
      assert.ok(Math.ceil(to / interval) - Math.floor(from / interval) <= 120);
      checkInterval(from, to, interval);
    }),
  );
});
