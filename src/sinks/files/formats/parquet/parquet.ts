import { isUtf8 } from 'node:buffer';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { Encoder, FileFormat } from '../format.ts';
import { isJsonLine } from '../json-lines.ts';
import type { Column, ColumnType, ColumnValue } from './schema.ts';
import { columnsWith, EVENT_COLUMN, PARQUET_EXTENSION, schemaOf } from './schema.ts';

/** The names that the Parquet format has for compressions. */
const CODECS = { none: 'UNCOMPRESSED', snappy: 'SNAPPY', gzip: 'GZIP', zstd: 'ZSTD' } as const;

const COMPRESSORS = { GZIP: gzipSync, ZSTD: zstdCompressSync };

/** Memory for the events of a row group comes in pieces of this size. */
const PIECE_BYTES = 64 << 10;

/** Full row groups that all open files of a partition may hold together; beyond that they get smaller ones. */
const ROW_GROUPS_IN_MEMORY = 4;

/** Full row groups that may be on their way to the store; whoever has more to give waits. */
const ROW_GROUPS_UNDER_WAY = 2;

export interface ParquetOptions {
  readonly compression: keyof typeof CODECS;
  /** Columns for fields of the events' own. */
  readonly columns: Readonly<Record<string, ColumnType>>;
  /** Bounds of a row group, which is what stands in memory of a file. */
  readonly rowGroup: { readonly records: number; readonly bytes: number };
}

/** Parquet: columns for the fields that are known, and one with the whole event. */
export class Parquet implements FileFormat {
  readonly extension = PARQUET_EXTENSION;
  readonly #options: ParquetOptions;
  readonly #columns: readonly Column[];
  readonly #memory: Memory;
  /** What was parsed last: a value is asked about, and then taken. */
  #parsed: { readonly value: Uint8Array; readonly event: object } | undefined;

  constructor(options: ParquetOptions) {
    this.#options = options;
    this.#columns = columnsWith(options.columns);
    this.#memory = new Memory(options.rowGroup.bytes);
  }

  accepts(value: Uint8Array): boolean {
    return this.#parse(value) !== undefined;
  }

  encoder(): Encoder {
    return new ParquetEncoder(this.#options, this.#columns, this.#memory, (value) => this.#parse(value) ?? {});
  }

  #parse(value: Uint8Array): object | undefined {
    if (this.#parsed?.value === value) return this.#parsed.event;
    if (!isJsonLine(value) || !isUtf8(value)) return undefined;
    try {
      // What stands between braces and is JSON is an object.
      const event = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.length).toString('utf8')) as object;
      this.#parsed = { value, event };
      return event;
    } catch {
      return undefined;
    }
  }
}

/** What the open files of a partition hold together, and what of theirs is on its way to the store. */
class Memory {
  readonly #most: number;
  readonly #mostUnderWay: number;
  #bytes = 0;
  #underWay = 0;
  #files = 0;
  #arrival = Promise.withResolvers<void>();

  constructor(rowGroupBytes: number) {
    this.#most = ROW_GROUPS_IN_MEMORY * rowGroupBytes;
    this.#mostUnderWay = ROW_GROUPS_UNDER_WAY * rowGroupBytes;
  }

  /** Whether a file with so many bytes must give them out before it takes more: all is used, and not less by it than by others. */
  isShort(held: number): boolean {
    return this.#bytes >= this.#most && held * this.#files >= this.#bytes;
  }

