import { crc32 } from 'node:zlib';
import type { Clock } from '../../../support/clock.ts';
import type { Logger } from '../../../support/logger.ts';
import type { Assignment, ChainContext } from '../chain.ts';
import { Chain } from '../chain.ts';
import type { FilesConfig } from '../config.ts';
import { filesErrors, isGone, isStoreTrouble } from '../errors.ts';
import { folderTimes } from '../layout.ts';
import type { ManifestFile } from '../manifest.ts';
import { readOwner } from '../owner.ts';
import { compactionPlaces, dataFileChain, mergedFileName, parseChainName, WORK } from '../paths.ts';
import { readDataFile } from '../read-files.ts';
import type { StandingFile } from '../standing.ts';
import { standingFile } from '../standing.ts';
import type { FileStore, SealedFile, StagedFile } from '../stores/file-store.ts';
import { HOUR_MS, Windows } from '../windows.ts';
import type { Run, Unit } from './runs.ts';
import { runsOf } from './runs.ts';

/** Files of lines, and streams of compressed lines, are whole files again one after another. */
const EXTENSIONS = ['.json', '.json.gz', '.json.zst'];

/** So that the manifest of a merge stays far below what one may be. */
const MOST_SOURCES = 10_000;

/** Of a folder, nothing but the newest manifest is ever asked for. */
const MANIFESTS_KEPT = 1;

const GIVE_UP_MS = 5_000;

export interface CompactOptions {
  /** Opened. */
  readonly store: FileStore;
  readonly config: Pick<FilesConfig, 'guarantee' | 'format' | 'path' | 'timezone'> & {
    readonly roll: Pick<FilesConfig['roll'], 'bytes' | 'window'>;
  };
  /** Folders whose time ended less than so many milliseconds ago are left alone. */
  readonly beforeMs: number;
  /** Says what there is to merge, and changes nothing. */
  readonly dryRun?: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly newId: () => string;
  readonly onProgress?: (foldersDone: number, folders: number) => void;
  readonly signal: AbortSignal;
}

export interface CompactFindings {
  /** Folders with files to merge. */
  readonly folders: number;
  /** Files that were merged, or with `dryRun` could be. */
  readonly sources: number;
  /** Files that they became. */
  readonly merged: number;
  /** Bytes of these. */
  readonly bytes: number;
  /** Files that can't be read to their end, and were left as they are. */
  readonly damaged: readonly string[];
}

/**
 * Merges small files of folders whose time is over into files of about `roll.bytes`, one partition
 * after another. Each folder has a chain of manifests, as a partition has: a merge is published as
 * the next number, then the merged file gets its name, and only then its sources go. Whoever comes
 * next finishes what was published first. Loading may go on: only files are taken that no writer
 * comes back to.
 */
export async function compactFiles(options: CompactOptions): Promise<CompactFindings> {
  const { store, config, signal } = options;
  if (config.guarantee !== 'exactly-once' || config.format !== 'json') {
    throw filesErrors.FILES_COMPACT_UNFIT('the files of this connector can not be merged');
  }
  const settled = await settledNumbers(options);
  const isClosed = closedFolders(options);
  const folders = (await Array.fromAsync(dataFolders(store, signal))).filter(isClosed);
  const found = { folders: 0, sources: 0, merged: 0, bytes: 0, damaged: [] as string[] };
  for (const [index, folder] of folders.entries()) {
    const done = await new FolderCompaction(options, folder, settled).run();
    if (done.sources > 0) found.folders++;
    found.sources += done.sources;
    found.merged += done.merged;
    found.bytes += done.bytes;
    found.damaged.push(...done.damaged);
    options.onProgress?.(index + 1, folders.length);
  }
  return found;
}

