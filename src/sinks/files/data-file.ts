import type { Compression } from './formats/compression.ts';
import { Compressor } from './formats/compression.ts';
import { NEWLINE } from './formats/json-lines.ts';
import type { ManifestFile } from './manifest.ts';
import type { StagedFile } from './stores/file-store.ts';

/** Lines are gathered to pieces of this size, so that the store sees few, large writes. */
export const PIECE_BYTES = 256 << 10;

/** Memory for one data file: a piece that fills while the other one is written. */
export type Pieces = readonly [Uint8Array, Uint8Array];

export function makePieces(): Pieces {
  return [new Uint8Array(PIECE_BYTES), new Uint8Array(PIECE_BYTES)];
}

/** A data file that is being written: lines in, pieces out. */
export class DataFile {
  readonly #staged: StagedFile;
  readonly #compressor: Compressor | undefined;
  readonly pieces: Pieces;
  /** The piece that fills. */
  #piece: Uint8Array;
  #used = 0;
  /** The writing of the other piece; it has as many bytes. */
  #sending: Promise<void> = Promise.resolve();
  #inFlight = 0;
  #sent = 0;
  #records = 0;
  #first = -1;
  #last = -1;

  /** `pieces` are this file's alone until it is closed or discarded. */
  constructor(staged: StagedFile, compression: Compression, pieces: Pieces) {
    this.#staged = staged;
    this.#compressor = compression === 'none' ? undefined : new Compressor(compression);
    this.pieces = pieces;
    this.#piece = pieces[0];
  }

  get records(): number {
    return this.#records;
  }

  /** Bytes so far: those of the file, and those not yet compressed. */
  get bytes(): number {
    return this.#sent + this.#inFlight + this.#used;
  }

  /** Takes a line if there is room for it; else `append` makes room. */
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

  /** Ends the content, and says what the file will be once it is closed. */
  async seal(signal: AbortSignal): Promise<ManifestFile> {
    await this.#drain(signal);
    await this.#sending;
    if (this.#compressor) await this.#store(await this.#compressor.end(), signal);
    const sealed = await this.#staged.seal(signal);
    return { ...sealed, records: this.#records, first: this.#first, last: this.#last };
  }

  close(signal: AbortSignal): Promise<void> {
    return this.#staged.close(signal);
  }

  /** Ends the file without keeping it. Never throws. */
  async discard(): Promise<void> {
    await this.#sending.catch(() => {});
    this.#compressor?.destroy();
    await this.#staged.discard();
  }

  #count(offset: number): void {
    if (this.#records === 0) this.#first = offset;
    this.#last = offset;
    this.#records++;
  }

  /** Hands the piece over to be written and goes on with the other one. */
  async #drain(signal: AbortSignal): Promise<void> {
    if (this.#used === 0) return;
    const full = this.#piece.subarray(0, this.#used);
    await this.#send(full, signal);
    this.#piece = this.#piece === this.pieces[0] ? this.pieces[1] : this.pieces[0];
    this.#used = 0;
  }

  /** Starts to write, once the piece before is written. */
  async #send(piece: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#sending;
    this.#inFlight = piece.length;
    this.#sending = this.#write(piece, signal);
    // The next piece, or the close, meets the failure.
    this.#sending.catch(() => {});
  }

  async #write(piece: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#store(this.#compressor ? await this.#compressor.write(piece) : [piece], signal);
    this.#inFlight = 0;
  }

  async #store(pieces: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    for (const piece of pieces) {
      await this.#staged.write(piece, signal);
      this.#sent += piece.length;
    }
  }
}
