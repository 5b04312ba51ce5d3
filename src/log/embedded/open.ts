import path from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import { MessageChannel, Worker } from 'node:worker_threads';
import { Channel } from '../../support/channel.ts';
import { fromPlainError, MillraceError, messageOf } from '../../support/errors.ts';
import type { LoggerOptions } from '../../support/logger.ts';
import { logErrors } from '../errors.ts';
import type { Admin, Consumer, ConsumerOptions, Log, Position, Producer, RecordBatch } from '../log.ts';
import { LogClient } from './client.ts';
import type { EmbeddedLogConfig } from './config.ts';
import type { ControlCalls, LogStatistics, OpenerCalls } from './protocol.ts';

export interface OpenEmbeddedLogOptions {
  /** Made if need be; one process at a time. */
  readonly directory: string;
  readonly config: EmbeddedLogConfig;
  readonly logger: LoggerOptions;
  /** The log has failed for good: every call rejects, and the program should stop. */
  readonly onFailure?: (error: Error) => void;
}

/** The way to an open log for another thread: goes through `workerData` with `port` in the transfer list. */
export interface LogShare {
  readonly kind: 'embedded';
  readonly directory: string;
  readonly port: MessagePort;
}

/** A log in this process's directory, with what only its opener may do. Closing it ends it for every thread. */
export interface EmbeddedLog extends Log {
  /** Makes a way to this log for one other thread. */
  share(): LogShare;
  /** Retention never removes what these groups have not committed; replaces the groups named before. */
  protect(groups: readonly string[]): void;
  /** Removes what is too old or too much as of `now`; the log does so by itself every half minute. */
  runRetention(now: number): Promise<void>;
  statistics(): Promise<LogStatistics>;
}

/** Opens the log in a directory, in a thread of its own. Rejects with LOG_IN_USE, LOG_FAILED. */
export async function openEmbeddedLog(options: OpenEmbeddedLogOptions): Promise<EmbeddedLog> {
  const { directory, config, logger } = options;
  const worker = new Worker(new URL(`thread${path.extname(import.meta.filename)}`, import.meta.url));
  const control = new Channel<ControlCalls>(worker, {
    failed: (error) => options.onFailure?.(fromPlainError(error)),
  } satisfies OpenerCalls);
  worker.on('error', (error) => {
    const failure = logErrors.LOG_FAILED(`the thread of the log has ended: ${messageOf(error)}`, { cause: error });
    control.fail(failure);
    options.onFailure?.(failure);
  });
  try {
    await control.call('open', [{ directory, config, logger }]);
    return new OpenedLog(directory, worker, control, await LogClient.connect(directory, connect(control)));
  } catch (error) {
    await worker.terminate();
    throw error;
  }
}

/** Uses, from another thread, a log that is open in this process. */
export function connectEmbeddedLog(share: LogShare): Promise<Log> {
  return LogClient.connect(share.directory, share.port);
}

class OpenedLog implements EmbeddedLog {
  readonly #directory: string;
  readonly #worker: Worker;
  readonly #control: Channel<ControlCalls>;
  readonly #client: LogClient;
  #closing: Promise<void> | undefined;

  constructor(directory: string, worker: Worker, control: Channel<ControlCalls>, client: LogClient) {
    this.#directory = directory;
    this.#worker = worker;
    this.#control = control;
    this.#client = client;
  }

  get admin(): Admin {
    return this.#client.admin;
  }

  producer(): Producer {
    return this.#client.producer();
  }

  consumer(group: string, topics: readonly string[], options?: ConsumerOptions): Consumer {
    return this.#client.consumer(group, topics, options);
  }

  read(from: Position, options?: { readonly maxBytes?: number }): Promise<RecordBatch> {
    return this.#client.read(from, options);
  }

  share(): LogShare {
    return { kind: 'embedded', directory: this.#directory, port: connect(this.#control) };
  }

  protect(groups: readonly string[]): void {
    this.#control.tell('protect', groups);
  }

  runRetention(now: number): Promise<void> {
    return this.#control.call('runRetention', [now]);
  }

  statistics(): Promise<LogStatistics> {
    return this.#control.call('statistics', []);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#client.close();
    try {
      await this.#control.call('close', []);
    } catch (error) {
      // A thread that has ended has nothing open any more, and its end was told.
      if (!(error instanceof MillraceError && error.code === 'LOG_FAILED')) throw error;
    } finally {
      await this.#worker.terminate();
      this.#control.fail(logErrors.LOG_CLOSED('the log is closed'));
    }
  }
}

/** One end of a new connection; the other goes to the log's thread. */
function connect(control: Channel<ControlCalls>): MessagePort {
  const { port1, port2 } = new MessageChannel();
  // If the thread has ended, so has the port, and whoever uses the connection hears of it there.
  control.call('connect', [port2], [port2]).catch(() => port1.close());
  return port1;
}
