import { messageOf } from '../support/errors.ts';
import type { Delivery } from './delivery.ts';
import type { Ledger, Totals } from './ledger.ts';
import { sumOf } from './ledger.ts';
import type { SlotOptions } from './slot.ts';
import { Slot } from './slot.ts';
import type { Spool } from './spool.ts';

const CHECKPOINT_MS = 1_000;

/** How many checkpoints from one look after slots that were left behind to the next. */
const ADOPT_EVERY = 5;

export interface BookkeeperOptions extends SlotOptions {
  /** `spool/` below the data directory. */
  readonly root: string;
  /** Whether events may wait in a spool of this process's own. */
  readonly withSpool: boolean;
}

/**
 * Keeps the books of a collector process: its slot, a checkpoint a second, and the slots that
 * others left behind, whose spools it takes to the log.
 */
export class Bookkeeper {
  readonly #options: BookkeeperOptions;
  readonly #own: Slot;
  readonly #adopted = new Set<Slot>();
  readonly #stopped = new AbortController();
  /** Slots that are being let go of. */
  readonly #leaving = new Set<Promise<void>>();
  #keeping: Promise<void> | undefined;

  private constructor(options: BookkeeperOptions, own: Slot) {
    this.#options = options;
    this.#own = own;
  }

  /** Claims a slot. Rejects with the errors of an embedded log. */
  static async open(options: BookkeeperOptions): Promise<Bookkeeper> {
    return new Bookkeeper(options, await Slot.claim(options.root, options.withSpool, options));
  }

  /** The totals of the data directory, as far as its last checkpoints tell of processes that are not this one. */
  static totalsOf(root: string): Totals {
    return Slot.totalsBeside(new Set(), root);
  }

  get ledger(): Ledger {
    return this.#own.ledger;
  }

  /** Where the delivery may put what the log does not take. */
  get spool(): Spool | undefined {
    return this.#options.withSpool ? this.#own.spool : undefined;
  }

  /** The totals of the data directory: exact for this process, up to a second old for others. */
  totals(): Totals {
    const others = Slot.totalsBeside(this.#directories, this.#options.root);
    return sumOf([...this.#slots.map(({ ledger }) => ledger.totals), others]);
  }

  get #slots(): readonly Slot[] {
    return [this.#own, ...this.#adopted];
  }

  get #directories(): ReadonlySet<string> {
    return new Set(this.#slots.map(({ directory }) => directory));
  }

  /** Begins: what was left behind goes to the log through this delivery. */
  start(delivery: Delivery): void {
    // A spool from a time when this directory's log was another one.
    if (this.#own.spool && !this.#options.withSpool) delivery.replay(this.#own.spool);
    this.#keeping = this.#keep(delivery);
  }

  /** Writes the last checkpoints and lets go of all slots; after the delivery has drained. */
  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#keeping;
    await Promise.all([...this.#leaving, ...this.#slots.map((slot) => slot.close())]);
  }

  async #keep(delivery: Delivery): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#stopped;
    for (let turn = 0; !signal.aborted; turn++) {
      try {
        for (const slot of this.#slots) slot.checkpoint();
        if (turn % ADOPT_EVERY === 0) await this.#adopt(delivery);
      } catch (error) {
        // A full disk, most likely; the ceiling written before still holds.
        logger.warn({ error: messageOf(error) }, 'the books of the collector could not be written');
      }
      await clock.sleep(CHECKPOINT_MS, signal);
    }
  }

  async #adopt(delivery: Delivery): Promise<void> {
    const { root } = this.#options;
    while (!this.#stopped.signal.aborted) {
      const slot = await Slot.adopt(root, this.#directories, this.#options);
      if (!slot) return;
      this.#takeUp(slot, delivery);
    }
  }

  #takeUp(slot: Slot, delivery: Delivery): void {
    const { spool } = slot;
    this.#adopted.add(slot);
    const leave = () => {
      if (this.#adopted.delete(slot)) this.#leave(slot);
    };
    if (!spool || spool.records === 0) {
      leave();
      return;
    }
    const { logger } = this.#options;
    logger.info(
      { directory: slot.directory, events: spool.events },
      'events that another process spooled are taken up',
    );
    delivery.replay(spool, leave);
  }

  #leave(slot: Slot): void {
    const leaving = slot
      .close()
      .catch((error: unknown) => this.#options.logger.warn({ error: messageOf(error) }, 'a spool was not let go of'))
      .finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }
}
