import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { IndexNames } from './index-name.ts';

const DAY = 86_400_000;
const LATE = 7 * DAY;
const names = new IndexNames('web-events-{yyyy.MM.dd}', LATE);

/** A UUIDv7 made at a time. */
function idAt(time: number): string {
  const hex = time.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7abc-8def-0123456789ab`;
}

const event = (time: number, more: object = {}) => ({
  id: 'e',
  sentTimestamp: undefined,
  timestamp: time,
  receivedAt: time,
  ...more,
});

test('an index is named after the time that every copy shares', () => {
  const midnight = Date.UTC(2026, 11, 1);
  const before = midnight - 1;
  // Received, and corrected, on the other side of midnight and of the month's end.
  const retried = { timestamp: midnight + 5, receivedAt: midnight + 5 };
  const index = 'web-events-2026.11.30';
  assert.equal(names.of(event(before)), index);
  assert.equal(names.of(event(before, { id: idAt(before), ...retried })), index);
  assert.equal(names.of(event(before, { sentTimestamp: new Date(before).toISOString(), ...retried })), index);
  assert.equal(names.of(event(before, { sentTimestamp: before, ...retried })), index);
  assert.equal(names.of(event(before, { sentTimestamp: 'yesterday', ...retried })), 'web-events-2026.12.01');
  assert.equal(names.of(event(midnight)), 'web-events-2026.12.01');
});

test("the year's last day is of its own year, and February has its leap day", () => {
  assert.equal(names.of(event(Date.UTC(2026, 11, 31, 23, 59))), 'web-events-2026.12.31');
  assert.equal(names.of(event(Date.UTC(2028, 1, 29, 12))), 'web-events-2028.02.29');
});

test('a time far from that of receipt has no index of its own', () => {
  const received = Date.UTC(2026, 10, 22, 12);
  for (const time of [received - LATE - 1, received + LATE + 1, 0, 253_402_300_799_999]) {
    assert.equal(names.of(event(time, { receivedAt: received })), 'web-events-late');
  }
  assert.equal(names.of(event(received - LATE, { receivedAt: received })), 'web-events-2026.11.15');
});

test('patterns: times apart, hours, one index for all', () => {
  const time = Date.UTC(2026, 10, 2, 3);
  const apart = new IndexNames('web-{yyyy}-{MM}', LATE);
  assert.equal(apart.of(event(time)), 'web-2026-11');
  assert.equal(apart.all, 'web-*');
  assert.equal(new IndexNames('web-{yyyy.MM.dd-HH}', LATE).of(event(time)), 'web-2026.11.02-03');
  const one = new IndexNames('web', LATE);
  assert.equal(one.of(event(0, { receivedAt: time })), 'web');
  assert.equal(one.all, 'web');
  assert.equal(one.alsoIn(event(0, { receivedAt: time })), undefined);
});

test('however far apart two copies are received within a day, one is looked for where the other is', () => {
  const time = Date.UTC(2026, 10, 22, 12);
  fc.assert(
    fc.property(fc.integer({ min: -9 * DAY, max: 9 * DAY }), fc.integer({ min: 0, max: DAY }), (away, later) => {
      const [first, second] = [time + away, time + away + later].map((receivedAt) => ({
        id: idAt(time),
        sentTimestamp: undefined,
        timestamp: receivedAt,
        receivedAt,
      }));
      assert.ok(first && second);
      const found = names.of(second) === names.of(first) || names.alsoIn(second) === names.of(first);
      assert.ok(found);
    }),
  );
});
