import { hash } from 'node:crypto';

/** Words of 32 bits that an id is known by. */
const WORDS = 2;
/** Slots for each id, and how full they may become: fewer make a search for a free one long. */
const ROOM = 2;
const FULL = 0.9;
const WORD_BYTES = 4;
/** No id has this for its words, so it marks a free slot. */
const FREE = 0;

/** An id by 96 bits of its SHA-256: 64 to know it by, and the rest to part many ids into shares. */
export interface IdKey {
  readonly words: readonly [number, number];
  readonly share: number;
}

export function idKey(id: string): IdKey {
  const digest = hash('sha256', id, 'buffer');
  const [one, two, share] = [0, 1, 2].map((word) => digest.readUInt32LE(word * WORD_BYTES)) as [number, number, number];
  return { words: [one || 1, two], share };
}

/** A set of ids in memory that is taken at its start: 16 to 32 bytes an id, however long that is. */
export class IdSet {
  readonly #words: Uint32Array;
  readonly #mask: number;
  #free: number;

  /** @param about how many ids it is for; some more find room */
  constructor(about: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(1, about) * ROOM));
    this.#words = new Uint32Array(slots * WORDS);
    this.#mask = slots - 1;
    this.#free = slots * FULL;
  }

  /** Puts the id in; whether it was not there. */
  add({ words: [one, two] }: IdKey): boolean {
    for (let slot = two & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * WORDS;
      const found = this.#words[at];
      if (found === one && this.#words[at + 1] === two) return false;
      if (found !== FREE) continue;
      if (this.#free-- < 1) throw new Error('there are more ids than the set was made for');
      this.#words[at] = one;
      this.#words[at + 1] = two;
      return true;
    }
  }
}
