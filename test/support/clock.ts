import type { Clock } from '../../src/support/clock.ts';

interface Sleeper {
  readonly at: number;
  wake(): void;
}

/** A clock that stands still until the test moves it. Wall and monotonic time move together. */
export class TestClock implements Clock {
  #now: number;
  readonly #start: number;
  #sleepers: Sleeper[] = [];

  constructor(start = Date.UTC(2026, 10, 22, 12)) {
    this.#now = start;
    this.#start = start;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - this.#start;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper = { at: this.#now + ms, wake: () => resolve() };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        resolve();
      });
    });
  }

  /** How many are asleep: a test waits on this before it moves the clock. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Moves time on and wakes whoever is due, in the order of their times. */
  advance(ms: number): void {
    this.#now += ms;
    const due = this.#sleepers.filter((sleeper) => sleeper.at <= this.#now).sort((a, b) => a.at - b.at);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.at > this.#now);
    for (const sleeper of due) sleeper.wake();
  }
}
