import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { checkTimezone, checkWindow, HOUR_MS, MINUTE_MS, Windows } from './windows.ts';

const ZONES = ['UTC', 'Europe/Berlin', 'Asia/Seoul', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'America/St_Johns'];

function windowAt(windows: Windows, time: number) {
  return windows.of(Math.floor(time / windows.slotMs));
}

test('in UTC a window is what begins with the hour, or a part of it', () => {
  const time = Date.UTC(2026, 10, 22, 12, 34, 56);
  const hour = Date.UTC(2026, 10, 22, 12);
  assert.deepEqual(windowAt(new Windows(HOUR_MS, 'UTC'), time), { start: hour, local: hour });
  const part = Date.UTC(2026, 10, 22, 12, 30);
  assert.deepEqual(windowAt(new Windows(10 * MINUTE_MS, 'UTC'), time), { start: part, local: part });
});

test('where the clock is put back, two windows share the time on the wall, and differ', () => {
  const windows = new Windows(HOUR_MS, 'Europe/Berlin');
  const [first, second, third] = [0, 1, 2].map((hour) => windowAt(windows, Date.UTC(2026, 9, 25, hour, 30)));
  assert.deepEqual(first, { start: Date.UTC(2026, 9, 25, 0), local: Date.UTC(2026, 9, 25, 2) });
  assert.deepEqual(second, { start: Date.UTC(2026, 9, 25, 1), local: Date.UTC(2026, 9, 25, 2) });
  assert.equal(third?.local, Date.UTC(2026, 9, 25, 3));
});

test('where the clock is put forward, an hour of the wall is left out', () => {
  const windows = new Windows(HOUR_MS, 'Europe/Berlin');
  const hours = [0, 1].map((hour) => new Date(windowAt(windows, Date.UTC(2026, 2, 29, hour, 30)).local).getUTCHours());
  assert.deepEqual(hours, [1, 3]);
});

test('a window holds what the wall clock shows of it, in any zone, at any time', () => {
  const times = fc.integer({ min: Date.UTC(2016, 0, 1), max: Date.UTC(2036, 0, 1) });
  const lengths = fc.constantFrom(1, 2, 5, 10, 15, 20, 30, 60);
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), lengths, times, (timezone, minutes, time) => {
      const windows = new Windows(minutes * MINUTE_MS, timezone);
      const { start, local } = windowAt(windows, time);
      const wall = new Date(time).toLocaleString('sv-SE', { timeZone: timezone });
      const shown = Date.parse(`${wall.replace(' ', 'T')}Z`);
      assert.ok(local <= shown && shown < local + minutes * MINUTE_MS, `${timezone} ${wall}`);
      assert.ok(start <= time);
      // Windows that begin at once are the same one.
      const other = windowAt(windows, time + minutes * MINUTE_MS);
      assert.notEqual(other.start, start);
    }),
    { numRuns: 1_000 },
  );
});

test('what is no window or no zone is told apart', () => {
  assert.deepEqual(
    [1, 10, 15, 60].map((minutes) => checkWindow(minutes * MINUTE_MS)),
    [true, true, true, true],
  );
  assert.deepEqual(
    [0.5, 7, 45, 90].map((minutes) => checkWindow(minutes * MINUTE_MS)),
    [false, false, false, false],
  );
  assert.deepEqual(['UTC', 'Asia/Seoul', 'Mars/Olympus', '+02:00', ''].map(checkTimezone), [
    true,
    true,
    false,
    false,
    false,
  ]);
});
