import type { MessagePort } from 'node:worker_threads';
import { MessageChannel } from 'node:worker_threads';
import { formatAddress } from '../config/address.ts';
import { transferOf } from '../log/open.ts';
import { Channel } from '../support/channel.ts';
import { messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import { settlesWithin } from '../support/within.ts';
import type { OperationsCalls, OperationsData, OperationsPart } from './operations-part.ts';
import { ThreadHost } from './thread-host.ts';

export interface OperationsHostOptions {
  /** Asked for at each start, since a share of the log belongs to one thread. */
  readonly data: () => OperationsData;
  readonly calls: OperationsCalls;
  readonly logger: Logger;
}

/** The operations server, from the outside. */
export interface OperationsHost {
  /** Opens the port; resolves to the base address. */
  listen(): Promise<string>;
  close(deadlineMs: number): Promise<void>;
}

/** An operator's questions are few, and what they allocate may as well be moved. */
const YOUNG_MIB = 3;
const OLD_MIB = 512;

/** In a thread of its own, which is started again when it dies: for a program whose main thread answers pages. */
export class OperationsThread implements OperationsHost {
  readonly #thread: ThreadHost<OperationsPart>;
  /** Where it listens; a thread that is started again takes the same port. */
  #listen: string | undefined;

  constructor({ data, calls, logger }: OperationsHostOptions) {
    this.#thread = new ThreadHost({
      entry: new URL('./operations-worker.ts', import.meta.url),
      name: 'operations',
      youngMiB: YOUNG_MIB,
      oldMiB: OLD_MIB,
      data: () => {
        const { config, ...rest } = data();
        const workerData = { ...rest, config: { ...config, listen: this.#listen ?? config.listen } };
        return { workerData, transfer: transferOf(workerData.log) };
      },
      handlers: calls,
      logger,
      onRevived: () => {
        this.listen().catch((error: unknown) => {
          logger.error({ error: messageOf(error) }, 'the operations server could not listen again');
        });
      },
    });
  }

  async listen(): Promise<string> {
    const { url, ...address } = await this.#thread.channel.call('listen', []);
    this.#listen = formatAddress(address);
    return url;
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#thread.stop((channel) => channel.call('close', []), deadlineMs);
  }
}

/**
 * In the thread that it is made in: for a program that only loads, whose main thread has nothing
 * else to do. A thread of its own would cost some 20 MiB; what would end that thread ends the
 * program here, which goes on from what is durable when it is started again.
 */
export class OperationsInline implements OperationsHost {
  readonly #port: MessagePort;
  readonly #channel: Channel<OperationsPart>;
  readonly #logger: Logger;

  private constructor(port: MessagePort, { calls, logger }: OperationsHostOptions) {
    this.#port = port;
    this.#channel = new Channel(port, calls);
    this.#logger = logger;
  }

  static async start(options: OperationsHostOptions): Promise<OperationsInline> {
    // A process that collects never loads these modules in its main thread.
    const { runOperations } = await import('./operations-part.ts');
    const { port1, port2 } = new MessageChannel();
    await runOperations(port2, options.data());
    return new OperationsInline(port1, options);
  }

  async listen(): Promise<string> {
    const { url } = await this.#channel.call('listen', []);
    return url;
  }

  async close(deadlineMs: number): Promise<void> {
    const closed = this.#channel.call('close', []);
    try {
      if (await settlesWithin(closed, deadlineMs)) await closed;
      else this.#logger.warn({}, 'the operations server did not close in time');
    } finally {
      this.#port.close();
    }
  }
}
