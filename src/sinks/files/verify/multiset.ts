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

/** How often each value stands in the log, and in the store: made only where the sums differ. */
export class MultisetDifference {
  readonly #counts = new Map<string, { inLog: number; stored: number }>();
  readonly #later = new Set<string>();

  addLogged(value: Uint8Array): void {
    this.#of(value).inLog++;
  }

  addStored(value: Uint8Array): void {
    this.#of(value).stored++;
  }

  /** A record that the store may have, but need not. */
  addLater(value: Uint8Array): void {
    this.#later.add(hash('sha256', value, 'base64'));
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

  #of(value: Uint8Array): { inLog: number; stored: number } {
    const key = hash('sha256', value, 'base64');
    let counts = this.#counts.get(key);
    if (!counts) {
      counts = { inLog: 0, stored: 0 };
      this.#counts.set(key, counts);
    }
    return counts;
  }
}
