/** The longest that a timer of Node takes; a longer wait is several. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Waits that end when something may have changed. */
export class WakeUps {
  readonly #waiting = new Set<() => void>();

  /** Resolves at the next `wake`, after a time, or when aborted. */
  wait(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(ms, MAX_TIMER_MS));
      signal?.addEventListener('abort', wake);
      this.#waiting.add(wake);
    });
  }

  wake(): void {
    for (const wake of this.#waiting) wake();
  }
}
