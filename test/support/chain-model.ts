import assert from 'node:assert/strict';
import type { Assignment } from '../../src/sinks/files/chain.ts';
import { Chain } from '../../src/sinks/files/chain.ts';
import type { ManifestFile } from '../../src/sinks/files/manifest.ts';
import type { Clock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { settleAll } from '../../src/support/settle-all.ts';
import type { Intercept } from './gate.ts';
import { Gate, UnderWay } from './gate.ts';
import { MemoryDisk, MemoryFileStore } from './memory-file-store.ts';

export const IDENTITY = { connector: 'connector', topic: 'topic', topicId: 'topic-id', partition: 0 };

/** Commits that a writer begins before the first of them is over. */
const COMMITS_UNDER_WAY = 2;
/** Records of a commit, of which some are in one file and some in another. */
const A_COMMIT = 3;
const FILES_OF_A_COMMIT = [0, 1];

const signal = new AbortController().signal;

/** A clock on which waiting takes no time. */
const clock: Clock = { now: () => 0, monotonic: () => 0, sleep: async () => {} };

/** A log of so many records, writers that load it into one disk, and whoever decides when each may take its next step. */
export class ChainModel {
  readonly disk = new MemoryDisk();
  readonly #manifestsKept: number;
  readonly #underWay = new UnderWay();
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
  writer(records: number): Gate {
    const gate = new Gate(this.#underWay);
    gate.watch(load(this.chain(gate.intercept), records));
    return gate;
  }

  /** Calls that were still on their way arrive. */
  deliver(): void {
    this.#underWay.deliver();
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
    assert.deepEqual(stored, upTo(records));
    assert.deepEqual(this.disk.under('_millrace/tmp'), []);
  }
}

/** What a loader does with a chain: assign, commit a few records at a time, start again after an error. */
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

/** Commits of some records each, every second one in the same file; when it ends, none is under way. */
async function commitAll(chain: Chain, assignment: Assignment, records: number): Promise<void> {
  const commits: Promise<void>[] = [];
  const begun = beginAll(chain, assignment, records, commits);
  await begun.finally(() => settleAll(commits));
}

async function beginAll(chain: Chain, assignment: Assignment, records: number, commits: Promise<void>[]) {
  let staged = 0;
  for (let first = (assignment.end ?? -1) + 1; first < records; first += A_COMMIT) {
    const offsets = upTo(records).slice(first, first + A_COMMIT);
    const parts = FILES_OF_A_COMMIT.map((odd) => offsets.filter((offset) => offset % 2 === odd));
    const opened = [];
    for (const part of parts) if (part.length > 0) opened.push(await stageRecords(chain, assignment, part, staged++));
    const files = opened.map(({ file }) => file);
    const closed = Promise.all(opened.map(({ close }) => close())).then(() => {});
    const end = offsets.at(-1) ?? first;
    const commit = assignment.commit({ kind: 'data', resume: first, end, refused: 0, files, closed }, signal);
    // Whoever ends the load meets the failure.
    commit.catch(() => {});
    commits.push(commit);
    await commits.at(-COMMITS_UNDER_WAY);
  }
}

/** A sealed file with some records. */
async function stageRecords(
  chain: Chain,
  assignment: Assignment,
  offsets: readonly number[],
  k: number,
): Promise<{ readonly file: ManifestFile; readonly close: () => Promise<void> }> {
  const [first = -1, last = offsets.at(-1) ?? -1] = [offsets[0]];
  const final = `type=x/${first}+${assignment.nextNumber}.json`;
  const staged = await chain.store.stage({ temporary: assignment.temporaryPath(k), final }, signal);
  for (const offset of offsets) await staged.write(Buffer.from(`${offset}\n`), signal);
  const file = await staged.seal(signal);
  return { file: { ...file, records: offsets.length, first, last }, close: () => staged.close(signal) };
}

/** A closed file with one record. */
export async function stageRecord(chain: Chain, assignment: Assignment, offset: number, k = 0): Promise<ManifestFile> {
  const { file, close } = await stageRecords(chain, assignment, [offset], k);
  await close();
  return file;
}

function upTo(end: number): number[] {
  return Array.from({ length: end }, (_, offset) => offset);
}
