import type { Clock } from '../support/clock.ts';
import { operationsErrors } from './errors.ts';

/** Longest a question about events, status or dead letters may take before its asker hears that it did. */
export const QUESTION_DEADLINE_MS = 10_000;
/** Questions to the store at once: one that timed out may still be working there. */
const MOST_QUESTIONS = 8;
const LATE: unique symbol = Symbol('late');

/** Asks with a deadline, and no more at once than the store should have to bear. */
export class Questions {
  readonly #clock: Clock;
  #open = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async ask<T>(question: () => Promise<T>): Promise<Awaited<T>> {
    if (this.#open >= MOST_QUESTIONS) {
      throw operationsErrors.OPERATIONS_BUSY(`${MOST_QUESTIONS} questions are being answered already.`);
    }
    this.#open++;
    const answer = question().finally(() => this.#open--);
    const answered = new AbortController();
    try {
      const late = this.#clock.sleep(QUESTION_DEADLINE_MS, answered.signal).then((): typeof LATE => LATE);
      const outcome = await Promise.race([answer, late]);
      if (outcome !== LATE) return outcome;
      throw operationsErrors.QUESTION_TIMED_OUT(`No answer within ${QUESTION_DEADLINE_MS / 1_000} s.`);
    } finally {
      answered.abort();
    }
  }
}
