import { defineErrors } from '../../../support/errors.ts';

/** Where a database is, and who we are there. */
export interface PostgresAddress {
  /** Servers to try one after the other; the first that takes writes is the one. */
  readonly hosts: readonly PostgresHost[];
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** What the URL says of encryption: needed, not wanted, or nothing. */
  readonly tls: boolean | undefined;
}

export interface PostgresHost {
  readonly host: string;
  readonly port: number;
}

const addressErrors = defineErrors({
  POSTGRES_URL_INVALID: {
    decision: 'refuse',
    help: 'Write it as postgres://user:password@host:5432/database, with "%"-codes for signs that mean something in a URL.',
  },
});

const DEFAULT_PORT = 5_432;
const HIGHEST_PORT = 65_535;
const FORM = /^postgres(?:ql)?:\/\/(?:([^:@/?#]*)(?::([^@/?#]*))?@)?([^@/?#]+)\/([^/?#]+)(?:\?([^#]*))?$/;
const HOST = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?$/;

/** What `sslmode` of libpq means here: there is no encryption without a certificate that is checked. */
const SSL_MODES: Readonly<Record<string, boolean>> = {
  disable: false,
  require: true,
  'verify-ca': true,
  'verify-full': true,
};

/**
 * Reads `postgres://user:password@host:port,host:port/database?sslmode=verify-full`, as libpq's
 * manual has it (https://www.postgresql.org/docs/current/libpq-connect.html).
 *
 * @throws POSTGRES_URL_INVALID with a sentence that shows nothing of the URL
 */
export function parsePostgresUrl(url: string): PostgresAddress {
  const [, user = '', password = '', hosts = '', database = '', query = ''] =
    FORM.exec(url) ?? refuse('has another form');
  if (user === '') refuse('names no user');
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) if (name !== 'sslmode') refuse('has a parameter other than sslmode');
  const mode = parameters.get('sslmode');
  if (mode !== null && !Object.hasOwn(SSL_MODES, mode)) {
    refuse(`has an sslmode that is none of ${Object.keys(SSL_MODES).join(', ')}`);
  }
  return {
    hosts: hosts.split(',').map(hostOf),
    user: decoded(user),
    password: decoded(password),
    database: decoded(database),
    tls: mode === null ? undefined : SSL_MODES[mode],
  };
}

function hostOf(text: string): PostgresHost {
  const [, host = '', digits] = HOST.exec(text) ?? refuse('has a host that is none');
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (port < 1 || port > HIGHEST_PORT) refuse('has a port that is none');
  return { host: host.replace(/^\[|\]$/g, ''), port };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse('has a "%" that begins no code');
  }
}

function refuse(what: string): never {
  throw addressErrors.POSTGRES_URL_INVALID(`the URL of the database ${what}`);
}
