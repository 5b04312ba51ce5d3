import type { LogRecord } from '../../log/log.ts';

/** Slots of the table: what it remembers is about this many records, in 16 bytes each. */
const SLOTS = 2 ** 16;

/** How every stored event begins: the collector writes the id first. */
const PREFIX = Buffer.from('{"id":"');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Partitions told apart in a place; offsets then have the rest of 53 bits. */
const PARTITIONS = 2 ** 10;

/**
 * Notices events that stand in the log a second time, such as a client's retry after a lost
 * answer. Files keep every record, so this only counts, and looks back over the last tens of
 * thousands of records of this loader: a retry that comes sooner is counted, a later one may not be.
 *
 * A record that is read once more after an error is no second event: it has the same place.
 */
export class RecentIds {
  readonly #low = new Int32Array(SLOTS);
  readonly #high = new Int32Array(SLOTS);
  readonly #places = new Float64Array(SLOTS);

  /** Whether another record with this one's id was seen lately; remembers it if not. */
  repeats(partition: number, { value, offset }: LogRecord): boolean {
    for (let at = 0; at < PREFIX.length; at++) if (value[at] !== PREFIX[at]) return false;
    // Two FNV-1a hashes that take the bytes by turns: 64 bits for the price of 32.
    let low = 0x811c9dc5 | 0;
    let high = 0x01234567;
    for (let at = PREFIX.length; at < value.length; at++) {
      const byte = value[at] as number;
      if (byte === QUOTE && value[at - 1] !== BACKSLASH) break;
      const mixed = Math.imul(high ^ byte, 0x01000193);
      high = low;
      low = mixed;
    }
    const slot = (low ^ (low >>> 16) ^ high) & (SLOTS - 1);
    const place = offset * PARTITIONS + (partition % PARTITIONS);
    if (this.#low[slot] === low && this.#high[slot] === high) return this.#places[slot] !== place;
    this.#low[slot] = low;
    this.#high[slot] = high;
    this.#places[slot] = place;
    return false;
  }
}
