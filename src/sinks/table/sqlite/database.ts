import path from 'node:path';
import type { StatementSync } from 'node:sqlite';
import { DatabaseSync } from 'node:sqlite';
import { MillraceError, messageOf } from '../../../support/errors.ts';
import { makeDirectory } from '../../../support/make-directory.ts';
import { tableErrors } from '../errors.ts';
import { INSERT_EVENT, INSERT_WORDS, SCHEMA, SCHEMA_VERSION, writerPragmas } from './schema.ts';

/** How long a transaction waits for another process's; it stands still meanwhile. */
const BUSY_MS = 2_000;

/** SQLite's primary result codes (https://sqlite.org/rescode.html), the low byte of `errcode`. */
const SQLITE = { PERM: 3, BUSY: 5, LOCKED: 6, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 };

/** The writing connection of a sink, shared by its writers: all its work happens in transactions. */
export class TableDatabase {
  readonly #database: DatabaseSync;
  /** SQLite goes on after a failed fsync as if nothing had been; so the first failure is the last word. */
  #failure: MillraceError | undefined;

  readonly insertEvent: StatementSync;
  readonly insertWords: StatementSync;
  readonly storedValue: StatementSync;
  readonly readPosition: StatementSync;
  readonly takeOver: StatementSync;
  readonly advance: StatementSync;
  readonly setPosition: StatementSync;
  readonly forgetPosition: StatementSync;

  constructor(file: string, durability: 'full' | 'normal') {
    this.#database = coded(() => open(file, durability));
    const prepare = (sql: string) => this.#database.prepare(sql);
    this.insertEvent = prepare(INSERT_EVENT);
    this.insertWords = prepare(INSERT_WORDS);
    this.storedValue = prepare('SELECT value FROM event WHERE id = ?');
    this.readPosition = prepare(
      'SELECT topic_id, next FROM position WHERE connector = ? AND topic = ? AND partition = ?',
    );
    this.takeOver = prepare(
      'INSERT INTO position (connector, topic, partition, topic_id, writer) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET writer = excluded.writer',
    );
    this.setPosition = prepare(
      'INSERT INTO position (connector, topic, partition, topic_id, writer, next) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET topic_id = excluded.topic_id, writer = excluded.writer, next = excluded.next',
    );
    this.forgetPosition = prepare('DELETE FROM position WHERE connector = ? AND topic = ? AND partition = ?');
    this.advance = prepare(
      'UPDATE position SET next = ? WHERE connector = ? AND topic = ? AND partition = ? AND next IS ? AND writer = ?',
    );
  }

  /**
   * Runs `work` in a transaction that is committed if it returns, unless it returns `undefined`
   * or throws. Errors of SQLite come out with their codes.
   */
  transaction<T>(work: () => T | undefined): T | undefined {
    if (this.#failure) throw this.#failure;
    try {
      return coded(() => {
        this.#database.exec('BEGIN IMMEDIATE');
        const result = work();
        this.#database.exec(result === undefined ? 'ROLLBACK' : 'COMMIT');
        return result;
      });
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'TABLE_FAILED') this.#failure = error;
      this.#rollBack();
      throw error;
    }
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #rollBack(): void {
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    } catch (error) {
      // Nobody knows what the connection would do next.
      this.#failure ??= tableErrors.TABLE_FAILED(`a transaction could not be rolled back: ${messageOf(error)}`);
    }
  }
}

function open(file: string, durability: 'full' | 'normal'): DatabaseSync {
  makeDirectory(path.dirname(file));
  const database = new DatabaseSync(file, { timeout: BUSY_MS });
  try {
    database.exec(writerPragmas(durability));
    database.exec('BEGIN IMMEDIATE');
    const version = schemaVersion(database);
    if (version === 0) database.exec(SCHEMA);
    else assertVersion(version);
    database.exec('COMMIT');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The version of the tables in a file; 0 before they are made. */
export function schemaVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}

/** @throws TABLE_VERSION_UNKNOWN */
export function assertVersion(version: number): void {
  if (version === SCHEMA_VERSION) return;
  throw tableErrors.TABLE_VERSION_UNKNOWN(`the table has version ${version}, this program writes ${SCHEMA_VERSION}`);
}

/** Runs something of SQLite's and gives its errors their codes. */
export function coded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw withCode(error);
  }
}

function withCode(error: unknown): unknown {
  if (error instanceof MillraceError) return error;
  const { errcode, code } = error as { errcode?: number; code?: string };
  const cause = { cause: error };
  const message = messageOf(error);
  switch (errcode === undefined ? undefined : errcode & 0xff) {
    case SQLITE.BUSY:
    case SQLITE.LOCKED:
      return tableErrors.TABLE_BUSY(`the database is locked: ${message}`, cause);
    case SQLITE.FULL:
      return tableErrors.TABLE_FULL(`no room for the database: ${message}`, cause);
    case SQLITE.IOERR:
    case SQLITE.CORRUPT:
      return tableErrors.TABLE_FAILED(`the database failed: ${message}`, cause);
    case SQLITE.PERM:
    case SQLITE.READONLY:
    case SQLITE.CANTOPEN:
    case SQLITE.NOTADB:
      return tableErrors.TABLE_UNUSABLE(`the database can't be used: ${message}`, cause);
    default:
      if (code === 'ENOSPC') return tableErrors.TABLE_FULL(`no room for the database: ${message}`, cause);
      if (errcode === undefined && code?.startsWith('E')) {
        return code.startsWith('ERR_') ? error : tableErrors.TABLE_UNUSABLE(`no directory for it: ${message}`, cause);
      }
      return error;
  }
}
