import type { Transform } from 'node:stream';
import { createGunzip, createGzip, createZstdCompress, createZstdDecompress } from 'node:zlib';

export type Compression = 'none' | 'gzip' | 'zstd';

/** The end of a file's name, by which readers know how to open it. */
export const COMPRESSION_EXTENSIONS = { none: '', gzip: '.gz', zstd: '.zst' } as const;

/** How much comes out of a compressor at once. */
const OUTPUT_BYTES = 256 << 10;

const COMPRESSORS = {
  gzip: () => createGzip({ chunkSize: OUTPUT_BYTES }),
  zstd: () => createZstdCompress({ chunkSize: OUTPUT_BYTES }),
} as const;

/** Compresses one file, off the main thread. */
export class Compressor {
  readonly #stream: Transform;
  #output: Buffer[] = [];

  constructor(compression: Exclude<Compression, 'none'>) {
    this.#stream = COMPRESSORS[compression]();
    this.#stream.on('data', (chunk: Buffer) => this.#output.push(chunk));
    // Every failure also reaches the callback of the write or the end that met it.
    this.#stream.on('error', () => {});
  }

  /** Takes bytes, which may be reused once it settles, and gives what has come out by then. */
  async write(chunk: Uint8Array): Promise<readonly Buffer[]> {
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
    return this.#take();
  }

  /** Ends the compressed file and gives the rest of it. */
  async end(): Promise<readonly Buffer[]> {
    await new Promise<void>((resolve, reject) => {
      this.#stream.once('end', resolve).once('error', reject).end();
    });
    return this.#take();
  }

  /** Frees its memory without an end. */
  destroy(): void {
    this.#stream.destroy();
  }

  #take(): readonly Buffer[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }
}

/** What undoes the compression that a file's name tells of; undefined if there is none. */
export function decompressorFor(name: string): Transform | undefined {
  if (name.endsWith(COMPRESSION_EXTENSIONS.gzip)) return createGunzip();
  if (name.endsWith(COMPRESSION_EXTENSIONS.zstd)) return createZstdDecompress();
  return undefined;
}
