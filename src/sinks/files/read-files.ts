import { pipeline, Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { decompressorFor } from './formats/compression.ts';
import { NEWLINE } from './formats/json-lines.ts';
import { PARQUET_EXTENSION } from './formats/parquet/schema.ts';
import { WORK } from './paths.ts';
import type { FileStore } from './stores/file-store.ts';

/** The paths of all finished data files, in no order. Work files are left out. */
export async function* listDataFiles(store: FileStore, signal: AbortSignal, folder = ''): AsyncGenerator<string> {
  for (const { name, directory } of await store.list(folder, signal)) {
    const path = folder === '' ? name : `${folder}/${name}`;
    if (path === WORK) continue;
    if (directory) yield* listDataFiles(store, signal, path);
    else yield path;
  }
}

/** The records of a data file, each its JSON text, whatever the format and the compression. */
export async function* readDataFile(
  store: Pick<FileStore, 'read'>,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  if (path.endsWith(PARQUET_EXTENSION)) {
    const { readParquetEvents } = await import('./formats/parquet/read.ts');
    // A reader of Parquet begins at the end; files are as long as `roll.bytes` at most.
    yield* readParquetEvents(Buffer.concat(await Array.fromAsync(store.read(path, signal))));
    return;
  }
  let rest: Uint8Array = Buffer.alloc(0);
  for await (const chunk of decompressed(store, path, signal)) {
    const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      yield bytes.subarray(start, end);
      start = end + 1;
    }
    rest = bytes.subarray(start);
  }
  if (rest.length > 0) throw new Error(`${path} ends in the middle of a line`);
}

/** Reads as a store does, and tells of the bytes that were read how many they are, and their CRC-32. */
export class MeasuredReading implements Pick<FileStore, 'read'> {
  readonly #store: Pick<FileStore, 'read'>;
  length = 0;
  checksum: number;

  /** `before` is the CRC-32 of bytes that these follow upon. */
  constructor(store: Pick<FileStore, 'read'>, before = 0) {
    this.#store = store;
    this.checksum = before;
  }

  async *read(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#store.read(path, signal)) {
      this.length += chunk.length;
      this.checksum = crc32(chunk, this.checksum);
      yield chunk;
    }
  }
}

/** The records of all finished data files. */
export async function* readBack(store: FileStore, signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const path of listDataFiles(store, signal)) yield* readDataFile(store, path, signal);
}

function decompressed(store: Pick<FileStore, 'read'>, path: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const content = store.read(path, signal);
  const decompressor = decompressorFor(path);
  // A failure ends the decompressor with that error, which the reader of it then meets.
  return decompressor ? pipeline(Readable.from(content), decompressor, () => {}) : content;
}
