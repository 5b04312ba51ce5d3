import type { Clock } from '../support/clock.ts';
import type { Outcome } from './intake.ts';

/** What a client waits for: the outcomes of the events of one request. */
export class Acknowledgement {
  readonly settled: Promise<readonly Outcome[]>;
  readonly deadline: number;
  readonly #outcomes: Outcome[];
  #resolve: (outcomes: readonly Outcome[]) => void = () => {};
  #open: number;

  constructor(events: number, deadline: number) {
    this.deadline = deadline;
    this.#open = events;
    this.#outcomes = new Array<Outcome>(events).fill('uncertain');
    this.settled = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (events === 0) this.expire();
  }

  get done(): boolean {
    return this.#open === 0;
  }

  settle(index: number, outcome: Outcome): void {
    if (this.done) return;
    this.#outcomes[index] = outcome;
    if (--this.#open === 0) this.#resolve(this.#outcomes);
  }

  /** The time is up: what has no outcome yet stays uncertain. */
  expire(): void {
    this.#open = 0;
    this.#resolve(this.#outcomes);
  }
}

/** All acknowledgements under way; since all wait equally long, they stand in the order of their deadlines. */
export class Acknowledgements {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #waiting: Acknowledgement[] = [];

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  expect(events: number): Acknowledgement {
    const acknowledgement = new Acknowledgement(events, this.#clock.monotonic() + this.#timeoutMs);
    this.#waiting.push(acknowledgement);
    return acknowledgement;
  }

  /** Answers those whose time is up, and forgets those that are answered. */
  expire(): void {
    const now = this.#clock.monotonic();
    this.#waiting = this.#waiting.filter((one) => {
      if (!one.done && one.deadline <= now) one.expire();
      return !one.done;
    });
  }

  expireAll(): void {
    for (const one of this.#waiting) one.expire();
    this.#waiting = [];
  }
}