  hold(bytes: number): void {
    this.#bytes += bytes;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Lets so many bytes go, once others have arrived. */
  async send(bytes: number): Promise<void> {
    while (this.#underWay >= this.#mostUnderWay) await this.#arrival.promise;
    this.#underWay += bytes;
  }

  arrived(bytes: number): void {
    this.#underWay -= bytes;
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers();
  }

  fileOpened(): void {
    this.#files++;
  }

  fileClosed(): void {
    this.#files--;
  }
}

/** Gathers a row group, and gives it out encoded: only the footer grows with the file. */
class ParquetEncoder implements Encoder {
  readonly #rowGroup: ParquetOptions['rowGroup'];
  readonly #columns: readonly Column[];
  readonly #memory: Memory;
  readonly #parse: (value: Uint8Array) => object;
  readonly #output = new Output();
  readonly #writer: ParquetWriter;
  #values: ColumnValue[][] = [];
  #events: Uint8Array[] = [];
  #piece = new Uint8Array(0);
  #pieceUsed = 0;
  #buffered = 0;
  /** Bytes of the events given out last, until they are written. */
  #underWay = 0;

  constructor(
    options: ParquetOptions,
    columns: readonly Column[],
    memory: Memory,
    parse: (value: Uint8Array) => object,
  ) {
    this.#rowGroup = options.rowGroup;
    this.#columns = columns;
    this.#memory = memory;
    this.#parse = parse;
    this.#writer = new ParquetWriter({
      writer: this.#output,
      schema: schemaOf(columns),
      codec: CODECS[options.compression],
      compressors: COMPRESSORS,
      createdBy: 'millrace',
    });
    memory.fileOpened();
    this.#clear();
  }

  get buffered(): number {
    return this.#buffered;
  }

  take(value: Uint8Array): boolean {
    const { records, bytes } = this.#rowGroup;
    const rows = this.#events.length;
    if (rows >= records || (rows > 0 && this.#buffered + value.length > bytes)) return false;
    if (rows > 0 && this.#memory.isShort(this.#buffered)) return false;
    const event = this.#parse(value) as Record<string, unknown>;
    for (const [index, { name, read }] of this.#columns.entries()) this.#values[index]?.push(read(event[name]));
    this.#events.push(this.#keep(value));
    this.#buffered += value.length;
    this.#memory.hold(value.length);
    return true;
  }

  async room(): Promise<void> {
    const bytes = this.#buffered;
    await this.#memory.send(bytes);
    this.#underWay = bytes;
  }

  written(): void {
    this.#memory.arrived(this.#underWay);
    this.#underWay = 0;
  }

  async drain(): Promise<readonly Uint8Array[]> {
    const columnData = [
      ...this.#columns.map(({ name }, index) => ({ name, data: this.#values[index] ?? [] })),
      // No two events are alike, so neither a dictionary nor bounds would be of use.
      { name: EVENT_COLUMN, data: this.#events, encoding: 'PLAIN' as const, statistics: false },
    ];
    const rowGroupSize = this.#events.length;
    this.#clear();
    await this.#writer.write({ columnData, rowGroupSize });
    return [this.#output.takeBytes()];
  }

  async end(): Promise<readonly Uint8Array[]> {
    await this.#writer.finish();
    return [this.#output.takeBytes()];
  }

  free(): void {
    this.#clear();
    this.#memory.fileClosed();
  }

  #clear(): void {
    this.#memory.release(this.#buffered);
    this.#values = this.#columns.map(() => []);
    this.#events = [];
    this.#piece = new Uint8Array(0);
    this.#pieceUsed = 0;
    this.#buffered = 0;
  }

  /** A copy: what a batch brought may be part of a much larger piece of memory, which must not stay. */
  #keep(value: Uint8Array): Uint8Array {
    if (this.#pieceUsed + value.length > this.#piece.length) {
      this.#piece = new Uint8Array(Math.max(PIECE_BYTES, value.length));
      this.#pieceUsed = 0;
    }
    const kept = this.#piece.subarray(this.#pieceUsed, this.#pieceUsed + value.length);
    kept.set(value);
    this.#pieceUsed += value.length;
    return kept;
  }
}

/** Where the library writes to: bytes are taken out as they come, while offsets count on. */
class Output extends ByteWriter {
  takeBytes(): Uint8Array {
    const bytes = this.getBytes();
    this.buffer = new ArrayBuffer(PIECE_BYTES);
    this.view = new DataView(this.buffer);
    this.index = 0;
    return bytes;
  }
}
