import path from 'node:path';
import { replayTopic } from '../../../log/dead-letter.ts';
import type { Log, LogRecord } from '../../../log/log.ts';
import { partitionName } from '../../../log/log.ts';
import { systemClock } from '../../../support/clock.ts';
import { MillraceError } from '../../../support/errors.ts';
import { silentLogger } from '../../../support/logger.ts';
import type { PartitionFindings, VerifyProgress } from '../../verification.ts';
import { deadLetterOffsets, recordsOf } from '../../verification.ts';
import { Chain, foldersOf } from '../chain.ts';
import type { FilesConfig } from '../config.ts';
import { filesErrors, isGone, isStoreTrouble } from '../errors.ts';
import type { Manifest, ManifestFile } from '../manifest.ts';
import { readOwner } from '../owner.ts';
import type { ChainIdentity } from '../paths.ts';
import { dataFileChain, parsePlainFileName, plainFileChain } from '../paths.ts';
import { listDataFiles, MeasuredReading, readDataFile } from '../read-files.ts';
import type { StandingFile } from '../standing.ts';
import { Merges, standingFile } from '../standing.ts';
import type { FileStore } from '../stores/file-store.ts';
import { MultisetDifference, MultisetSum } from './multiset.ts';

export interface VerifyFilesOptions {
  readonly log: Log;
  /** Opened. */
  readonly store: FileStore;
  readonly connector: string;
  readonly topics: readonly string[];
  readonly guarantee: FilesConfig['guarantee'];
  readonly onProgress?: VerifyProgress;
  /** How many records are held at once of a commit that differs; a million unless a test says otherwise. */
  readonly mostHeld?: number;
  readonly signal: AbortSignal;
}

/** Some 150 MiB. */
const MOST_HELD = 1_000_000;

/** A data file by its name. */
interface DataFilePlace {
  readonly path: string;
  readonly first: number;
}

/** The files of one commit, which hold all records from its first offset to that of the next commit. */
interface CommitFiles {
  readonly first: number;
  readonly files: readonly DataFilePlace[];
}

/**
 * Compares the files of a connector with the log, partition by partition and commit by commit: the
 * files of a commit must hold the records of its offsets, each once, whatever file it is in.
 *
 * Where records may stand twice no manifest says what belongs to what: then all files of a
 * partition are compared at once, up to the position of the consumer group.
 *
 * Memory goes by the names of the files and the number of dead letters, not by the records. Those of
 * a commit that differs are compared one by one, by a share at a time that is held.
 */
export async function verifyFiles(options: VerifyFilesOptions): Promise<PartitionFindings[]> {
  const { log, store, connector, signal } = options;
  const owner = await readOwner(store, signal);
  const topics = [...options.topics, replayTopic(connector)];
  const described = (await log.admin.topics()).filter(({ name }) => topics.includes(name));
  const identities = described.flatMap(({ name: topic, id: topicId, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ connector: owner?.id ?? '', topic, topicId, partition })),
  );
  const isPlain = options.guarantee === 'at-least-once';
  const chainOf = isPlain ? plainFileChain : dataFileChain;
  // Positions first: what is loaded meanwhile lies above them, and is left out.
  const plans = [];
  for (const identity of identities) plans.push(await (isPlain ? plainPlanOf : planOf)(options, identity));
  const deadLetters = await deadLetterOffsets(log, connector);
  const commits = await (isPlain ? filesByPartition(store, signal) : commitsByChain(store, signal));
  const all = plans.reduce((sum, { from, to }) => sum + to - from, 0);
  let done = 0;
  const findings: PartitionFindings[] = [];
  for (const plan of plans) {
    const { identity } = plan;
    const verification = new PartitionVerification(
      options,
      plan,
      deadLetters.get(partitionName(identity)) ?? NONE,
      () => options.onProgress?.(++done, all),
    );
    findings.push(await verification.run(commits.get(chainOf(identity)) ?? []));
  }
  return findings;
}

const NONE: ReadonlySet<number> = new Set();

interface PartitionPlan {
  readonly identity: ChainIdentity;
  /** Log and store are compared from here to before there. */
  readonly from: number;
  readonly to: number;
  /** What newer manifests say of files, by final path; older manifests are gone. */
  readonly committed: ReadonlyMap<string, ManifestFile>;
}

async function planOf({ log, store, signal }: VerifyFilesOptions, identity: ChainIdentity): Promise<PartitionPlan> {
  const { topic, partition } = identity;
  const chain = new Chain(store, identity, { clock: systemClock, logger: silentLogger, newId: () => '' });
  const bounds = (await log.admin.offsets(topic)).find((of) => of.partition === partition);
  const newest = await chain.newest(signal);
  const from = Math.max(bounds?.startOffset ?? 0, newest?.since ?? 0);
  if (newest) await finished(chain, newest, signal);
  const to = Math.max(from, (newest?.end ?? -1) + 1);
  const committed = new Map<string, ManifestFile>();
  for (const number of await chain.numbers(signal)) {
    const manifest = await chain.manifest(number, signal);
    for (const file of manifest?.files ?? []) committed.set(file.final, file);
  }
  return { identity, from, to, committed };
}

