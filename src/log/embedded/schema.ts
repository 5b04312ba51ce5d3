import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { EmbeddedLogConfig } from './config.ts';

/** The log's database in its directory. */
export const DATABASE_FILE = 'log.db';

/**
 * A compromise: large pages suit large batches (16 KiB took a fifth more records a second), but on
 * a quiet site each commit writes some pages for few bytes.
 */
export const PAGE_BYTES = 8_192;

/** What the write-ahead log may keep on disk once it is checkpointed. */
const WAL_KEPT_BYTES = 64 * 1024 * 1024;

const CACHE_KIB = 8 * 1024;

const SCHEMA_VERSION = 1;

/*
 * Batches have a table a partition, so that each is written at its end only; the row id is the
 * base offset. The index on time holds no blobs and answers "since when" without reading any.
 */
const SCHEMA = `
  CREATE TABLE log (id TEXT NOT NULL) STRICT;
  CREATE TABLE topics (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, id TEXT NOT NULL) STRICT;
  CREATE TABLE partitions (
    number INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL REFERENCES topics,
    partition INTEGER NOT NULL,
    -- the first offset still held, and where the end was when records were last removed
    start_offset INTEGER NOT NULL DEFAULT 0,
    end_offset INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, partition)
  ) STRICT;
  CREATE TABLE positions (
    consumer_group TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE subscriptions (
    consumer_group TEXT NOT NULL,
    topic TEXT NOT NULL,
    PRIMARY KEY (consumer_group, topic)
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** The table of a partition's batches, by the partition's number. */
export function batchTable(number: number): string {
  return `batches_${number}`;
}

export function createBatchTable(database: DatabaseSync, number: number): void {
  const table = batchTable(number);
  database.exec(`
    CREATE TABLE ${table} (
      base INTEGER PRIMARY KEY,
      count INTEGER NOT NULL,
      written_at INTEGER NOT NULL,
      max_timestamp REAL NOT NULL,
      data BLOB NOT NULL
    ) STRICT;
    CREATE INDEX ${table}_time ON ${table} (max_timestamp);
  `);
}

/** Sets a writing connection up, and makes the tables of a new log. */
export function prepareDatabase(database: DatabaseSync, durability: EmbeddedLogConfig['durability']): void {
  database.exec(`
    PRAGMA page_size = ${PAGE_BYTES};
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'};
    PRAGMA journal_size_limit = ${WAL_KEPT_BYTES};
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA cache_size = -${CACHE_KIB};
    PRAGMA temp_store = MEMORY;
  `);
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version === SCHEMA_VERSION) return;
  if (version !== 0) throw new Error(`its tables are of version ${version}, and this program knows ${SCHEMA_VERSION}`);
  database.exec('BEGIN');
  database.exec(SCHEMA);
  database.prepare('INSERT INTO log (id) VALUES (?)').run(randomUUID());
  database.exec('COMMIT');
}
