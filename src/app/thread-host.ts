import { setFlagsFromString } from 'node:v8';
import type { Transferable } from 'node:worker_threads';
import { Worker } from 'node:worker_threads';
import { Backoff } from '../support/backoff.ts';
import type { Handlers } from '../support/channel.ts';
import { Channel } from '../support/channel.ts';
import { systemClock } from '../support/clock.ts';
import { defineErrors, messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import { settlesWithin } from '../support/within.ts';

export const threadErrors = defineErrors({
  THREAD_CRASHED: {
    decision: 'retry',
    help: 'The thread is started again by itself; if this repeats, the log lines before it say why.',
  },
});

const RESTART = { initialMs: 200, maxMs: 30_000 };

export interface ThreadOptions {
  readonly entry: URL;
  /** What the thread is, in log lines. */
  readonly name: string;
  /** Asked for anew at each start, since what is transferred belongs to one thread. */
  readonly data: () => { readonly workerData: unknown; readonly transfer: readonly Transferable[] };
  /** Most MiB for its new objects: three times what the flag `--max-semi-space-size` says, which outrules it. */
  readonly youngMiB: number;
  /**
   * Most MiB for its old ones. Far more than they need: below 2 GiB V8 lets them grow by half before it collects, and
   * to four times as many above (MemoryController::MaxGrowingFactor).
   */
  readonly oldMiB: number;
  /** What the thread may ask of this one. */
  readonly handlers?: Handlers;
  readonly logger: Logger;
  /** Told that the thread has died, before it is started again. */
  readonly onCrash?: (reason: string) => void;
  /** Told that the thread has been started again. */
  readonly onRevived?: () => void;
}

/**
 * Ends the sway of the flag that the program was started with: it has sized the main thread, and
 * would size all other threads alike, whether they move every record or answer a question a day.
 */
export function sizeThreadsApart(): void {
  setFlagsFromString('--max-semi-space-size=0');
}

/** A thread that is started again when it dies; whatever it does goes on from what is durable. */
export class ThreadHost<Calls extends Handlers> {
  readonly #options: ThreadOptions;
  readonly #backoff = new Backoff(RESTART);
  readonly #stopped = new AbortController();
  #worker: Worker;
  #channel: Channel<Calls>;

  constructor(options: ThreadOptions) {
    this.#options = options;
    [this.#worker, this.#channel] = this.#start();
  }

  /** To the thread as it is now; calls reject with THREAD_CRASHED when it dies. */
  get channel(): Channel<Calls> {
    return this.#channel;
  }

  /** Asks the thread to finish, for at most `deadlineMs`, then ends it. */
  async stop(finish: (channel: Channel<Calls>) => Promise<unknown>, deadlineMs: number): Promise<void> {
    this.#stopped.abort();
    const finished = finish(this.#channel).catch((error: unknown) => {
      this.#options.logger.warn(
        { thread: this.#options.name, error: messageOf(error) },
        'a thread did not stop politely',
      );
    });
    await settlesWithin(finished, deadlineMs);
    await this.#worker.terminate();
  }

  #start(): [Worker, Channel<Calls>] {
    const { entry, name, data, youngMiB, oldMiB, handlers } = this.#options;
    const { workerData, transfer } = data();
    const resourceLimits = { maxYoungGenerationSizeMb: youngMiB, maxOldGenerationSizeMb: oldMiB };
    const worker = new Worker(entry, { workerData, transferList: [...transfer], name, resourceLimits });
    const channel = new Channel<Calls>(worker, handlers);
    let reason = 'it ended by itself';
    worker.on('error', (error) => {
      reason = messageOf(error);
    });
    worker.on('exit', () => {
      channel.fail(threadErrors.THREAD_CRASHED(`The thread "${name}" ended: ${reason}.`));
      if (!this.#stopped.signal.aborted) void this.#revive(reason);
    });
    return [worker, channel];
  }

  async #revive(reason: string): Promise<void> {
    this.#options.logger.error({ thread: this.#options.name, error: reason }, 'a thread crashed; it is started again');
    this.#options.onCrash?.(reason);
    await systemClock.sleep(this.#backoff.next(), this.#stopped.signal);
    if (this.#stopped.signal.aborted) return;
    [this.#worker, this.#channel] = this.#start();
    this.#options.onRevived?.();
  }
}