/** Below which number the manifests of a chain are settled, by how its data files are named. */
async function settledNumbers(options: CompactOptions): Promise<Map<string, number>> {
  const { store, signal } = options;
  const settled = new Map<string, number>();
  const owner = await readOwner(store, signal);
  if (!owner) return settled;
  for (const { name } of await store.list(`${WORK}/commits`, signal)) {
    const parsed = parseChainName(name);
    if (!parsed) continue;
    const identity = { ...parsed, connector: owner.id, topic: '' };
    const newest = await new Chain(store, identity, contextOf(options)).newest(signal);
    if (newest) settled.set(dataFileChain({ ...newest, connector: owner.id }), newest.number);
  }
  return settled;
}

function closedFolders({ config, beforeMs, clock }: CompactOptions): (folder: string) => boolean {
  const timeOf = folderTimes(config.path);
  const windows = new Windows(config.roll.window, config.timezone);
  const { local } = windows.of(Math.floor((clock.now() - beforeMs) / windows.slotMs));
  const folderMs = config.path.includes('mm') ? config.roll.window : HOUR_MS;
  return (folder) => {
    const time = timeOf(folder);
    return time === undefined || time + folderMs <= local;
  };
}

/** All folders with files in them. */
async function* dataFolders(store: FileStore, signal: AbortSignal, folder = ''): AsyncGenerator<string> {
  const entries = await store.list(folder, signal);
  if (folder !== '' && entries.some(({ directory }) => !directory)) yield folder;
  for (const { name, directory } of entries) {
    const path = folder === '' ? name : `${folder}/${name}`;
    if (directory && path !== WORK) yield* dataFolders(store, signal, path);
  }
}

function contextOf({ clock, logger, newId }: CompactOptions): ChainContext {
  return { clock, logger, newId, manifestsKept: MANIFESTS_KEPT };
}

/** What reading a file to its end told. */
interface Measure {
  readonly length: number;
  readonly checksum: number;
  readonly records: number;
}

/** What a manifest says of a merge. */
interface Merge {
  readonly from: number;
  readonly to: number;
  readonly files: readonly ManifestFile[];
  readonly sources: readonly string[];
}

class FolderCompaction {
  readonly #options: CompactOptions;
  readonly #folder: string;
  readonly #settled: ReadonlyMap<string, number>;
  readonly #chain: Chain;
  readonly #damaged = new Set<string>();
  #sources = 0;
  #merged = 0;
  #bytes = 0;
  #staged = 0;

  constructor(options: CompactOptions, folder: string, settled: ReadonlyMap<string, number>) {
    this.#options = options;
    this.#folder = folder;
    this.#settled = settled;
    // The manifests of a folder name it where others name their topic.
    const identity = { connector: '', topic: folder, topicId: '', partition: 0 };
    this.#chain = new Chain(options.store, identity, contextOf(options), compactionPlaces(folder));
  }

