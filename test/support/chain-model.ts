import assert from 'node:assert/strict';
import type { Assignment } from '../../src/sinks/files/chain.ts';
import { Chain } from '../../src/sinks/files/chain.ts';
import { filesErrors } from '../../src/sinks/files/errors.ts';
import type { ManifestFile } from '../../src/sinks/files/manifest.ts';
import type { FileStore } from '../../src/sinks/files/stores/file-store.ts';
import type { Clock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import type { Intercept } from './memory-file-store.ts';
import { MemoryDisk, MemoryFileStore } from './memory-file-store.ts';

export const IDENTITY = { connector: 'connector', topic: 'topic', topicId: 'topic-id', partition: 0 };

const signal = new AbortController().signal;

/** A clock on which waiting takes no time. */
const clock: Clock = { now: () => 0, monotonic: () => 0, sleep: async () => {} };

/**
 * What happens to one call of the store.
 * - `go`: it happens and is answered.
 * - `lost`: it happens; the answer is lost.
 * - `drop`: it does not happen, and there is no answer.
 * - `queue`: there is no answer, and it happens later.
 * - `kill`: the writer stops for ever before the call; `kill-after`: after it.
 */
export const FATES = ['go', 'lost', 'drop', 'queue', 'kill', 'kill-after'] as const;
export type Fate = (typeof FATES)[number];

interface Pending {
  readonly name: keyof FileStore;
  readonly path: string;
  proceed(fate: Fate): void;
}

/** A log of so many records, writers that load it into one disk, and whoever decides when each may take its next step. */
export class ChainModel {
  readonly disk = new MemoryDisk();
  readonly #manifestsKept: number;
  readonly #queued: (() => void)[] = [];
  #lastId = 0;

  constructor(options: { readonly manifestsKept?: number } = {}) {
    this.#manifestsKept = options.manifestsKept ?? 100;
  }

  chain(intercept?: Intercept): Chain {
    return new Chain(new MemoryFileStore(this.disk, intercept), IDENTITY, {
      clock,
      logger: silentLogger,
      newId: () => `id-${++this.#lastId}`,
      manifestsKept: this.#manifestsKept,
    });
  }

  /** A writer that waits before every call until it is told to go on. */
  writer(records: number): ModelWriter {
    return new ModelWriter(this, records, this.#queued);
  }

  /** Calls that were still on their way arrive. */
  deliverQueued(): void {
    for (const act of this.#queued.splice(0)) act();
  }

  /** Lets a writer that meets no faults load the rest. */
  async finish(records: number): Promise<void> {
    await load(this.chain(), records);
  }

  /** Each record in exactly one finished file, and nothing left behind. */
  verify(records: number): void {
    const final = this.disk.under('').filter((path) => !path.startsWith('_millrace/'));
    const lines = final.flatMap((path) => String(this.disk.files.get(path)?.content).trim().split('\n'));
    const stored = lines.map(Number).sort((a, b) => a - b);
    assert.deepEqual(
      stored,
      Array.from({ length: records }, (_, offset) => offset),
    );
    assert.deepEqual(this.disk.under('_millrace/tmp'), []);
  }
}

export class ModelWriter {
  /** Calls that wait, the main road's and those of the deletion of old manifests. */
  readonly #pending: Pending[] = [];
  #done = false;
  #dead = false;
  #resolveDone = () => {};
  readonly done: Promise<void> = new Promise((resolve) => {
    this.#resolveDone = resolve;
  });

  constructor(model: ChainModel, records: number, queued: (() => void)[]) {
    const intercept: Intercept = (call, act) =>
      new Promise((resolve, reject) => {
        const perform = () => {
          try {
            resolve(act());
          } catch (error) {
            reject(error);
          }
        };
        const unanswered = () => reject(filesErrors.FILES_STORE_UNAVAILABLE(`no answer to ${call.name}`));
        const fates: Record<Fate, () => void> = {
          go: perform,
          lost: () => {
            quietly(act);
            unanswered();
          },
          drop: unanswered,
          queue: () => {
            queued.push(() => quietly(act));
            unanswered();
          },
          kill: () => {
            this.#dead = true;
          },
          'kill-after': () => {
            quietly(act);
            this.#dead = true;
          },
        };
        this.#pending.push({ ...call, proceed: (fate) => fates[fate]() });
      });
    void load(model.chain(intercept), records).finally(() => {
      this.#done = true;
      this.#resolveDone();
    });
  }

  get over(): boolean {
    return this.#done || this.#dead;
  }

  /** The call that it waits to make. */
  async next(): Promise<Pending | undefined> {
    // All of a writer's own work is microtasks, which are over when this comes back.
    await new Promise(setImmediate);
    return this.over ? undefined : this.#pending[0];
  }

  async step(fate: Fate = 'go'): Promise<void> {
    const pending = await this.next();
    this.#pending.shift();
    pending?.proceed(fate);
  }

  /** Goes on until it waits to make such a call, and then waits. */
  async runTo(name: keyof FileStore, matches: (path: string) => boolean = () => true): Promise<void> {
    for (;;) {
      const pending = await this.next();
      if (!pending || (pending.name === name && matches(pending.path))) return;
      await this.step();
    }
  }

  async runToEnd(): Promise<void> {
    while ((await this.next()) !== undefined) await this.step();
  }
}

/** What a loader does with a chain: assign, commit a record or two at a time, start again after an error. */
async function load(chain: Chain, records: number): Promise<void> {
  const mostTries = 40;
  for (let attempt = 0; attempt < mostTries; attempt++) {
    let assignment: Assignment | undefined;
    try {
      assignment = await chain.assign(() => {}, signal);
      await commitAll(chain, assignment, records);
      return;
    } catch {
      // As after any error: give up, and ask for the partition again.
    } finally {
      await assignment?.giveUp(signal);
    }
  }
}

/** One commit for every record, each with a file of its own. */
async function commitAll(chain: Chain, assignment: Assignment, records: number): Promise<void> {
  let staged = 0;
  for (let offset = (assignment.end ?? -1) + 1; offset < records; offset++) {
    const file = await stageRecord(chain, assignment, offset, staged++);
    await assignment.commit({ kind: 'data', resume: offset, end: offset, refused: 0, files: [file] }, signal);
  }
}

/** A closed file with one record. */
export async function stageRecord(chain: Chain, assignment: Assignment, offset: number, k = 0): Promise<ManifestFile> {
  const final = `type=x/${offset}+${assignment.nextNumber}.json`;
  const staged = await chain.store.stage({ temporary: assignment.temporaryPath(k), final }, signal);
  await staged.write(Buffer.from(`${offset}\n`), signal);
  const file = await staged.seal(signal);
  await staged.close(signal);
  return { ...file, records: 1, first: offset, last: offset };
}

function quietly(act: () => unknown): void {
  try {
    act();
  } catch {
    // Nobody is there to hear it.
  }
}
