/**
 * What all open files of a store may hold back. Where it is used up a writer waits for uploads under
 * way. If there are none, only further parts could free some: then it is given out beyond its
 * bound, once for each piece, and `full` tells the writers to commit.
 */
export class Memory {
  readonly #bytes: number;
  #held = 0;
  #peak = 0;
  #uploads = 0;
  #waiting: (() => void)[] = [];
  /** Buffers of parts that were uploaded. Left to the garbage collector, several times as many stand around. */
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
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

  async take(bytes: number, signal: AbortSignal): Promise<void> {
    while (!this.hasRoom(bytes) && this.#uploads > 0) {
      signal.throwIfAborted();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      const wake = () => resolve();
      signal.addEventListener('abort', wake, { once: true });
      await promise;
      signal.removeEventListener('abort', wake);
    }
    signal.throwIfAborted();
    this.#held += bytes;
    this.#peak = Math.max(this.#peak, this.#held);
  }

  /** Whether so many bytes more are within the bound. */
  hasRoom(bytes: number): boolean {
    return this.#held + bytes <= this.#bytes;
  }

  give(bytes: number): void {
    this.#held -= bytes;
    // With nothing to write nothing is kept either.
    if (this.#held === 0) this.#forget();
    this.#wake();
  }

  /** A buffer of as many bytes as were taken, whatever stands in it. */
  buffer(bytes: number): Buffer {
    const at = this.#kept.findIndex(({ length }) => length === bytes);
    if (at !== -1) {
      this.#keptBytes -= bytes;
      return this.#kept.splice(at, 1)[0]!;
    }
    // What is kept is within the bound, and gives way.
    while (this.#kept.length > 0 && this.#held + this.#keptBytes > this.#bytes) {
      this.#keptBytes -= this.#kept.shift()!.length;
    }
    return Buffer.allocUnsafeSlow(bytes);
  }

  /** Gives back a buffer that nobody reads any more; it is kept for another one of its size. */
  giveBuffer(buffer: Buffer): void {
    if (this.#held + this.#keptBytes <= this.#bytes) {
      this.#kept.push(buffer);
      this.#keptBytes += buffer.length;
    }
    this.give(buffer.length);
  }

  uploadBegins(): void {
    this.#uploads++;
  }

  uploadEnds(): void {
    this.#uploads--;
    this.#wake();
  }

  #forget(): void {
    this.#kept.length = 0;
    this.#keptBytes = 0;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
