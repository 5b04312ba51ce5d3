/** Where an accepted event can be. It is in exactly one of these, or it was dropped. */
export type Place = 'buffered' | 'spooled' | 'delivered' | 'deadLettered';

/** What became of accepted events: `accepted = delivered + buffered + spooled + deadLettered + Σ dropped`. */
export interface Totals {
  readonly accepted: number;
  readonly delivered: number;
  readonly buffered: number;
  readonly spooled: number;
  readonly deadLettered: number;
  readonly dropped: Readonly<Record<string, number>>;
}

export const NOTHING: Totals = { accepted: 0, delivered: 0, buffered: 0, spooled: 0, deadLettered: 0, dropped: {} };

/**
 * Counts of one collector process, or of one that left its spool behind. Events only ever move
 * from one place to another, so the identity holds after every call.
 */
export class Ledger {
  #dropped: Record<string, number> = {};
  #places: Record<Place, number> = { buffered: 0, spooled: 0, delivered: 0, deadLettered: 0 };
  #accepted = 0;
  #ceiling = Number.POSITIVE_INFINITY;
  #raise: (accepted: number) => number = () => Number.POSITIVE_INFINITY;

  /** Goes on from earlier totals. */
  restore({ accepted, dropped, ...places }: Totals): void {
    this.#accepted = accepted;
    this.#places = { ...places };
    this.#dropped = { ...dropped };
  }

  /**
   * Keeps the number of accepted events at or below a ceiling: before it is passed, `raise` is
   * called with the number that is needed, writes a higher ceiling down, and returns it.
   */
  keepBelow(ceiling: number, raise: (accepted: number) => number): void {
    this.#ceiling = ceiling;
    this.#raise = raise;
  }

  get accepted(): number {
    return this.#accepted;
  }

  get totals(): Totals {
    return { accepted: this.#accepted, ...this.#places, dropped: { ...this.#dropped } };
  }

  in(place: Place): number {
    return this.#places[place];
  }

  /** Events were taken into memory. */
  accept(events: number): void {
    const accepted = this.#accepted + events;
    if (accepted > this.#ceiling) this.#ceiling = this.#raise(accepted);
    this.#accepted = accepted;
    this.#places.buffered += events;
  }

  move(from: Place, to: Place, events: number): void {
    this.#places[from] -= events;
    this.#places[to] += events;
  }

  drop(from: Place, cause: string, events: number): void {
    if (events === 0) return;
    this.#places[from] -= events;
    this.#dropped[cause] = (this.#dropped[cause] ?? 0) + events;
  }
}

/** The sum of several ledgers. */
export function sumOf(all: readonly Totals[]): Totals {
  const total = (read: (one: Totals) => number) => all.reduce((sum, one) => sum + read(one), 0);
  return {
    accepted: total(({ accepted }) => accepted),
    delivered: total(({ delivered }) => delivered),
    buffered: total(({ buffered }) => buffered),
    spooled: total(({ spooled }) => spooled),
    deadLettered: total(({ deadLettered }) => deadLettered),
    dropped: sumByName(all.map((one) => one.dropped)),
  };
}

/** Counts by name, added up name by name. */
export function sumByName(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, count] of all.flatMap((one) => Object.entries(one))) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}
