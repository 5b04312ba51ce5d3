import { MillraceError, messageOf } from '../../support/errors.ts';
import { logErrors } from '../errors.ts';
import { DATABASE_FILE } from './schema.ts';

/** Result codes of SQLite (sqlite3.h); the low byte is the kind, the rest says more. */
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;
/** The file that readers and the writer share in memory could not grow: no space either. */
const SQLITE_IOERR_SHMSIZE = 10 | (19 << 8);

/**
 * What a failed write means. Without space nothing was written, and a later write may succeed. Any
 * other failure ends the log: after a failed sync the system forgets which pages were not written,
 * and SQLite's further commits would seem to succeed.
 */
export function writeFailure(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const code = codeOf(error);
  if (code === SQLITE_FULL || code === SQLITE_IOERR_SHMSIZE)
    return logErrors.LOG_FULL('there is no space left on the disk of the log', { cause: error });
  return logErrors.LOG_FAILED(`the log could not be written: ${messageOf(error)}`, { cause: error });
}

/** What a failed read means: the file is foreign or damaged, or could not be read this time. */
export function readFailure(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const kind = codeOf(error) & 0xff;
  if (kind === SQLITE_NOTADB)
    return logErrors.LOG_CORRUPT(`the file ${DATABASE_FILE} is no database of Millrace's log`, { cause: error });
  if (kind === SQLITE_CORRUPT)
    return logErrors.LOG_CORRUPT(`the file of the log is damaged: ${messageOf(error)}`, { cause: error });
  return logErrors.LOG_UNAVAILABLE(`the log could not be read: ${messageOf(error)}`, { cause: error });
}

/** Why a log could not be opened. */
export function openFailure(directory: string, error: unknown): MillraceError {
  const failure = readFailure(error);
  if (failure.code !== 'LOG_UNAVAILABLE') return failure;
  return logErrors.LOG_FAILED(`the log in ${directory} could not be opened: ${messageOf(error)}`, { cause: error });
}

function codeOf(error: unknown): number {
  return (error as { errcode?: number }).errcode ?? 0;
}
