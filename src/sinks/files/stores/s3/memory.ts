import type { Clock } from '../../../../support/clock.ts';
import { freeBuffer } from '../../../../support/free-buffer.ts';

/**
 * With as many parts under way no memory is taken for one more: a server that is near has them soon, and is no faster
 * with more of them. On a line where that takes longer than {@link SLOW_MS} more are under way: two parts of 8 MiB in
 * that time are 56 MB/s, more than a connector reads from Kafka. After 100 ms a busy server near by gets more, too.
 */
const PARTS_UNDER_WAY = 2;
const SLOW_MS = 300;

/** Of all memory, the share of the large buffers that files may have which could do with little. */
const EARLY_SHARE = 1 / 4;

/** A buffer that is asked for. */
export interface Wanted {
  /** As large as the asker could use. */
  readonly most: number;
  /** As small as it can be. */
  readonly least: number;
  /** Whether to wait for `most`; else it is given only where such a buffer stands ready, and to few. */
  readonly eager: boolean;
}

/**
 * What all open files of a store may hold back. Where it is used up a writer waits for uploads under
 * way. If there are none, only further parts could free some: then the least is given out beyond
 * the bound, once for each piece, and `full` tells the writers to commit.
 */
export class Memory {
  readonly #bytes: number;
  readonly #clock: Clock;
  #held = 0;
  #peak = 0;
  #uploads = 0;
  #uploadedBytes = 0;
  #waiting: (() => void)[] = [];
  /**
   * Buffers that were given back. Left to the garbage collector, several times as many stand around;
   * and what comes and goes outside its heap makes it go through all of that each time.
   */
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Large ones that files have which may well stay small. */
  readonly #early = new Set<Buffer>();

  constructor(bytes: number, clock: Clock) {
    this.#bytes = bytes;
    this.#clock = clock;
  }

  get held(): number {
    return this.#held;
  }

  /** What is kept for the next buffers, within the same bound. */
  get kept(): number {
    return this.#keptBytes;
  }

  /** The most that was ever held. */
  get peak(): number {
    return this.#peak;
  }

  get full(): boolean {
    return this.#held >= this.#bytes && this.#uploads === 0;
  }

  /** A buffer, whatever stands in it, as soon as there is room for it or no upload that could make some. */
  async take(wanted: Wanted, signal: AbortSignal): Promise<Buffer> {
    signal.throwIfAborted();
    const patience = this.#isForMore(wanted) ? this.#startPatience() : undefined;
    try {
      // Nothing may come between the last of these questions and the taking.
      while ((patience?.lasts && this.#isForMore(wanted)) || this.#mustWait(wanted)) await this.#change(signal);
      return this.#takeNow(wanted);
    } finally {
      patience?.end();
    }
  }

  /** Takes back a buffer that nobody reads any more. */
  give(buffer: Buffer): void {
    if (buffer.length === 0) return;
    this.#release(buffer);
    if (this.#held + this.#keptBytes + buffer.length <= this.#bytes) {
      this.#kept.push(buffer);
      this.#keptBytes += buffer.length;
    }
    this.#changed();
  }

  /** Frees a buffer that was never sent: one that was outgrown is of no use to the parts that come. */
  free(buffer: Buffer): void {
    this.#release(buffer);
    freeBuffer(buffer);
    this.#changed();
  }

  /** Forgets a buffer that somebody may still read. */
  drop(buffer: Buffer): void {
    this.#release(buffer);
    this.#changed();
  }

  uploadBegins(bytes: number): void {
    this.#uploads++;
    this.#uploadedBytes += bytes;
  }

  uploadEnds(bytes: number): void {
    this.#uploads--;
    this.#uploadedBytes -= bytes;
    this.#changed();
  }

  /**
   * A buffer that is kept takes no more memory when it is used, and what fills soon needs no smaller ones first. But
   * files that stay small must not hold all there is.
   */
  #sizeOf({ most, least, eager }: Wanted): number {
    if (eager) return most;
    const isFew = (this.#early.size + 1) * most <= this.#bytes * EARLY_SHARE;
    return isFew && this.#keeps(most) ? most : least;
  }

  /** Whether there is no room, and may be once an upload has ended. */
  #mustWait(wanted: Wanted): boolean {
    return this.#uploads > 0 && !this.#hasRoom(this.#sizeOf(wanted));
  }

  /** Whether it would take memory for one more part than need be under way. */
  #isForMore({ eager, most }: Wanted): boolean {
    return eager && this.#uploadedBytes >= PARTS_UNDER_WAY * most && !this.#keeps(most);
  }

  #startPatience(): { readonly lasts: boolean; end(): void } {
    const ended = new AbortController();
    let lasts = true;
    void this.#clock.sleep(SLOW_MS, ended.signal).then(() => {
      lasts = false;
      if (!ended.signal.aborted) this.#changed();
    });
    return {
      get lasts() {
        return lasts;
      },
      end: () => ended.abort('taken'),
    };
  }

  #takeNow(wanted: Wanted): Buffer {
    const size = this.#sizeOf(wanted);
    const buffer = this.#bufferOf(this.#hasRoom(size) ? size : wanted.least);
    if (!wanted.eager && buffer.length > wanted.least) this.#early.add(buffer);
    this.#held += buffer.length;
    this.#peak = Math.max(this.#peak, this.#held);
    // What is kept gives way.
    while (this.#kept.length > 0 && this.#held + this.#keptBytes > this.#bytes) {
      this.#keptBytes -= this.#kept.shift()!.length;
    }
    return buffer;
  }

  #release(buffer: Buffer): void {
    this.#held -= buffer.length;
    this.#early.delete(buffer);
  }

  #hasRoom(bytes: number): boolean {
    return this.#held + bytes <= this.#bytes;
  }

  #keeps(bytes: number): boolean {
    return this.#kept.some(({ length }) => length === bytes);
  }

  #bufferOf(bytes: number): Buffer {
    const at = this.#kept.findIndex(({ length }) => length === bytes);
    if (at === -1) return Buffer.allocUnsafeSlow(bytes);
    this.#keptBytes -= bytes;
    return this.#kept.splice(at, 1)[0]!;
  }

  /** Settles when there may be room; rejects when the signal is aborted. */
  async #change(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const wake = () => resolve();
    signal.addEventListener('abort', wake, { once: true });
    await promise;
    signal.removeEventListener('abort', wake);
    signal.throwIfAborted();
  }

  #changed(): void {
    // With nothing to write nothing is kept either.
    if (this.#held === 0) {
      this.#kept.length = 0;
      this.#keptBytes = 0;
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
