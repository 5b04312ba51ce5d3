import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { newEventId } from '../../../event/event.ts';
import type { Every } from './spans.ts';
import { spanOfSuffix, spansAround } from './spans.ts';

const anyTime = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2100, 0, 1) });
const anyEvery = fc.constantFrom<Every>('day', 'month');

/** A UUIDv7 of a millisecond, with the least or the greatest of what follows. */
function idOf(time: number, rest: '0' | 'f'): string {
  const hex = time.toString(16).padStart(12, '0');
  const variant = rest === '0' ? '8' : 'b';
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${rest.repeat(3)}-${variant}${rest.repeat(3)}-${rest.repeat(12)}`;
}

test('the ids of a span, and only those, are in its range', () => {
  fc.assert(
    fc.property(anyTime, anyEvery, (time, every) => {
      const { from, to, fromId, toId } = spansAround(time, every, 0)[0]!;
      assert.ok(from <= time && time < to);
      for (const inside of [idOf(from, '0'), idOf(time, '0'), idOf(time, 'f'), idOf(to - 1, 'f')]) {
        assert.ok(fromId <= inside && inside < toId, inside);
      }
      assert.ok(idOf(from - 1, 'f') < fromId);
      assert.ok(idOf(to, '0') >= toId);
    }),
  );
});

test('spans follow each other without a gap, and are known by their suffix', () => {
  fc.assert(
    fc.property(anyTime, anyEvery, fc.integer({ min: 0, max: 40 }), (time, every, around) => {
      const spans = spansAround(time, every, around);
      assert.equal(spans.length, 2 * around + 1);
      for (const [i, span] of spans.entries()) {
        assert.equal(span.from, i === 0 ? span.from : spans[i - 1]?.to);
        assert.deepEqual(spanOfSuffix(span.suffix), span);
      }
    }),
  );
});

test('other names are no spans', () => {
  for (const suffix of [
    '',
    'rest',
    'position',
    'p2026',
    'p20261301',
    'p20260230',
    'p202600',
    'p2026112x',
    'q20261123',
  ]) {
    assert.equal(spanOfSuffix(suffix), undefined, suffix);
  }
});

test('an id that is made now is in the range of today', () => {
  const before = Date.now();
  const id = newEventId();
  const spans = [...spansAround(before, 'day', 0), ...spansAround(Date.now(), 'day', 0)];
  assert.ok(spans.some(({ fromId, toId }) => fromId <= id && id < toId));
});
