import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import test from 'node:test';
import { systemClock } from './clock.ts';

const LONG_MS = 600_000;

test('a sleep lasts as long as it was told', async () => {
  const began = systemClock.monotonic();
  await systemClock.sleep(20);
  // Timers count whole milliseconds.
  assert.ok(systemClock.monotonic() - began >= 19);
});

test('a sleep ends with its signal, and leaves nothing there', async () => {
  const awake = new AbortController();
  const sleeps = [systemClock.sleep(LONG_MS, awake.signal), systemClock.sleep(LONG_MS, awake.signal)];
  assert.equal(getEventListeners(awake.signal, 'abort').length, 2);
  awake.abort();
  await Promise.all(sleeps);
  await systemClock.sleep(LONG_MS, awake.signal);
  assert.equal(getEventListeners(awake.signal, 'abort').length, 0);

  const never = new AbortController();
  await systemClock.sleep(1, never.signal);
  assert.equal(getEventListeners(never.signal, 'abort').length, 0);
});
