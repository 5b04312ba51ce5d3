import { isIP } from 'node:net';
import type { API, ConnectionOptions } from '@platformatic/kafka';
import { MillraceError, messageOf } from '../../support/errors.ts';
import { logErrors } from '../errors.ts';
import { Connection, ResponseError } from './client.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export type { API };

/** How all connections of a log are made. */
export interface ConnectionSettings extends Pick<ConnectionOptions, 'tls' | 'tlsServerName' | 'sasl'> {
  readonly clientId: string;
  readonly connectTimeoutMs: number;
}

/** The client's own deadline, which ours always come before. */
const CLIENT_DEADLINE_MS = 2 ** 31 - 1;

/**
 * The way to one broker. Made when first asked, and again after whatever went wrong: a question
 * that is not answered in time ends the connection, so that nothing of it is on its way any more
 * from this side when the question is asked again.
 */
export class BrokerConnection {
  readonly address: Address;
  readonly #settings: ConnectionSettings;
  #connection: Connection | undefined;
  #ready: Promise<unknown> | undefined;

  constructor(address: Address, settings: ConnectionSettings) {
    this.address = address;
    this.#settings = settings;
  }

  /**
   * Asks, and resolves to the answer, whatever codes of errors stand in it. Rejects with
   * LOG_UNAVAILABLE when there is none in time.
   */
  request<A extends unknown[], R>(timeoutMs: number, api: API<A, R>, ...args: A): Promise<R> {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    const connection = this.#open();
    const fail = (error: unknown) => {
      clearTimeout(timer);
      this.#end(connection);
      reject(this.#unavailable(error));
    };
    const timer = setTimeout(() => fail(new Error(`no answer within ${Math.round(timeoutMs)} ms`)), timeoutMs);
    const ask = () => {
      api.async(connection, ...args).then(
        (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        (error: unknown) => {
          const answer = answerOf<R>(error);
          if (answer === undefined) return fail(error);
          clearTimeout(timer);
          resolve(answer);
        },
      );
    };
    // Asking at once when connected keeps requests in the order in which they were made.
    if (connection.isConnected()) ask();
    else this.#ready!.then(ask, fail);
    return promise;
  }

  /** Ends it at once; questions that are under way reject. */
  destroy(): void {
    if (this.#connection) this.#end(this.#connection);
  }

  #open(): Connection {
    if (this.#connection) return this.#connection;
    const { clientId, connectTimeoutMs, ...security } = this.#settings;
    const connection = new Connection(clientId, {
      // Brokers behind one address are told apart by the name that they are reached by.
      tlsServerName: isIP(this.address.host) === 0,
      ...security,
      connectTimeout: connectTimeoutMs,
      requestTimeout: CLIENT_DEADLINE_MS,
    });
    this.#connection = connection;
    connection.on('error', () => this.#end(connection));
    connection.on('close', () => this.#end(connection));
    // Certificates that are none it throws at once.
    this.#ready = (async () => connection.connect(this.address.host, this.address.port))();
    // Whoever waits for it hears of a failure.
    this.#ready.catch(() => this.#end(connection));
    return connection;
  }

  #end(connection: Connection): void {
    if (this.#connection === connection) this.#connection = undefined;
    // Its own close ends its timers, but waits for the other end to read what was written.
    connection.close(() => {});
    connection.socket?.destroy();
  }

  #unavailable(error: unknown): MillraceError {
    if (error instanceof MillraceError) return error;
    const { host, port } = this.address;
    const message = `Kafka at ${host}:${port}: ${reasonsOf(error).join(': ')}`;
    return logErrors.LOG_UNAVAILABLE(message, { cause: error });
  }
}

/** The client wraps what went wrong once or twice; the innermost reason is the one that helps. */
function reasonsOf(error: unknown): string[] {
  const inner = error instanceof Error ? error.cause : undefined;
  return [messageOf(error), ...(inner === undefined ? [] : reasonsOf(inner))];
}

/** The client throws for a code of an error anywhere in an answer, and keeps the answer with it. */
function answerOf<R>(error: unknown): R | undefined {
  if (!(error instanceof ResponseError)) return undefined;
  return (error as unknown as { readonly response?: R }).response;
}