/** Finishes a commit that a writer has published and not finished yet, as anyone may. */
async function finished(chain: Chain, newest: Manifest, signal: AbortSignal): Promise<void> {
  const folders = await Promise.all(
    foldersOf(newest.files).map(async (folder) => {
      const entries = await chain.store.list(folder, signal);
      return entries.map(({ name }) => `${folder}/${name}`);
    }),
  );
  const standing = new Set(folders.flat());
  if (newest.files.every(({ final }) => standing.has(final))) return;
  try {
    await chain.finish(newest, signal);
  } catch (error) {
    // Its records will be found lost.
    if (!(error instanceof MillraceError) || error.code !== 'FILES_DATA_MISSING') throw error;
  }
}

async function plainPlanOf({ log, connector }: VerifyFilesOptions, identity: ChainIdentity): Promise<PartitionPlan> {
  const { topic, partition } = identity;
  const bounds = (await log.admin.offsets(topic)).find((of) => of.partition === partition);
  const positions = await log.admin.committed(`connect-${connector}`);
  const position = positions.find((of) => of.topic === topic && of.partition === partition)?.offset ?? 0;
  const from = bounds?.startOffset ?? 0;
  return { identity, from, to: Math.max(from, position), committed: new Map() };
}

/**
 * All data files by chain, as commits in the order of their offsets. A merged file makes one of all
 * commits between those that it holds records of, wherever their other files are.
 */
async function commitsByChain(store: FileStore, signal: AbortSignal): Promise<Map<string, CommitFiles[]>> {
  const chains = new Map<string, StandingFile[]>();
  for await (const path of listDataFiles(store, signal)) {
    const file = standingFile(path);
    if (!file) continue;
    const files = chains.get(file.chain) ?? [];
    chains.set(file.chain, files);
    files.push(file);
  }
  return new Map([...chains].map(([chain, files]) => [chain, commitsOf(files)]));
}

function commitsOf(files: readonly StandingFile[]): CommitFiles[] {
  const merges = new Merges(files);
  // A joined file before those that are to be joined to it: of one that goes from there meanwhile, nothing is read twice.
  const standing = files
    .filter((file) => !merges.isReplaced(file))
    .sort((a, b) => a.from - b.from || Number(b.joined) - Number(a.joined));
  const commits: { first: number; to: number; files: StandingFile[] }[] = [];
  for (const file of standing) {
    const last = commits.at(-1);
    if (!last || file.from > last.to) {
      commits.push({ first: file.first, to: file.to, files: [file] });
      continue;
    }
    last.files.push(file);
    last.first = Math.min(last.first, file.first);
    last.to = Math.max(last.to, file.to);
  }
  return commits;
}

/** All data files without manifests, by partition: as if they were of one commit. */
async function filesByPartition(store: FileStore, signal: AbortSignal): Promise<Map<string, CommitFiles[]>> {
  const partitions = new Map<string, DataFilePlace[]>();
  for await (const path of listDataFiles(store, signal)) {
    const name = parsePlainFileName(path.slice(path.lastIndexOf('/') + 1));
    if (!name) continue;
    const files = partitions.get(name.chain) ?? [];
    partitions.set(name.chain, files);
    files.push({ path, first: name.first });
  }
  return new Map([...partitions].map(([chain, files]) => [chain, [{ files, first: 0 }]]));
}

class PartitionVerification {
  readonly #options: VerifyFilesOptions;
  readonly #plan: PartitionPlan;
  readonly #deadLetters: ReadonlySet<number>;
  readonly #compared: () => void;
  readonly #found = { records: 0, deadLettered: 0, stored: 0, lost: 0, doubled: 0, unexpected: 0, corrupt: 0 };

  constructor(
    options: VerifyFilesOptions,
    plan: PartitionPlan,
    deadLetters: ReadonlySet<number>,
    compared: () => void,
  ) {
    this.#options = options;
    this.#plan = plan;
    this.#deadLetters = deadLetters;
    this.#compared = compared;
  }

