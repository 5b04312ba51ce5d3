import type { Assignment, ChainContext } from '../chain.ts';
import { Chain } from '../chain.ts';
import { compactionPlaces } from '../paths.ts';
import type { StandingFile } from '../standing.ts';
import { standingFile } from '../standing.ts';
import type { Joining } from '../stores/file-store.ts';
import type { CompactFindings, CompactOptions } from './compact.ts';
import { copy } from './copy.ts';
import { planJoin } from './join.ts';
import type { Merge, Part } from './merge.ts';
import { measure } from './merge.ts';
import type { LeftOver, Run } from './runs.ts';
import { leftOverOf, runsOf } from './runs.ts';

/** Files of lines, and streams of compressed lines, are whole files again one after another. */
const EXTENSIONS = ['.json', '.json.gz', '.json.zst'];

/** So that the manifest of a merge stays far below what one may be. */
const MOST_SOURCES = 10_000;

const GIVE_UP_MS = 5_000;

/** The last manifest names no file: a folder may be deleted by whoever owns the data. */
const NOTHING: Merge = { from: 0, to: 0, files: [], sources: [] };

/** What there is to do in a folder. */
interface Work {
  readonly runs: readonly Run[];
  /** What a join left. Nothing, unless files are joined. */
  readonly leftOver: readonly LeftOver[];
}

/** Merges the files of one folder, once. */
export class FolderCompaction {
  readonly #options: CompactOptions;
  readonly #folder: string;
  readonly #settled: ReadonlyMap<string, number>;
  readonly #chain: Chain;
  /** Absent if files are copied. */
  readonly #joining: Joining | undefined;
  readonly #damaged = new Set<string>();
  readonly #refused = new Set<string>();
  /** Files without content, which can't be joined and hold nothing. */
  readonly #empty = new Set<string>();
  /** Whether the store refused a join that was begun. */
  #isStuck = false;
  #sources = 0;
  #merged = 0;
  #bytes = 0;
  #staged = 0;

  constructor(options: CompactOptions, context: ChainContext, folder: string, settled: ReadonlyMap<string, number>) {
    this.#options = options;
    this.#folder = folder;
    this.#settled = settled;
    this.#joining = options.copy ? undefined : options.store.joining;
    // The manifests of a folder name it where others name their topic.
    const identity = { connector: '', topic: folder, topicId: '', partition: 0 };
    this.#chain = new Chain(options.store, identity, context, compactionPlaces(folder));
  }

