import type { QueryResultRow } from 'pg';
import { MillraceError } from '../../../support/errors.ts';
import { WakeUps } from '../../../support/wake-ups.ts';
import type { PostgresAddress } from './address.ts';
import { parsePostgresUrl } from './address.ts';
import type { PostgresTableConfig } from './config.ts';
import type { Answer } from './connection.ts';
import { Connection, connect } from './connection.ts';

/** Who waits for a connection is woken; this only bounds one wait. */
const WAIT_MS = 60_000;

export type DatabaseConfig = Pick<
  PostgresTableConfig,
  'url' | 'tls' | 'connections' | 'connectTimeout' | 'statementTimeout'
>;

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
    const ms = Math.ceil(this.#config.statementTimeout);
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
    const { connectTimeout, statementTimeout, tls: certificates } = this.#config;
    let failure: unknown;
    for (let turn = 0; turn < hosts.length; turn++) {
      const index = (this.#host + turn) % hosts.length;
      const host = hosts[index]!;
      try {
        const connection = await connect(
          host,
          { ...this.#address, connectTimeout, statementTimeout, certificates, name: this.#name },
          signal,
        );
        this.#host = index;
        return connection;
      } catch (error) {
        signal.throwIfAborted();
        failure ??= error;
      }
    }
    throw failure;
  }
}
