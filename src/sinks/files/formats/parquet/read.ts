import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { EVENT_COLUMN } from './schema.ts';

const DECOMPRESSORS = {
  GZIP: (input: Uint8Array) => gunzipSync(input),
  ZSTD: (input: Uint8Array) => zstdDecompressSync(input),
};

/** The whole events of a Parquet file of Millrace's, each as its JSON text, a row group at a time. */
export async function* readParquetEvents(content: Uint8Array): AsyncGenerator<Buffer> {
  const bytes = whole(content);
  const metadata = parquetMetadata(bytes);
  let row = 0;
  for (const { num_rows } of metadata.row_groups) {
    const range = { rowStart: row, rowEnd: row + Number(num_rows) };
    row = range.rowEnd;
    const rows = await parquetReadObjects({
      file: bytes,
      metadata,
      columns: [EVENT_COLUMN],
      compressors: DECOMPRESSORS,
      ...range,
    });
    for (const event of rows) yield Buffer.from(event[EVENT_COLUMN] as string);
  }
}

/** The bytes as a buffer of their own, copied only where they share one. */
function whole({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  const isAlone = byteOffset === 0 && byteLength === buffer.byteLength;
  return (isAlone ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)) as ArrayBuffer;
}
