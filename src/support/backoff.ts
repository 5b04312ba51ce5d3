/** How long to wait between tries. */
export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** A number from 0 to 1, for jitter; injected by tests. */
  readonly random?: () => number;
}

/**
 * Capped exponential backoff with equal jitter: a wait between half and all of
 * `initialMs · 2ⁿ`, so that many who failed together do not come back together.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Counts a failure and says how many milliseconds to wait before the next try. */
  next(): number {
    const { initialMs, maxMs, random = Math.random } = this.#options;
    const ceiling = Math.min(maxMs, initialMs * 2 ** Math.min(this.#failures++, 30));
    return ceiling / 2 + (ceiling / 2) * random();
  }

  /** After a success: the next failure waits the initial time again. */
  reset(): void {
    this.#failures = 0;
  }
}
