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
  readonly #hashes = new Float64Array(SLOTS);
  readonly #places = new Float64Array(SLOTS);

  /** Whether another record with this one's id was seen lately; remembers it if not. */
  repeats(partition: number, { value, offset }: LogRecord): boolean {
    const hash = hashOfId(value);
    if (hash === undefined) return false;
    const slot = hash % SLOTS;
    const place = offset * PARTITIONS + (partition % PARTITIONS);
    if (this.#hashes[slot] === hash) return this.#places[slot] !== place;
    this.#hashes[slot] = hash;
    this.#places[slot] = place;
    return false;
  }
}

/** 53 bits of the id's bytes; `undefined` where no id stands first. Two FNV-1a hashes of different seeds. */
function hashOfId(value: Uint8Array): number | undefined {
  for (let at = 0; at < PREFIX.length; at++) if (value[at] !== PREFIX[at]) return undefined;
  let low = 0x811c9dc5;
  let high = 0x01234567;
  let at = PREFIX.length;
  for (; at < value.length && value[at] !== QUOTE; at++) {
    // An escaped quote belongs to the id.
    if (value[at] === BACKSLASH) at++;
    const byte = value[at] ?? 0;
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high ^ byte, 0x01000193);
  }
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
}
