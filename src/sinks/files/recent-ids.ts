import type { LogRecord } from '../../log/log.ts';

/** What is remembered is about this many records, in 8 bytes each: few enough to stay near the processor. */
const SLOTS = 2 ** 15;

/** How every stored event begins: the collector writes the id first. */
const PREFIX = Buffer.from('{"id":"');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DASH = 0x2d;

/** Where the text of an id begins, and where it ends if it is a UUID, as clients and the collector make them. */
const START = PREFIX.length;
const UUID_END = START + 36;
const UUID_DASHES = [8, 13, 18, 23].map((at) => START + at);

const FNV_PRIME = 0x01000193;

/** Partitions told apart in a place; of an offset, the lowest bits that are left of 32 are. */
const PARTITIONS = 2 ** 10;

/**
 * Notices events that stand in the log a second time, such as a client's retry after a lost
 * answer. Files keep every record, so this only counts, and looks back over the last tens of
 * thousands of records of this loader: a retry that comes sooner is counted, a later one may not be.
 *
 * A record that is read once more after an error is no second event: it has the same place.
 */
export class RecentIds {
  /** Of each slot: what tells its id from others that belong there, and the place of the record. */
  readonly #slots = new Int32Array(SLOTS * 2);
  #low = 0;
  #high = 0;

  /** Whether another record with this one's id was seen lately; remembers it if not. */
  repeats(partition: number, { value, offset }: LogRecord): boolean {
    for (let at = 0; at < START; at++) if (value[at] !== PREFIX[at]) return false;
    if (hasUuid(value)) this.#hashUuid(value);
    else this.#hashText(value);
    const slot = ((this.#low ^ (this.#low >>> 16) ^ this.#high ^ (this.#high >>> 16)) & (SLOTS - 1)) * 2;
    const place = (offset * PARTITIONS + (partition % PARTITIONS)) | 0;
    if (this.#slots[slot] === this.#low) return this.#slots[slot + 1] !== place;
    this.#slots[slot] = this.#low;
    this.#slots[slot + 1] = place;
    return false;
  }

  /** Two FNV-1a hashes that take the bytes by turns: 64 bits for the price of 32. */
  #hashText(value: Uint8Array): void {
    let low = 0x811c9dc5 | 0;
    let high = 0x01234567;
    for (let at = START; at < value.length; at++) {
      const byte = value[at] as number;
      if (byte === QUOTE && value[at - 1] !== BACKSLASH) break;
      const mixed = Math.imul(high ^ byte, FNV_PRIME);
      high = low;
      low = mixed;
    }
    this.#low = low;
    this.#high = high;
  }

  /** Nearly all ids are UUIDs: with three bytes a step, and no end to look for, they take half the time. */
  #hashUuid(value: Uint8Array): void {
    let low = 0x811c9dc5 | 0;
    let high = 0x01234567;
    for (let at = START; at < UUID_END; at += 6) {
      low = Math.imul(low ^ three(value, at), FNV_PRIME);
      high = Math.imul(high ^ three(value, at + 3), FNV_PRIME);
    }
    this.#low = low;
    this.#high = high;
  }
}

function hasUuid(value: Uint8Array): boolean {
  return value[UUID_END] === QUOTE && UUID_DASHES.every((at) => value[at] === DASH);
}

function three(value: Uint8Array, at: number): number {
  return (value[at] as number) | ((value[at + 1] as number) << 8) | ((value[at + 2] as number) << 16);
}
