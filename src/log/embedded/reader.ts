import path from 'node:path';
import type { StatementSync } from 'node:sqlite';
import { DatabaseSync } from 'node:sqlite';
import { freeBuffer } from '../../support/free-buffer.ts';
import type { LogRecord } from '../log.ts';
import { decodeBatch } from './codec.ts';
import { batchTable, DATABASE_FILE } from './schema.ts';
import { readFailure } from './sqlite-errors.ts';

/** How long to wait for the writer to open or shorten its write-ahead log. */
const BUSY_TIMEOUT_MS = 5_000;
const CACHE_KIB = 2 * 1024;

/** What was read of a partition. */
export interface ReadResult {
  readonly records: readonly LogRecord[];
  readonly bytes: number;
  /** Where to read on: after the records, or after a gap where there are none any more. */
  readonly nextOffset: number;
  /** The next offset to be written, as of this read. */
  readonly endOffset: number;
  /** Frees the keys and values. */
  free(): void;
}

interface Statements {
  readonly bounds: StatementSync;
  readonly batches: StatementSync;
}

interface StoredBatch {
  readonly base: number;
  readonly data: Uint8Array;
}

/** Reads the log in the thread that calls it, through a connection that cannot write. */
export class LogReader {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<number, Statements>();

  constructor(directory: string) {
    try {
      this.#database = new DatabaseSync(path.join(directory, DATABASE_FILE), {
        readOnly: true,
        timeout: BUSY_TIMEOUT_MS,
      });
      this.#database.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    } catch (error) {
      throw readFailure(error);
    }
  }

  /** Records of a partition's table from an offset on, up to about `maxBytes`. Throws LOG_CORRUPT, LOG_UNAVAILABLE. */
  read(table: number, from: number, maxBytes: number): ReadResult {
    try {
      return this.#read(table, from, maxBytes);
    } catch (error) {
      throw readFailure(error);
    }
  }

  close(): void {
    this.#database.close();
  }

  #read(table: number, from: number, maxBytes: number): ReadResult {
    const { bounds, batches } = this.#statementsOf(table);
    const { startOffset, endOffset } = bounds.get(table) as unknown as { startOffset: number; endOffset: number };
    const start = Math.max(from, startOffset);
    const records: LogRecord[] = [];
    const stored: Uint8Array[] = [];
    let bytes = 0;
    if (start < endOffset) {
      for (const row of batches.iterate(start)) {
        const { base, data } = row as unknown as StoredBatch;
        decodeBatch(data, base, start, records);
        stored.push(data);
        bytes += data.length;
        if (bytes >= maxBytes) break;
      }
    }
    const nextOffset = (records.at(-1)?.offset ?? start - 1) + 1;
    return { records, bytes, nextOffset, endOffset, free: () => stored.forEach(freeBuffer) };
  }

  #statementsOf(number: number): Statements {
    const known = this.#statements.get(number);
    if (known) return known;
    const table = batchTable(number);
    const statements = {
      bounds: this.#database.prepare(
        `SELECT start_offset AS startOffset,
                max(end_offset, coalesce((SELECT base + count FROM ${table} ORDER BY base DESC LIMIT 1), 0)) AS endOffset
         FROM partitions WHERE number = ?`,
      ),
      batches: this.#database.prepare(
        `SELECT base, data FROM ${table}
         WHERE base >= coalesce((SELECT max(base) FROM ${table} WHERE base <= ?1), 0) ORDER BY base`,
      ),
    };
    this.#statements.set(number, statements);
    return statements;
  }
}
