import type { Status } from '../../src/operations/status.ts';

/** What happened in the time between two statuses. Rates are events a second. */
export interface Sample {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly accepted: number;
  readonly delivered: number;
  readonly loaded: ReadonlyMap<string, number>;
  readonly lag: ReadonlyMap<string, number>;
}

/** Five minutes at one a second. */
const MOST_SAMPLES = 300;

/** Turns totals into rates. */
export class History {
  #samples: Sample[] = [];
  #last: Status | undefined;

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  get latest(): Sample | undefined {
    return this.#samples.at(-1);
  }

  add(status: Status): void {
    const last = this.#last;
    this.#last = status;
    // After a restart the totals begin again: there is no difference to take.
    if (!last || last.startedAt !== status.startedAt || status.now <= last.now) return;
    const seconds = (status.now - last.now) / 1_000;
    const rate = (before: number | undefined, after: number) => Math.max(0, after - (before ?? after)) / seconds;
    const before = new Map(last.connectors.map(({ name, loaded }) => [name, loaded]));
    this.#samples.push({
      at: status.now,
      accepted: rate(last.accounting.accepted, status.accounting.accepted),
      delivered: rate(last.accounting.delivered, status.accounting.delivered),
      loaded: new Map(status.connectors.map(({ name, loaded }) => [name, rate(before.get(name), loaded)])),
      lag: new Map(status.connectors.map(({ name, lag }) => [name, lag])),
    });
    if (this.#samples.length > MOST_SAMPLES) this.#samples.shift();
  }
}