  async run(): Promise<CompactFindings> {
    if (this.#options.dryRun) {
      const runs = await this.#runs();
      this.#sources = runs.flat(2).length;
      this.#merged = runs.length;
    } else if ((await this.#isUnfinished()) || (await this.#runs()).length > 0) {
      await this.#compact();
    }
    const [sources, merged, bytes] = [this.#sources, this.#merged, this.#bytes];
    return { folders: sources > 0 ? 1 : 0, sources, merged, bytes, damaged: [...this.#damaged] };
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
      for (let runs = await this.#runs(); runs.length > 0; ) {
        const [run, ...others] = runs;
        runs = (await this.#mergeRun(assignment, run!)) ? others : await this.#runs();
      }
      // The last manifest names no file: a folder may be deleted by whoever owns the data.
      await this.#commit(assignment, { from: 0, to: 0, files: [], sources: [] });
    } finally {
      await assignment.giveUp(AbortSignal.timeout(GIVE_UP_MS));
    }
  }

  async #runs(): Promise<Run[]> {
    const { store, signal } = this.#options;
    const entries = await store.list(this.#folder, signal);
    const files = entries.flatMap(({ name, directory }) =>
      directory ? [] : (standingFile(`${this.#folder}/${name}`) ?? []),
    );
    const settledBefore = (chain: string) => this.#settled.get(chain);
    return runsOf(files, { settledBefore, extensions: EXTENSIONS, excluded: this.#damaged });
  }

  /** Merges piece by piece. False if a file turned out to be damaged: then there are other runs. */
  async #mergeRun(assignment: Assignment, run: Run): Promise<boolean> {
    let piece: { unit: Unit; measures: Measure[] }[] = [];
    let length = 0;
    const flush = async () => {
      if (piece.flatMap(({ unit }) => unit).length > 1) {
        const files = piece.flatMap(({ unit, measures }) =>
          unit.map((file, index) => ({ file, measure: measures[index]! })),
        );
        await this.#merge(assignment, files);
      }
      piece = [];
      length = 0;
    };
    let count = 0;
    for (const unit of run) {
      const measures: Measure[] = [];
      for (const { path } of unit) {
        const measure = await this.#measure(path);
        if (!measure) {
          this.#damaged.add(path);
          return false;
        }
        measures.push(measure);
      }
      count += unit.length;
      length += measures.reduce((sum, measure) => sum + measure.length, 0);
      piece.push({ unit, measures });
      if (length < this.#options.config.roll.bytes && count < MOST_SOURCES) continue;
      await flush();
      count = 0;
    }
    await flush();
    return true;
  }

  /** Reads a file to its end; undefined if it is damaged. */
  async #measure(path: string): Promise<Measure | undefined> {
    const { store, signal } = this.#options;
    let [length, checksum, records] = [0, 0, 0];
    const read: FileStore['read'] = async function* (file, signal) {
      for await (const chunk of store.read(file, signal)) {
        length += chunk.length;
        checksum = crc32(chunk, checksum);
        yield chunk;
      }
    };
    try {
      for await (const _ of readDataFile({ read }, path, signal)) records++;
    } catch (error) {
      signal.throwIfAborted();
      if (isGone(error) || isStoreTrouble(error)) throw error;
      return undefined;
    }
    return { length, checksum, records };
  }

  async #merge(assignment: Assignment, files: readonly { file: StandingFile; measure: Measure }[]): Promise<void> {
    const { store, signal } = this.#options;
    const { chain, extension } = files[0]!.file;
    const [from, to] = [files[0]!.file.from, files.at(-1)!.file.to];
    const first = Math.min(...files.map(({ file }) => file.first));
    const name = mergedFileName(chain, { first, from, to, number: assignment.nextNumber, extension });
    const paths = { temporary: assignment.temporaryPath(this.#staged++), final: `${this.#folder}/${name}` };
    const staged = await store.stage(paths, signal);
    let sealed: SealedFile;
    try {
      for (const { file, measure } of files) await this.#copy(file.path, measure, staged);
      sealed = await staged.seal(signal);
      await staged.close(signal);
    } catch (error) {
      await staged.discard();
      throw error;
    }
    const records = files.reduce((sum, { measure }) => sum + measure.records, 0);
    const sources = files.map(({ file }) => file.path);
    await this.#commit(assignment, { from, to, files: [{ ...sealed, records, first, last: null }], sources });
    this.#sources += files.length;
    this.#merged++;
    this.#bytes += sealed.length;
  }

  #commit(assignment: Assignment, merge: Merge): Promise<void> {
    const { from, to, files, sources } = merge;
    return assignment.commit(
      { kind: 'merge', resume: from, end: to, refused: 0, files, sources },
      this.#options.signal,
    );
  }

  async #copy(path: string, measure: Measure, staged: StagedFile): Promise<void> {
    const { store, signal } = this.#options;
    let [length, checksum] = [0, 0];
    for await (const chunk of store.read(path, signal)) {
      length += chunk.length;
      checksum = crc32(chunk, checksum);
      await staged.write(chunk, signal);
    }
    if (length === measure.length && checksum === measure.checksum) return;
    throw filesErrors.FILES_LENGTH_MISMATCH(`${path} changed while it was read`);
  }
}
