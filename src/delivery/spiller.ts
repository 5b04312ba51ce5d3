import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import type { Lane } from './lane.ts';
import type { Spool } from './spool.ts';

/** Bytes of one append to the spool: large, since each is an fsync, and small enough to be read back at once. */
const APPEND_BYTES = 256 * 1024;

/** How long a spool that did not take an append is left alone. */
const RETRY_MS = 1_000;

export interface SpillerOptions {
  readonly spool: Spool;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stopped: AbortSignal;
  /** Whether what this lane has in memory has to go to the spool. */
  isDue(lane: Lane): boolean;
}

/** Takes events from memory to the spool, one append a lane at a time. */
export class Spiller {
  readonly #options: SpillerOptions;
  readonly #busy = new Set<Lane>();

  constructor(options: SpillerOptions) {
    this.#options = options;
  }

  spill(lane: Lane): void {
    if (this.#busy.has(lane) || !this.#isDue(lane)) return;
    this.#busy.add(lane);
    void this.#run(lane);
  }

  async #run(lane: Lane): Promise<void> {
    while (!this.#options.stopped.aborted && this.#isDue(lane)) await this.#append(lane);
    this.#busy.delete(lane);
    // What the spool had no room for may go to the log from memory.
    lane.wake();
  }

  #isDue(lane: Lane): boolean {
    return lane.live.spillable && this.#options.isDue(lane) && this.#options.spool.hasRoom(0);
  }

  async #append(lane: Lane): Promise<void> {
    const { spool, clock, logger, stopped } = this.#options;
    const batches = lane.live.takeForSpool(APPEND_BYTES);
    try {
      await spool.append(lane.to, batches.length === 1 ? batches[0]!.rest : batches.flatMap(({ rest }) => rest));
    } catch (error) {
      lane.live.putBack(batches);
      // While the spool has no room they go to the log from memory, if it is there: nobody else would ask it.
      lane.wake();
      logger.warn({ ...lane.to, error: messageOf(error) }, 'the spool did not take events; they stay in memory');
      await clock.sleep(RETRY_MS, stopped);
      return;
    }
    lane.live.spooled(batches);
    lane.wake();
  }
}
