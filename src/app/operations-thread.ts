import { formatAddress } from '../config/address.ts';
import { transferOf } from '../log/open.ts';
import { messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import type { OperationsCalls, OperationsThread, OperationsThreadData } from './operations-worker.ts';
import { ThreadHost } from './thread-host.ts';

export interface OperationsHostOptions {
  /** Asked for at each start, since a share of the log belongs to one thread. */
  readonly data: () => OperationsThreadData;
  readonly calls: OperationsCalls;
  readonly logger: Logger;
}

/** An operator's questions are few, and what they allocate may as well be moved. */
const YOUNG_MIB = 3;
const OLD_MIB = 512;

/** The operations server in a thread of its own, from the outside. */
export class OperationsHost {
  readonly #thread: ThreadHost<OperationsThread>;
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

  /** Opens the port; resolves to the base address. */
  async listen(): Promise<string> {
    const { url, ...address } = await this.#thread.channel.call('listen', []);
    this.#listen = formatAddress(address);
    return url;
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#thread.stop((channel) => channel.call('close', []), deadlineMs);
  }
}
