import type { Compression } from './formats/compression.ts';
import { Compressor } from './formats/compression.ts';
import { NEWLINE } from './formats/json-lines.ts';
import type { ClosedFile, StagedFile } from './stores/file-store.ts';

/** Lines are gathered to pieces of this size, so that the store sees few, large writes. */
export const PIECE_BYTES = 256 << 10;

/** A data file that is being written: lines in, pieces out. */
export class DataFile {
  readonly folder: string;
  readonly #staged: StagedFile;
  readonly #compressor: Compressor | undefined;
  readonly #piece: Uint8Array;
  #used = 0;
  #sent = 0;
  #records = 0;
  #first = -1;
  #last = -1;

  /** `piece` is memory of PIECE_BYTES, this file's alone until it is closed or discarded. */
  constructor(folder: string, staged: StagedFile, compression: Compression, piece: Uint8Array) {
    this.folder = folder;
    this.#staged = staged;
    this.#compressor = compression === 'none' ? undefined : new Compressor(compression);
    this.#piece = piece;
  }

  get records(): number {
    return this.#records;
  }

  /** Bytes so far: those of the file, and those not yet compressed. */
  get bytes(): number {
    return this.#sent + this.#used;
  }

  get first(): number {
    return this.#first;
  }

  get last(): number {
    return this.#last;
  }

  get piece(): Uint8Array {
    return this.#piece;
  }

  /** Takes a line if there is room for it; else `drain` makes room. */
  tryAppend(value: Uint8Array, offset: number): boolean {
    const end = this.#used + value.length;
    if (end >= PIECE_BYTES) return false;
    this.#piece.set(value, this.#used);
    this.#piece[end] = NEWLINE;
    this.#used = end + 1;
    this.#count(offset);
    return true;
  }

  /** Takes a line of any length. */
  async append(value: Uint8Array, offset: number, signal: AbortSignal): Promise<void> {
    await this.#drain(signal);
    if (this.tryAppend(value, offset)) return;
    const line = new Uint8Array(value.length + 1);
    line.set(value);
    line[value.length] = NEWLINE;
    await this.#send(line, signal);
    this.#count(offset);
  }

  async close(final: string, signal: AbortSignal): Promise<ClosedFile> {
    await this.#drain(signal);
    if (this.#compressor) await this.#store(await this.#compressor.end(), signal);
    return this.#staged.close(final, signal);
  }

  /** Ends the file without keeping it. Never throws. */
  async discard(): Promise<void> {
    this.#compressor?.destroy();
    await this.#staged.discard();
  }

  #count(offset: number): void {
    if (this.#records === 0) this.#first = offset;
    this.#last = offset;
    this.#records++;
  }

  async #drain(signal: AbortSignal): Promise<void> {
    if (this.#used === 0) return;
    const piece = this.#piece.subarray(0, this.#used);
    await this.#send(piece, signal);
    this.#used = 0;
  }

  async #send(piece: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#store(this.#compressor ? await this.#compressor.write(piece) : [piece], signal);
  }

  async #store(pieces: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    for (const piece of pieces) {
      await this.#staged.write(piece, signal);
      this.#sent += piece.length;
    }
  }
}
