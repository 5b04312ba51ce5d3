import type { Encoder } from './formats/format.ts';
import type { ManifestFile } from './manifest.ts';
import type { StagedFile } from './stores/file-store.ts';

/** A data file that is being written: values in, bytes of the file out. */
export class DataFile {
  readonly #staged: StagedFile;
  readonly #encoder: Encoder;
  /** The writing of what was drained last; it was as many bytes before it was encoded. */
  #sending: Promise<void> = Promise.resolve();
  #inFlight = 0;
  #sent = 0;
  #records = 0;
  #first = -1;
  #last = -1;
  #freed = false;

  constructor(staged: StagedFile, encoder: Encoder) {
    this.#staged = staged;
    this.#encoder = encoder;
  }

  get records(): number {
    return this.#records;
  }

  /** Bytes so far: those of the file, and those not yet encoded. */
  get bytes(): number {
    return this.#sent + this.#inFlight + this.#encoder.buffered;
  }

  /** Takes a value if there is room for it; else `append` makes room. */
  tryAppend(value: Uint8Array, offset: number): boolean {
    if (!this.#encoder.take(value)) return false;
    if (this.#records === 0) this.#first = offset;
    this.#last = offset;
    this.#records++;
    return true;
  }

  /** Takes a value of any length. */
  async append(value: Uint8Array, offset: number, signal: AbortSignal): Promise<void> {
    while (!this.tryAppend(value, offset)) await this.#drain(signal);
  }

  /** Ends the content, and says what the file will be once it is closed. */
  async seal(signal: AbortSignal): Promise<ManifestFile> {
    if (this.#encoder.buffered > 0) await this.#drain(signal);
    await this.#sending;
    await this.#store(await this.#encoder.end(), signal);
    this.#free();
    const sealed = await this.#staged.seal(signal);
    return { ...sealed, records: this.#records, first: this.#first, last: this.#last };
  }

  close(signal: AbortSignal): Promise<void> {
    return this.#staged.close(signal);
  }

  /** Ends the file without keeping it. Never throws. */
  async discard(): Promise<void> {
    await this.#sending.catch(() => {});
    this.#free();
    await this.#staged.discard();
  }

  /** Hands what has gathered over to be written, once what was drained before it is. */
  async #drain(signal: AbortSignal): Promise<void> {
    await this.#sending;
    await this.#encoder.room?.();
    this.#inFlight = this.#encoder.buffered;
    this.#sending = this.#write(this.#encoder.drain(), signal);
    // The next drain, or the seal, meets the failure.
    this.#sending.catch(() => {});
  }

  async #write(encoding: Promise<readonly Uint8Array[]>, signal: AbortSignal): Promise<void> {
    try {
      const bytes = await this.#store(await encoding, signal);
      // At once, so that nothing is counted twice.
      this.#sent += bytes;
      this.#inFlight = 0;
    } finally {
      this.#encoder.written?.();
    }
  }

  /** Gives the number of bytes. */
  async #store(pieces: readonly Uint8Array[], signal: AbortSignal): Promise<number> {
    for (const piece of pieces) await this.#staged.write(piece, signal);
    return pieces.reduce((sum, { length }) => sum + length, 0);
  }

  #free(): void {
    if (!this.#freed) this.#encoder.free();
    this.#freed = true;
  }
}
