import { Backoff } from '../../support/backoff.ts';
import type { Clock } from '../../support/clock.ts';
import { decisionOf } from '../../support/errors.ts';

/** How long the store is given to come back. */
export interface Patience {
  readonly attempts: number;
  readonly initialMs: number;
  readonly maxMs: number;
}

/** Tries again what may be tried again, with growing waits between; throws what the last attempt did. */
export async function retrying<T>(
  { attempts, ...waits }: Patience,
  clock: Clock,
  signal: AbortSignal,
  act: () => Promise<T>,
): Promise<T> {
  const backoff = new Backoff(waits);
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      if (signal.aborted || attempt === attempts || decisionOf(error) !== 'retry') throw error;
      await clock.sleep(backoff.next(), signal);
    }
  }
}