  async run(commits: readonly CommitFiles[]): Promise<PartitionFindings> {
    const { identity, from, to, committed } = this.#plan;
    const [earliest] = commits;
    // Records before the first file: of dead letters only, or lost.
    await this.#compare(from, Math.min(to, earliest?.first ?? to), []);
    for (const [index, { first, files }] of commits.entries()) {
      const end = Math.min(commits[index + 1]?.first ?? to, to);
      // Committed since we began, or gone from the log.
      if (first >= to || end <= from) continue;
      await this.#compare(first, end, files);
    }
    const standing = new Set(commits.flatMap(({ files }) => files.map(({ path }) => path)));
    const merges = new Merges([...standing].flatMap((path) => standingFile(path) ?? []));
    for (const [path, { last }] of committed) {
      const file = standingFile(path);
      if (standing.has(path) || (file && merges.isHeld(file))) continue;
      if (last !== null && last >= from && last < to) this.#found.corrupt++;
    }
    const { topic, partition } = identity;
    return { topic, partition, from, to, ...this.#found };
  }

  /** Compares the records from `first` to before `end` with files that should hold them. */
  async #compare(first: number, end: number, files: readonly DataFilePlace[]): Promise<void> {
    const [logged, stored] = [new MultisetSum(), new MultisetSum()];
    for await (const { value } of this.#logged(first, end, true)) logged.add(value);
    const readable: DataFilePlace[] = [];
    for (const file of files) {
      const sum = await this.#sumOf(file);
      if (!sum) continue;
      readable.push(file);
      stored.merge(sum);
    }
    this.#found.stored += stored.count;
    if (logged.equals(stored)) return;
    const later = await this.#mayBeStored(end);
    const { mostHeld = MOST_HELD } = this.#options;
    const shares = Math.ceil((logged.count + stored.count + later - end) / mostHeld);
    for (let index = 0; index < shares; index++) {
      const difference = new MultisetDifference({ index, of: shares });
      for await (const { value } of this.#logged(first, end, false)) difference.addLogged(value);
      for (const { path } of readable) {
        for await (const value of this.#recordsOf(this.#options.store, path)) difference.addStored(value);
      }
      for await (const { value } of this.#logged(end, later, false)) difference.addLater(value);
      const { lost, doubled, unexpected } = difference.findings;
      this.#found.lost += lost;
      // What the log dropped in mid-commit can't be told from what was never there.
      if (first < this.#plan.from) continue;
      this.#found.doubled += doubled;
      this.#found.unexpected += unexpected;
    }
  }

  /** Before which offset records may stand in files that should hold those before `end`. */
  async #mayBeStored(end: number): Promise<number> {
    const { log, guarantee } = this.#options;
    if (guarantee === 'exactly-once') return end;
    const { topic, partition } = this.#plan.identity;
    return (await log.admin.offsets(topic)).find((of) => of.partition === partition)?.endOffset ?? end;
  }

  /** Records of the log that the store should have. */
  async *#logged(first: number, end: number, counted: boolean): AsyncGenerator<LogRecord> {
    const { log, signal } = this.#options;
    const from = Math.max(first, this.#plan.from);
    for await (const record of recordsOf(log, this.#plan.identity, from, end)) {
      signal.throwIfAborted();
      const isRefused = this.#deadLetters.has(record.offset);
      if (counted) {
        this.#found.records++;
        if (isRefused) this.#found.deadLettered++;
        this.#compared();
      }
      if (!isRefused) yield record;
    }
  }

  /** The records of a file; undefined if it can't be read to its end. A file that is not what was committed counts as corrupt. */
  async #sumOf({ path }: DataFilePlace): Promise<MultisetSum | undefined> {
    const sum = new MultisetSum();
    const reading = new MeasuredReading(this.#options.store);
    const isWhole = await (async () => {
      try {
        for await (const value of this.#recordsOf(reading, path)) sum.add(value);
        return true;
      } catch (error) {
        if (isStoreTrouble(error)) throw error;
        return false;
      }
    })();
    const { length, checksum } = reading;
    const file = this.#plan.committed.get(path);
    const isCommitted = !file || (file.length === length && file.checksum === checksum && file.records === sum.count);
    if (!isWhole || !isCommitted) this.#found.corrupt++;
    return isWhole ? sum : undefined;
  }

  /** The records of a file, or FILES_MERGED_MEANWHILE. */
  async *#recordsOf(reading: Pick<FileStore, 'read'>, path: string): AsyncGenerator<Buffer> {
    const { store, signal } = this.#options;
    try {
      yield* readDataFile(reading, path, signal);
    } catch (error) {
      if (!isGone(error) || !(await isHeld(store, path, signal))) throw error;
      throw filesErrors.FILES_MERGED_MEANWHILE(`${path} was merged with others while verify ran`);
    }
  }
}

/** Whether a merged file holds by now what a file that is gone held. */
async function isHeld(store: FileStore, file: string, signal: AbortSignal): Promise<boolean> {
  const gone = standingFile(file);
  const folder = path.posix.dirname(file);
  const entries = await store.list(folder, signal);
  const files = entries.flatMap(({ name }) => standingFile(`${folder}/${name}`) ?? []);
  return gone !== undefined && new Merges(files).isHeld(gone);
}
