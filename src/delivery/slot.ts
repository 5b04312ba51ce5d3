import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../support/clock.ts';
import type { DirectoryLock } from '../support/directory-lock.ts';
import { lockDirectory } from '../support/directory-lock.ts';
import type { Logger, LoggerOptions } from '../support/logger.ts';
import { readCheckpoint, recover, writeCheckpoint } from './checkpoint.ts';
import type { Totals } from './ledger.ts';
import { Ledger, NOTHING, sumOf } from './ledger.ts';
import { Spool } from './spool.ts';

/** Of what came since the last checkpoint, so much more may come before the next one is due at once; nothing while idle. */
const MARGIN = 1.5;

/** More collector processes than one directory will ever see. */
const MOST_SLOTS = 1024;

const CHECKPOINT = 'ledger.json';
const LOG = 'log';

export interface SlotOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly logging: LoggerOptions;
  readonly maxBytes: number;
  /** A spool has failed for good: the program should stop. */
  readonly onFailure: (error: Error) => void;
}

/**
 * The place of one collector process below the data directory: its spool, and its ledger. It is
 * held by a lock that dies with the process, so that another one can take up what was left.
 *
 *     spool/<n>/lock          held by the process
 *     spool/<n>/ledger.json   its last checkpoint
 *     spool/<n>/log/          its spool, while it has one
 */
export class Slot {
  readonly directory: string;
  readonly ledger = new Ledger();
  readonly #lock: DirectoryLock;
  readonly #options: SlotOptions;
  #spool: Spool | undefined;
  /** Accepted at the last checkpoint, for the rate. */
  #before = 0;

  private constructor(directory: string, lock: DirectoryLock, options: SlotOptions) {
    this.directory = directory;
    this.#lock = lock;
    this.#options = options;
  }

  /** Takes the lowest slot that nobody holds; `withSpool` opens its spool also if it has none yet. */
  static async claim(root: string, withSpool: boolean, options: SlotOptions): Promise<Slot> {
    for (let n = 0; n < MOST_SLOTS; n++) {
      const slot = await Slot.#open(path.join(root, String(n)), withSpool, options);
      if (slot) return slot;
    }
    throw new Error(`more than ${MOST_SLOTS} collector processes work below ${root}`);
  }

  /**
   * Takes a slot, of those in other directories, that somebody left behind with events or uncertain counts in it. Rejects
   * if there is none but such as can't be opened.
   */
  static async adopt(root: string, mine: ReadonlySet<string>, options: SlotOptions): Promise<Slot | undefined> {
    const failures: unknown[] = [];
    for (const directory of slotsBeside(mine, root)) {
      const checkpoint = readCheckpoint(path.join(directory, CHECKPOINT));
      if (checkpoint?.clean && !existsSync(path.join(directory, LOG))) continue;
      try {
        const slot = await Slot.#open(directory, false, options);
        if (slot) return slot;
      } catch (error) {
        // It must not stand before the others.
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return undefined;
  }

  /** The last checkpoints of all slots but those in these directories, summed. */
  static totalsBeside(directories: ReadonlySet<string>, root: string): Totals {
    return sumOf(
      slotsBeside(directories, root).map(
        (directory) => readCheckpoint(path.join(directory, CHECKPOINT))?.totals ?? NOTHING,
      ),
    );
  }

  static async #open(directory: string, withSpool: boolean, options: SlotOptions): Promise<Slot | undefined> {
    const lock = lockDirectory(directory);
    if (!lock) return undefined;
    const slot = new Slot(directory, lock, options);
    try {
      await slot.#recover(withSpool);
      return slot;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  get spool(): Spool | undefined {
    return this.#spool;
  }

  /** Writes the ledger down, with room for as many more events as the last second brought, and half as many again. */
  checkpoint(): void {
    this.#write(this.ledger.accepted);
  }

  /** Ends the spool, writes the last checkpoint, and lets go. What is neither in the log nor spooled is dropped by now. */
  async close(): Promise<void> {
    const isEmpty = this.#spool?.records === 0;
    await this.#spool?.close();
    if (isEmpty) rmSync(path.join(this.directory, LOG), { recursive: true, force: true });
    this.ledger.drop('buffered', 'stop', this.ledger.in('buffered'));
    const { totals } = this.ledger;
    writeCheckpoint(this.#file, { version: 1, totals, ceiling: totals.accepted, clean: true });
    this.#lock.release();
  }

  get #file(): string {
    return path.join(this.directory, CHECKPOINT);
  }

  async #recover(withSpool: boolean): Promise<void> {
    const { clock, logger, logging, maxBytes, onFailure } = this.#options;
    const directory = path.join(this.directory, LOG);
    if (withSpool || existsSync(directory)) {
      const { ledger } = this;
      this.#spool = await Spool.open({ directory, maxBytes, ledger, clock, logger, logging, onFailure });
    }
    const spooled = this.#spool?.events ?? 0;
    const checkpoint = readCheckpoint(this.#file) ?? { version: 1, totals: NOTHING, ceiling: 0, clean: true };
    this.ledger.restore(recover(checkpoint, spooled));
    const uncertain = (this.ledger.totals.dropped['crash'] ?? 0) - (checkpoint.totals.dropped['crash'] ?? 0);
    if (uncertain > 0) {
      logger.error(
        { events: uncertain },
        'a collector process ended without a stop; at most so many accepted events were lost',
      );
    }
    this.#before = this.ledger.accepted;
    this.#write(this.ledger.accepted);
  }

  #write(accepted: number): number {
    const margin = Math.ceil((accepted - this.#before) * MARGIN);
    this.#before = this.ledger.accepted;
    const ceiling = accepted + margin;
    writeCheckpoint(this.#file, { version: 1, totals: this.ledger.totals, ceiling, clean: false });
    this.ledger.keepBelow(ceiling, (needed) => this.#write(needed));
    return ceiling;
  }
}

/** The directories of all slots but these, lowest first. */
function slotsBeside(directories: ReadonlySet<string>, root: string): readonly string[] {
  try {
    return readdirSync(root)
      .filter((name) => /^\d{1,4}$/.test(name))
      .sort((a, b) => Number(a) - Number(b))
      .map((name) => path.join(root, name))
      .filter((directory) => !directories.has(directory));
  } catch {
    return [];
  }
}