  async run(): Promise<CompactFindings> {
    const { runs, leftOver } = await this.#work();
    if (this.#options.dryRun) {
      this.#sources = runs.flat(2).length + leftOver.flatMap(({ files }) => files).length;
      this.#merged = runs.length + leftOver.length;
    } else if (runs.length > 0 || leftOver.length > 0 || (await this.#isUnfinished())) {
      await this.#compact();
    }
    const [sources, merged, bytes] = [this.#sources, this.#merged, this.#bytes];
    const [damaged, refused] = [[...this.#damaged], [...this.#refused]];
    return { folders: sources > 0 ? 1 : 0, sources, merged, bytes, damaged, refused };
  }

  /** Whether another one published a merge, and may not have got to its end. */
  async #isUnfinished(): Promise<boolean> {
    return ((await this.#chain.newest(this.#options.signal))?.files.length ?? 0) > 0;
  }

  async #compact(): Promise<void> {
    const { signal } = this.#options;
    const assignment = await this.#chain.assign(() => {}, signal);
    try {
      // Only now: what was merged before this claim is finished, and nothing can be merged beside it.
      let work = await this.#work();
      if (work.leftOver.length > 0) {
        await this.#joinLeftOver(work.leftOver);
        work = await this.#work();
      }
      // What is in the way of one join may be in that of all; files that are not begun with can still be copied.
      for (let { runs } = work; runs.length > 0 && !this.#isStuck; ) {
        const [run, ...others] = runs;
        runs = (await this.#mergeRun(assignment, run!)) ? others : (await this.#work()).runs;
      }
      await this.#commit(assignment, NOTHING);
    } finally {
      await assignment.giveUp(AbortSignal.timeout(GIVE_UP_MS));
    }
  }

  async #work(): Promise<Work> {
    const { store, signal } = this.#options;
    const entries = await store.list(this.#folder, signal);
    const files = entries.flatMap(({ name, directory }) =>
      directory ? [] : (standingFile(`${this.#folder}/${name}`) ?? []),
    );
    const settledBefore = (chain: string) => this.#settled.get(chain);
    const excluded = this.#damaged.union(this.#empty);
    const runs = runsOf(files, { settledBefore, extensions: EXTENSIONS, excluded });
    return { runs, leftOver: this.#joining ? leftOverOf(files) : [] };
  }

  /** Puts what a join left to its files: nothing else can be done with it. */
  async #joinLeftOver(leftOver: readonly LeftOver[]): Promise<void> {
    for (const { joined, files } of leftOver) {
      const sources = files.map(({ path }) => path);
      await this.#chain.join(joined.path, sources, this.#options.signal);
      const left = await this.#refusedOf(sources);
      if (left.size === sources.length) continue;
      this.#sources += sources.length - left.size;
      this.#merged++;
    }
  }

  /** Which of these sources of a join still stand: the store refuses them. */
  async #refusedOf(sources: readonly string[]): Promise<ReadonlySet<string>> {
    const { leftOver } = await this.#work();
    const left = new Set(leftOver.flatMap(({ files }) => files.map(({ path }) => path)));
    const refused = new Set(sources).intersection(left);
    for (const file of refused) this.#refused.add(file);
    this.#isStuck ||= refused.size > 0;
    return refused;
  }

  /** Merges piece by piece. False if a file turned out to be unfit: then there are other runs. */
  async #mergeRun(assignment: Assignment, run: Run): Promise<boolean> {
    let piece: Part[] = [];
    const flush = async () => {
      if (piece.length > 1) await this.#merge(assignment, piece);
      piece = [];
    };
    for (const unit of run) {
      for (const file of unit) {
        const part = await this.#partOf(file, piece.at(-1));
        if (!part) return false;
        piece.push(part);
      }
      if (lengthOf(piece) < this.#options.config.roll.bytes && piece.length < MOST_SOURCES) continue;
      await flush();
      if (this.#isStuck) return true;
    }
    await flush();
    return true;
  }

  /** Reads a file to its end; undefined if it can't be merged. */
  async #partOf(file: StandingFile, previous: Part | undefined): Promise<Part | undefined> {
    const { store, signal } = this.#options;
    const before = this.#joining && previous ? previous.measure.checksum : 0;
    const measured = await measure(store, file.path, before, signal);
    if (!measured) this.#damaged.add(file.path);
    else if (measured.length === 0 && this.#joining) this.#empty.add(file.path);
    else return { file, measure: measured };
    return undefined;
  }

  async #merge(assignment: Assignment, parts: readonly Part[]): Promise<void> {
    const { store, signal } = this.#options;
    const number = assignment.nextNumber;
    if (this.#joining) {
      const merge = await planJoin(this.#joining, parts, number, signal);
      if (!merge) {
        for (const { file } of parts) this.#refused.add(file.path);
        return;
      }
      await this.#commit(assignment, merge);
      const refused = await this.#refusedOf(merge.sources);
      if (refused.size === merge.sources.length) return;
      this.#count(parts.filter(({ file }) => !refused.has(file.path)));
      return;
    }
    const place = { folder: this.#folder, temporary: assignment.temporaryPath(this.#staged++), number };
    await this.#commit(assignment, await copy(store, parts, place, signal));
    this.#count(parts);
  }

  #commit(assignment: Assignment, { from, to, ...merge }: Merge): Promise<void> {
    return assignment.commit({ kind: 'merge', resume: from, end: to, refused: 0, ...merge }, this.#options.signal);
  }

  #count(parts: readonly Part[]): void {
    this.#sources += parts.length;
    this.#merged++;
    this.#bytes += lengthOf(parts);
  }
}

function lengthOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { measure }) => sum + measure.length, 0);
}
