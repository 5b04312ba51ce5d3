import type { EmbeddedLogConfig } from './config.ts';
import type { BatchSummary, LogStore, StoredPartition } from './store.ts';

/** How much is removed in one transaction, so that appends need not wait long for it. */
export const SLICE_BYTES = 16 * 1024 * 1024;
const SLICE_BATCHES = 256;

/** Of the space in use, the part that may lie free for the next records: giving it back would be for nothing. */
const FREE_SHARE = 1 / 8;

/** Of the space allowed, the part that is made free beyond need, so that not each append has to make room. */
const SPARE_SHARE = 1 / 64;

export interface RetentionOptions {
  readonly store: LogStore;
  readonly limits: EmbeddedLogConfig['retention'];
  /** Records from this offset on must stay; Infinity if all may go. */
  floorOf(partition: StoredPartition): number;
}

/** Removes what is too old or too much, oldest batches first, over all partitions. */
export class Retention {
  readonly #options: RetentionOptions;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Removes one slice of what is too old or too much, inside a transaction; says whether there is more. */
  removeSlice(now: number): boolean {
    const { store, limits } = this.#options;
    const cutoff = now - limits.age;
    return this.#remove((oldest) => oldest.writtenAt < cutoff || store.usedBytes > limits.bytes);
  }

  /** Removes as much as `bytes` more need, inside a transaction; says whether they fit now. */
  makeRoom(bytes: number): boolean {
    const { store, limits } = this.#options;
    const usable = () => limits.bytes - store.usedBytes;
    if (usable() >= bytes) return true;
    this.#remove(() => usable() < bytes + limits.bytes * SPARE_SHARE);
    return usable() >= bytes;
  }

  /** Gives a slice of needlessly free space back, inside a transaction; says whether there was any. */
  vacuumSlice(): boolean {
    const { store } = this.#options;
    const surplus = store.freeBytes - store.usedBytes * FREE_SHARE;
    if (surplus <= 0) return false;
    store.vacuum(Math.min(surplus, SLICE_BYTES));
    return true;
  }

  /** Removes the oldest batches for as long as `due` says so; says whether it stopped before that. */
  #remove(due: (oldest: BatchSummary) => boolean): boolean {
    const { store, floorOf } = this.#options;
    const heads = new Map<StoredPartition, BatchSummary>();
    const look = (partition: StoredPartition) => {
      const head = store.oldest(partition);
      if (head && head.base + head.count <= floorOf(partition)) heads.set(partition, head);
      else heads.delete(partition);
    };
    for (const partition of store.partitions()) look(partition);
    let bytes = 0;
    for (let batches = 0; batches < SLICE_BATCHES && bytes < SLICE_BYTES; batches++) {
      const [partition, head] = [...heads].reduce<[StoredPartition?, BatchSummary?]>(
        (oldest, entry) => (oldest[1] && oldest[1].writtenAt <= entry[1].writtenAt ? oldest : entry),
        [],
      );
      if (!partition || !head || !due(head)) return false;
      store.removeBelow(partition, head.base + head.count);
      bytes += head.bytes;
      look(partition);
    }
    return true;
  }
}
