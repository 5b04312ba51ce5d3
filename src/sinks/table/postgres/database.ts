import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { checkServerIdentity } from 'node:tls';
import type { Client, QueryResultRow } from 'pg';
import { MillraceError, messageOf } from '../../../support/errors.ts';
import { WakeUps } from '../../../support/wake-ups.ts';
import { withSignal } from '../../../support/with-signal.ts';
import type { PostgresAddress, PostgresHost } from './address.ts';
import { parsePostgresUrl } from './address.ts';
import { sqlStateOf, withCode } from './classify.ts';
import type { PostgresTableConfig } from './config.ts';
import { postgresErrors } from './errors.ts';

/** The server's own deadline comes first; ours is for a server, or a way to it, that is silent. */
const SILENCE_MS = 2_000;
/** Idle connections ask after this long whether the other end is there. */
const KEEP_ALIVE_MS = 10_000;
/** Who waits for a connection is woken; this only bounds one wait. */
const WAIT_MS = 60_000;

export type DatabaseConfig = Pick<
  PostgresTableConfig,
  'url' | 'tls' | 'connections' | 'connectTimeout' | 'statementTimeout'
>;

export interface Answer<T> {
  readonly rows: readonly T[];
  /** Rows that the statement found or changed. */
  readonly count: number;
}

/** A transaction under way. */
export interface Session {
  /** What is given is bound to `$1`, `$2`, … and never part of the statement. Errors have their codes. */
  query<T extends QueryResultRow>(statement: string, values?: readonly unknown[]): Promise<Answer<T>>;
}

/**
 * A database and a few connections to it, made when they are needed. All that is asked is asked in
 * transactions, with deadlines that the server keeps for each of them, whatever stands between.
 */
export class Database {
  readonly #config: DatabaseConfig;
  readonly #name: string;
  readonly #address: PostgresAddress;
  readonly #freed = new WakeUps();
  #idle: Connection[] = [];
  /** Connections that are in use or being made. */
  readonly #busy = new Set<object>();
  /** The host that took writes last. */
  #host = 0;
  #closed = false;

  /** @param name what the server shows of us */
  constructor(config: DatabaseConfig, name: string) {
    this.#config = config;
    this.#name = name;
    this.#address = parsePostgresUrl(config.url);
  }

  /**
   * Runs `work` in a transaction that is committed if it gives something, and rolled back if it
   * gives `undefined` or throws. After an error at its end nobody knows which of them it was.
   */
  async transaction<T>(
    work: (session: Session) => Promise<T | undefined>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const connection = await this.#take(signal);
    let sound = false;
    try {
      await connection.ask(this.#begin, [], signal);
      const result = await work({
        query: (statement, values = []) => connection.ask(statement, values, signal),
      });
      if (result === undefined) sound = await connection.rollBack(signal);
      else {
        await connection.commit(signal);
        sound = true;
      }
      return result;
    } catch (error) {
      // A server that is stopping, or no longer takes writes, is not asked again on this connection.
      const elsewhere = error instanceof MillraceError && error.code === 'POSTGRES_UNREACHABLE';
      sound = !elsewhere && (await connection.rollBack(signal));
      throw error;
    } finally {
      this.#giveBack(connection, sound);
    }
  }

  /** Ends all connections at once, those in use too. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#idle) connection.destroy();
    this.#idle = [];
    for (const busy of this.#busy) if (busy instanceof Connection) busy.destroy();
  }

  /** Of one transaction only, and so good behind a proxy that shares connections among many. */
  get #begin(): string {
    const ms = this.#config.statementTimeout;
    return [
      'BEGIN ISOLATION LEVEL READ COMMITTED',
      `SET LOCAL statement_timeout = ${ms}`,
      `SET LOCAL idle_in_transaction_session_timeout = ${ms}`,
    ].join('; ');
  }

  async #take(signal: AbortSignal): Promise<Connection> {
    while (this.#busy.size >= this.#config.connections) {
      await this.#freed.wait(WAIT_MS, signal);
      signal.throwIfAborted();
    }
    if (this.#closed) throw new Error('the database was closed');
    const idle = this.#idle.pop();
    if (idle) {
      this.#busy.add(idle);
      return idle;
    }
    const place = {};
    this.#busy.add(place);
    try {
      const connection = await this.#connect(signal);
      connection.onDead = () => {
        this.#idle = this.#idle.filter((each) => each !== connection);
      };
      this.#busy.add(connection);
      return connection;
    } finally {
      this.#busy.delete(place);
      this.#freed.wake();
    }
  }

  #giveBack(connection: Connection, sound: boolean): void {
    this.#busy.delete(connection);
    if (sound && !connection.dead && !this.#closed) this.#idle.push(connection);
    else connection.destroy();
    this.#freed.wake();
  }

  /** To the first host, from the last good one on, that takes writes. */
  async #connect(signal: AbortSignal): Promise<Connection> {
    const { hosts } = this.#address;
    let failure: unknown;
    for (let turn = 0; turn < hosts.length; turn++) {
      const index = (this.#host + turn) % hosts.length;
      const host = hosts[index]!;
      try {
        const connection = await this.#connectTo(host, signal);
        this.#host = index;
        return connection;
      } catch (error) {
        signal.throwIfAborted();
        failure ??= error;
      }
    }
    throw failure;
  }

  async #connectTo(host: PostgresHost, signal: AbortSignal): Promise<Connection> {
    const { connectTimeout, statementTimeout } = this.#config;
    const { user, password, database, hosts } = this.#address;
    const { default: pg } = await import('pg');
    const socket = new Socket();
    const client = new pg.Client({
      ...host,
      user,
      // A function: no file or variable of the environment is asked for one in its stead.
      password: () => password,
      database,
      ssl: this.#tls(host),
      application_name: this.#name,
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
        const { rows } = await connection.ask<{ standby: boolean }>(
          'SELECT pg_is_in_recovery() AS standby',
          [],
          signal,
        );
        if (rows[0]?.standby) throw postgresErrors.POSTGRES_UNREACHABLE(`${host.host} is a standby`);
      }
      return connection;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /** @throws POSTGRES_TLS_FAILED for files that can't be read */
  #tls({ host }: PostgresHost): ConnectionOptions | false {
    const { tls } = this.#config;
    if (!tls && !this.#address.tls) return false;
    const { ca, cert, key, serverName = host, rejectUnauthorized = true } = tls ?? {};
    return {
      ...(ca === undefined ? {} : { ca: readPem(ca) }),
      ...(cert === undefined ? {} : { cert: readPem(cert) }),
      ...(key === undefined ? {} : { key: readPem(key) }),
      rejectUnauthorized,
      checkServerIdentity: (_, certificate) => checkServerIdentity(serverName, certificate),
    };
  }
}

/** A client and the socket below it, which alone ends a connection that nobody answers on. */
class Connection {
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
