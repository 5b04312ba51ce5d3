import type { Compression } from './compression.ts';
import { COMPRESSION_EXTENSIONS, Compressor } from './compression.ts';
import type { Encoder, FileFormat } from './format.ts';

export const NEWLINE = 0x0a;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** Lines are gathered to pieces of this size, so that the store sees few, large writes. */
export const PIECE_BYTES = 256 << 10;

/** Memory for one file: a piece that fills while the other one is written. */
type Pieces = readonly [Uint8Array, Uint8Array];

/** JSON, one record a line, each as it stands in the log; compressed as a whole. */
export class JsonLines implements FileFormat {
  readonly extension: string;
  readonly accepts = isJsonLine;
  readonly #compression: Compression;
  /** Those of files that were written; as many as were ever open at once. */
  readonly #freePieces: Pieces[] = [];

  constructor(compression: Compression) {
    this.#compression = compression;
    this.extension = `.json${COMPRESSION_EXTENSIONS[compression]}`;
  }

  encoder(): Encoder {
    const pieces = this.#freePieces.pop() ?? [new Uint8Array(PIECE_BYTES), new Uint8Array(PIECE_BYTES)];
    const compressor = this.#compression === 'none' ? undefined : new Compressor(this.#compression);
    return new JsonLinesEncoder(pieces, compressor, () => this.#freePieces.push(pieces));
  }
}

class JsonLinesEncoder implements Encoder {
  readonly #pieces: Pieces;
  readonly #compressor: Compressor | undefined;
  readonly #freePieces: () => void;
  /** The piece that fills. */
  #piece: Uint8Array;
  #used = 0;

  /** The pieces are its own until it calls `freePieces`. */
  constructor(pieces: Pieces, compressor: Compressor | undefined, freePieces: () => void) {
    this.#pieces = pieces;
    this.#piece = pieces[0];
    this.#compressor = compressor;
    this.#freePieces = freePieces;
  }

  get buffered(): number {
    return this.#used;
  }

  take(value: Uint8Array): boolean {
    const end = this.#used + value.length;
    if (end >= PIECE_BYTES) {
      if (this.#used > 0) return false;
      this.#piece = new Uint8Array(value.length + 1);
    }
    this.#piece.set(value, this.#used);
    this.#piece[end] = NEWLINE;
    this.#used = end + 1;
    return true;
  }

  async drain(): Promise<readonly Uint8Array[]> {
    const full = this.#piece.subarray(0, this.#used);
    this.#piece = this.#piece === this.#pieces[0] ? this.#pieces[1] : this.#pieces[0];
    this.#used = 0;
    return this.#compressor ? this.#compressor.write(full) : [full];
  }

  async end(): Promise<readonly Uint8Array[]> {
    return this.#compressor ? this.#compressor.end() : [];
  }

  free(): void {
    this.#compressor?.destroy();
    this.#freePieces();
  }
}

/**
 * Whether a value can stand on a line of its own. Values are JSON already; this only notices what
 * would break the file for its readers, at a cost that the hot path can bear.
 */
export function isJsonLine(value: Uint8Array): boolean {
  return value[0] === OPENING_BRACE && value[value.length - 1] === CLOSING_BRACE && indexOf.call(value, NEWLINE) === -1;
}

/** Buffer's is `memchr`; that of Uint8Array is three times slower. */
const indexOf = Buffer.prototype.indexOf as (this: Uint8Array, byte: number) => number;
