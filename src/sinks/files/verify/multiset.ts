import { hash } from 'node:crypto';

const LANES = 8;

/**
 * What a number of values has in common with the same values in any other order: the sum of their
 * SHA-256, lane by lane. It takes the same memory for any number of values.
 */
export class MultisetSum {
  readonly #lanes = new Uint32Array(LANES);
  count = 0;

  add(value: Uint8Array): void {
    const digest = hash('sha256', value, 'buffer');
    for (let lane = 0; lane < LANES; lane++) this.#lanes[lane]! += digest.readUInt32LE(lane * 4);
    this.count++;
  }

  merge(other: MultisetSum): void {
    for (let lane = 0; lane < LANES; lane++) this.#lanes[lane]! += other.#lanes[lane]!;
    this.count += other.count;
  }

  equals(other: MultisetSum): boolean {
    return this.count === other.count && this.#lanes.every((lane, index) => lane === other.#lanes[index]);
  }
}

/** One of some parts of all values, each of which has about as many different ones. */
export interface Share {
  readonly index: number;
  readonly of: number;
}

/** How often each value of a share stands in the log, and in the store: made only where the sums differ. */
export class MultisetDifference {
  readonly #share: Share;
  readonly #counts = new Map<string, { inLog: number; stored: number }>();
  readonly #later = new Set<string>();

  constructor(share: Share) {
    this.#share = share;
  }

  addLogged(value: Uint8Array): void {
    const counts = this.#of(value);
    if (counts) counts.inLog++;
  }

  addStored(value: Uint8Array): void {
    const counts = this.#of(value);
    if (counts) counts.stored++;
  }

  /** A record that the store may have, but need not. */
  addLater(value: Uint8Array): void {
    const key = this.#keyOf(value);
    if (key !== undefined) this.#later.add(key);
  }

  get findings(): { readonly lost: number; readonly doubled: number; readonly unexpected: number } {
    const found = { lost: 0, doubled: 0, unexpected: 0 };
    for (const [key, { inLog, stored }] of this.#counts) {
      if (inLog === 0) found.unexpected += this.#later.has(key) ? 0 : stored;
      else if (stored < inLog) found.lost += inLog - stored;
      else found.doubled += stored - inLog;
    }
    return found;
  }

  /** Undefined for a value of another share. */
  #of(value: Uint8Array): { inLog: number; stored: number } | undefined {
    const key = this.#keyOf(value);
    if (key === undefined) return undefined;
    let counts = this.#counts.get(key);
    if (!counts) {
      counts = { inLog: 0, stored: 0 };
      this.#counts.set(key, counts);
    }
    return counts;
  }

  #keyOf(value: Uint8Array): string | undefined {
    const digest = hash('sha256', value, 'buffer');
    return digest.readUInt32LE(0) % this.#share.of === this.#share.index ? digest.toString('base64') : undefined;
  }
}
