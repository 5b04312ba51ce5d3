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

/**
 * Counts of one collector process, or of one that left its spool behind. Events only ever move
 * from one place to another, so the identity holds after every call.
 */
export class Ledger {
  readonly #dropped: Record<string, number> = {};
  readonly #places: Record<Place, number> = { buffered: 0, spooled: 0, delivered: 0, deadLettered: 0 };
  #accepted = 0;

  constructor(start?: Totals) {
    if (!start) return;
    const { accepted, dropped, ...places } = start;
    this.#accepted = accepted;
    this.#places = { ...places };
    this.#dropped = { ...dropped };
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
    this.#accepted += events;
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
