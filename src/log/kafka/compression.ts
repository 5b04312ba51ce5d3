import { promisify } from 'node:util';
import { gunzipSync, gzip, zstdCompress, zstdDecompressSync } from 'node:zlib';
import { compressionsAlgorithms } from './client.ts';

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** Far beyond any batch that a broker takes, and what keeps a crafted one from filling the memory. */
const MAX_INFLATED_BYTES = 256 * 1024 * 1024;

const bounds = { maxOutputLength: MAX_INFLATED_BYTES };
const { lz4, snappy } = compressionsAlgorithms;

interface Codec {
  /** In the lowest three bits of a batch's attributes. */
  readonly id: number;
  /** Those that take long are done off this thread; the others are quicker than handing them over. */
  compress(data: Buffer): Buffer | Promise<Buffer>;
  decompress(data: Buffer): Buffer;
}

const CODECS: Readonly<Record<Compression, Codec>> = {
  none: { id: 0, compress: (data) => data, decompress: (data) => data },
  gzip: { id: 1, compress: promisify(gzip), decompress: (data) => gunzipSync(data, bounds) },
  snappy: { id: 2, compress: snappy.compressSync, decompress: snappy.decompressSync },
  lz4: { id: 3, compress: lz4.compressSync, decompress: lz4.decompressSync },
  zstd: { id: 4, compress: promisify(zstdCompress), decompress: (data) => zstdDecompressSync(data, bounds) },
};

const BY_ID = Object.values(CODECS);

export function codecOf(compression: Compression): Codec {
  return CODECS[compression];
}

/** The codec of a batch that was read, if it is one that exists. */
export function codecById(id: number): Codec | undefined {
  return BY_ID[id];
}
