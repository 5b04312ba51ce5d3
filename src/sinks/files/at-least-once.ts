import type { Clock } from '../../support/clock.ts';
import { messageOf } from '../../support/errors.ts';
import type { Logger } from '../../support/logger.ts';
import { settleAll } from '../../support/settle-all.ts';
import type { ChainContext, CommitPlan } from './chain.ts';
import { foldersOf } from './chain.ts';
import { filesErrors } from './errors.ts';
import type { Hold } from './hold.ts';
import type { ChainIdentity, DataFileName } from './paths.ts';
import { chainName, plainFileName, WORK } from './paths.ts';
import { retrying } from './retrying.ts';
import type { FileStore } from './stores/file-store.ts';

/**
 * Two minutes: a store that changes its NameNode comes back within. What of a commit has its name by then would
 * be loaded once more if it were given up, and finishing is the same every time.
 */
const PATIENCE = { attempts: 70, initialMs: 20, maxMs: 2_000 };

/**
 * The plain mode: files are written under temporary names and then moved to their places, and the
 * position of the consumer group alone says where to go on. There is no manifest and no fence, so
 * after a crash, or while two writers both believe that they have the partition, records may stand
 * in two files. None is lost: a file that a newer hold deleted is missed when it is to be finished,
 * and then the position stays where it is.
 *
 * File names carry the hold's own id, so that no file is ever in the way of another one. By offset
 * alone, a longer and a shorter file that begin alike would have one name, and a store that can't
 * refuse to overwrite (S3, as it completes an upload) might keep the shorter.
 */
export class PlainHold implements Hold {
  readonly #store: FileStore;
  readonly #identity: ChainIdentity;
  readonly #id: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #folder: string;
  #end: number | null = null;
  /** The commit begun last; it settles after all before it. */
  #underway: Promise<void> = Promise.resolve();

  private constructor(store: FileStore, identity: ChainIdentity, { clock, logger, newId }: ChainContext) {
    this.#store = store;
    this.#identity = identity;
    this.#id = newId();
    this.#clock = clock;
    this.#logger = logger;
    this.#folder = `${temporaryFolder(identity)}/${this.#id}`;
  }

  /** Takes a partition: removes what earlier holds left unfinished. */
  static async take(
    store: FileStore,
    identity: ChainIdentity,
    context: ChainContext,
    signal: AbortSignal,
  ): Promise<PlainHold> {
    await store.remove(temporaryFolder(identity), signal);
    return new PlainHold(store, identity, context);
  }

  get end(): number | null {
    return this.#end;
  }

  temporaryPath(k: number): string {
    return `${this.#folder}/${k}.part`;
  }

  fileName(file: Omit<DataFileName, 'number' | 'claim'>): string {
    return plainFileName(this.#identity, this.#id, file);
  }

  commit(plan: CommitPlan, signal: AbortSignal): Promise<void> {
    this.#underway = this.#commit(plan, this.#underway, signal);
    return this.#underway;
  }

  async #commit({ closed, end, ...plan }: CommitPlan, before: Promise<void>, signal: AbortSignal): Promise<void> {
    await settleAll([before, closed ?? Promise.resolve()]);
    const files = await plan.files;
    if (files.length > 0) {
      const [missing] = await retrying(PATIENCE, this.#clock, signal, async () => {
        await this.#store.makeDirectories(foldersOf(files), signal);
        return this.#store.finish(files, signal);
      });
      if (missing) throw filesErrors.FILES_GONE(`${missing.temporary} was removed before it was finished`);
    }
    this.#end = end;
  }

  async giveUp(signal: AbortSignal): Promise<void> {
    try {
      await this.#store.remove(this.#folder, signal);
    } catch (error) {
      this.#logger.debug({ reason: messageOf(error) }, 'temporary files stay until the partition is taken again');
    }
  }
}

function temporaryFolder(identity: ChainIdentity): string {
  return `${WORK}/tmp/${chainName(identity)}`;
}
