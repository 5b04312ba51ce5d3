import { isUntrusted } from '../../../support/certificates.ts';
import { MillraceError, messageOf } from '../../../support/errors.ts';
import { postgresErrors } from './errors.ts';

/**
 * What a code of PostgreSQL means to us (https://www.postgresql.org/docs/current/errcodes-appendix.html):
 * the whole code counts before its class, which is its first two signs.
 */
const MEANINGS: Readonly<Record<string, Exclude<keyof typeof postgresErrors, `EVENT_${string}`>>> = {
  '08': 'POSTGRES_UNREACHABLE',
  '25006': 'POSTGRES_UNREACHABLE', // a standby: the server that takes writes is another one
  '28': 'POSTGRES_UNAUTHORIZED',
  '3D': 'POSTGRES_UNAUTHORIZED', // no such database
  '3F': 'POSTGRES_TABLE_UNSUITABLE', // no such schema
  '40': 'POSTGRES_BUSY', // deadlocks and the like
  '42': 'POSTGRES_TABLE_UNSUITABLE',
  '42501': 'POSTGRES_FORBIDDEN',
  '53': 'POSTGRES_FULL',
  '55': 'POSTGRES_BUSY', // locks that are not had in time
  '57014': 'POSTGRES_SLOW',
  '57': 'POSTGRES_UNREACHABLE', // it stops, starts or crashed
  '25P03': 'POSTGRES_SLOW', // we were idle in a transaction: frozen, or the way to the server was
  '58': 'POSTGRES_FULL', // its disk failed
};

/** Classes of codes that are about the values of a statement: data, constraints, limits, exceptions of triggers. */
const ABOUT_VALUES = ['22', '23', '54', 'P0'];

/** What the client says, without a code, of a server that talks no TLS. */
const NO_TLS = 'The server does not support SSL connections';
/** How the client begins what it says of passwords, ours or the server's proof that it knows it. */
const PASSWORD = 'SASL: ';
/** What the client says of its own deadlines. */
const LATE = ['Query read timeout', 'timeout expired'];

/** The code of PostgreSQL's own that an error carries, or the one that caused it, if the server sent it. */
export function sqlStateOf(error: unknown): string | undefined {
  if (error instanceof MillraceError) return error.cause === undefined ? undefined : sqlStateOf(error.cause);
  const { code, severity } = error as { readonly code?: unknown; readonly severity?: unknown };
  return typeof code === 'string' && severity !== undefined ? code : undefined;
}

/** Whether the server refused values, and would take the statement with others. */
export function isAboutValues(error: unknown): boolean {
  return ABOUT_VALUES.includes(sqlStateOf(error)?.slice(0, 2) ?? '');
}

/** A deadlock or the like: nothing happened, and the same transaction may go through at once. */
export function isConflict(error: unknown): boolean {
  return sqlStateOf(error)?.startsWith('40') ?? false;
}

/** Gives an error of the client or the server its code. */
export function withCode(error: unknown): unknown {
  if (error instanceof MillraceError || (error as Error).name === 'AbortError') return error;
  const state = sqlStateOf(error);
  const cause = { cause: error };
  if (state !== undefined) {
    const code = MEANINGS[state] ?? MEANINGS[state.slice(0, 2)] ?? 'POSTGRES_REFUSED';
    // What it says of values may hold what a visitor sent.
    const words = isAboutValues(error) ? 'values are refused' : messageOf(error);
    return postgresErrors[code](`PostgreSQL says ${state}: ${words}`, cause);
  }
  const message = messageOf(error);
  if (message === NO_TLS || isUntrusted(error)) {
    return postgresErrors.POSTGRES_TLS_FAILED(`no encrypted connection: ${message}`, cause);
  }
  if (message.startsWith(PASSWORD)) {
    return postgresErrors.POSTGRES_UNAUTHORIZED(`PostgreSQL does not know us: ${message}`, cause);
  }
  if (LATE.includes(message)) return postgresErrors.POSTGRES_SLOW('PostgreSQL did not answer in time', cause);
  return postgresErrors.POSTGRES_UNREACHABLE(`no connection to PostgreSQL: ${message}`, cause);
}
