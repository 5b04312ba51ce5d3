import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { checkServerIdentity } from 'node:tls';
import type { Client, QueryResultRow } from 'pg';
import { messageOf } from '../../../support/errors.ts';
import { withSignal } from '../../../support/with-signal.ts';
import type { PostgresAddress, PostgresHost } from './address.ts';
import { sqlStateOf, withCode } from './classify.ts';
import type { PostgresTableConfig } from './config.ts';
import { postgresErrors } from './errors.ts';

/** The server's own deadline comes first; ours is for a server, or a way to it, that is silent. */
const SILENCE_MS = 2_000;
/** Idle connections ask after this long whether the other end is there. */
const KEEP_ALIVE_MS = 10_000;
export interface Answer<T> {
  readonly rows: readonly T[];
  /** Rows that the statement found or changed. */
  readonly count: number;
}

export interface ConnectOptions
  extends PostgresAddress,
    Pick<PostgresTableConfig, 'connectTimeout' | 'statementTimeout'> {
  readonly certificates: PostgresTableConfig['tls'];
  /** What the server shows of us. */
  readonly name: string;
}

/** Connects to one of the hosts; where there are several, to none that is a standby. */
export async function connect(host: PostgresHost, options: ConnectOptions, signal: AbortSignal): Promise<Connection> {
  const { hosts, user, password, database, connectTimeout, statementTimeout, name } = options;
  const { default: pg } = await import('pg');
  const socket = new Socket();
  const client = new pg.Client({
    ...host,
    user,
    // A function: no file or variable of the environment is asked for one in its stead.
    password: () => password,
    database,
    ssl: tlsFor(host, options),
    application_name: name,
    connectionTimeoutMillis: connectTimeout,
    query_timeout: statementTimeout + SILENCE_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    stream: () => socket,
  });
  const connection = new Connection(client, socket);
  try {
    await coded(client.connect(), signal);
    if (hosts.length > 1) {
      const { rows } = await connection.ask<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby', [], signal);
      if (rows[0]?.standby) throw postgresErrors.POSTGRES_UNREACHABLE(`${host.host} is a standby`);
    }
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/** @throws POSTGRES_TLS_FAILED for files that can't be read */
function tlsFor({ host }: PostgresHost, { tls, certificates }: ConnectOptions): ConnectionOptions | false {
  if (!certificates && !tls) return false;
  const { ca, cert, key, serverName = host, rejectUnauthorized = true } = certificates ?? {};
  return {
    ...(ca === undefined ? {} : { ca: readPem(ca) }),
    ...(cert === undefined ? {} : { cert: readPem(cert) }),
    ...(key === undefined ? {} : { key: readPem(key) }),
    rejectUnauthorized,
    checkServerIdentity: (_, certificate) => checkServerIdentity(serverName, certificate),
  };
}

/** A client and the socket below it, which alone ends a connection that nobody answers on. */
export class Connection {
  readonly #client: Client;
  readonly #socket: Socket;
  /** Whether a statement has no answer yet. */
  #asking = false;
  dead = false;
  onDead: () => void = () => {};

  constructor(client: Client, socket: Socket) {
    this.#client = client;
    this.#socket = socket;
    const died = () => {
      this.dead = true;
      this.onDead();
    };
    client.on('error', died);
    client.on('end', died);
  }

  async ask<T extends QueryResultRow>(
    statement: string,
    values: readonly unknown[],
    signal: AbortSignal,
  ): Promise<Answer<T>> {
    // Without values, one string may hold several statements.
    const query = () =>
      values.length === 0 ? this.#client.query<T>(statement) : this.#client.query<T>(statement, [...values]);
    const { rows, rowCount } = await this.#answered(query, signal);
    return { rows, count: rowCount ?? 0 };
  }

  /** A transaction in which a statement failed answers COMMIT with ROLLBACK, and without an error. */
  async commit(signal: AbortSignal): Promise<void> {
    const { command } = await this.#answered(() => this.#client.query('COMMIT'), signal);
    if (command !== 'COMMIT') throw postgresErrors.POSTGRES_BUSY(`PostgreSQL answered COMMIT with ${command}`);
  }

  /** Whether the connection can be used for another transaction. */
  async rollBack(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#answered(() => this.#client.query('ROLLBACK'), signal);
      return true;
    } catch {
      return false;
    }
  }

  /** The answer to a question, which is also an error of the server's; without one, nothing more can be asked. */
  async #answered<T>(query: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    if (this.dead || this.#asking) throw postgresErrors.POSTGRES_UNREACHABLE('the connection to PostgreSQL has ended');
    this.#asking = true;
    try {
      const answer = await coded(query(), signal);
      this.#asking = false;
      return answer;
    } catch (error) {
      this.#asking = sqlStateOf(error) === undefined;
      throw error;
    }
  }

  destroy(): void {
    this.dead = true;
    this.#socket.destroy();
  }
}

async function coded<T>(asked: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await withSignal(asked, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw withCode(error);
  }
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw postgresErrors.POSTGRES_TLS_FAILED(`a file for "tls" can't be read: ${messageOf(error)}`, { cause: error });
  }
}
