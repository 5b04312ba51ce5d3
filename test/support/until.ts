import { setTimeout as delay } from 'node:timers/promises';

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>;

/**
 * Waits until `condition` gives something truthy and returns it. The deadline is only there so
 * that a broken program fails the test instead of hanging it; no test measures time with it.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  deadlineMs = 30_000,
  everyMs = 5,
): Promise<Truthy<T>> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) return value as Truthy<T>;
    if (performance.now() > end) throw new Error(`timed out waiting until ${what}`);
    await delay(everyMs);
  }
}
