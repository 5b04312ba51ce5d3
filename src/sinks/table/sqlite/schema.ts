/**
 * The tables in the file, made once. `PRAGMA user_version` says which version of this they follow.
 *
 * - `event`: one row an event id. Both indices end in the row's number, so that a page of events
 *   in the order (timestamp, seq) is one walk along an index.
 * - `event_text`: the words of each event, by the same number. It keeps no copy of the texts
 *   (`content=''`), no places of words in them (`detail=none`), and lets rows be deleted.
 * - `position`: per connector and partition the next offset to load, and the writer that may.
 */
export const SCHEMA_VERSION = 1;

export const SCHEMA = `
CREATE TABLE event (
  seq       INTEGER PRIMARY KEY,
  id        TEXT NOT NULL UNIQUE,
  type      TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  value     TEXT NOT NULL
) STRICT;
CREATE INDEX event_timestamp ON event (timestamp);
CREATE INDEX event_type_timestamp ON event (type, timestamp);
CREATE VIRTUAL TABLE event_text USING fts5 (words, content='', contentless_delete=1, detail=none, tokenize='ascii');
CREATE TABLE position (
  connector TEXT NOT NULL,
  topic     TEXT NOT NULL,
  partition INTEGER NOT NULL,
  topic_id  TEXT NOT NULL,
  next      INTEGER,
  writer    TEXT NOT NULL,
  PRIMARY KEY (connector, topic, partition)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = ${SCHEMA_VERSION};
`;

export const INSERT_EVENT =
  'INSERT INTO event (id, type, timestamp, value) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING';
export const INSERT_WORDS = 'INSERT INTO event_text (rowid, words) VALUES (?, ?)';

/** 32 MiB: the upper pages of the indices stay in memory, where inserts in random order find them. */
const CACHE_KIB = 32 * 1024;
/** 16 MiB in pages of 4 KiB: a page written to again and again goes to the main file less often. */
const CHECKPOINT_PAGES = 4096;

/** What each writing connection sets for itself. */
export function writerPragmas(durability: 'full' | 'normal'): string {
  return `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'};
PRAGMA cache_size = -${CACHE_KIB};
PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
`;
}
