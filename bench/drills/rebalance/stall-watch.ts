import { setTimeout as delay } from 'node:timers/promises';

const LOOK_EVERY_MS = 1_000;

/** Looks at a position every second, and keeps the longest time in which it did not move. */
export class StallWatch {
  readonly #position: () => Promise<number>;
  readonly #stopped = new AbortController();
  readonly #watching: Promise<void>;
  #longestMs = 0;

  constructor(position: () => Promise<number>) {
    this.#position = position;
    this.#watching = this.#watch();
    // Heard of at the stop.
    this.#watching.catch(() => {});
  }

  /** In seconds. */
  get longest(): number {
    return Math.round(this.#longestMs / 100) / 10;
  }

  /** Resolves to the longest time, in seconds. */
  async stop(): Promise<number> {
    this.#stopped.abort();
    await this.#watching;
    return this.longest;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopped;
    let last = await this.#position();
    let moved = performance.now();
    while (!signal.aborted) {
      await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
      const position = await this.#position();
      const now = performance.now();
      this.#longestMs = Math.max(this.#longestMs, now - moved);
      if (position === last) continue;
      last = position;
      moved = now;
    }
  }
}
