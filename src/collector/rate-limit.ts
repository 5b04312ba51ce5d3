import type { Clock } from '../support/clock.ts';

const WINDOW_MS = 1000;
/** Clients counted apart in one window; the rest share one count, so that memory has a bound. */
const MAX_CLIENTS = 10_000;
const THE_REST = '';

/** So many calls a second for each client. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #clock: Clock;
  readonly #calls = new Map<string, number>();
  #windowEnd = 0;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  /** Counts a call of this client and says whether it may go on. */
  allows(client: string): boolean {
    const now = this.#clock.monotonic();
    if (now >= this.#windowEnd) {
      this.#calls.clear();
      this.#windowEnd = now + WINDOW_MS;
    }
    const key = this.#calls.has(client) || this.#calls.size < MAX_CLIENTS ? client : THE_REST;
    const calls = (this.#calls.get(key) ?? 0) + 1;
    this.#calls.set(key, calls);
    return calls <= this.#perSecond;
  }
}
