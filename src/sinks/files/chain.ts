import path from 'node:path';
import type { Clock } from '../../support/clock.ts';
import { messageOf } from '../../support/errors.ts';
import type { Logger } from '../../support/logger.ts';
import { settleAll } from '../../support/settle-all.ts';
import { filesErrors, isGone, isJoinRefused } from './errors.ts';
import type { Hold } from './hold.ts';
import type { Manifest, ManifestFile, ManifestKind } from './manifest.ts';
import { decodeManifest, encodeManifest, MANIFEST_MAX_BYTES } from './manifest.ts';
import type { ChainIdentity, ChainPlaces, DataFileName } from './paths.ts';
import { chainPlaces, dataFileName, manifestName, manifestNumber } from './paths.ts';
import { Publication } from './publication.ts';
import { retrying } from './retrying.ts';
import type { FileStore, SealedFile } from './stores/file-store.ts';
import { readWhole } from './stores/file-store.ts';

/** How many manifests are kept unless a test says otherwise; older ones are deleted as new ones come. */
const MANIFESTS_KEPT = 100;

/** Short: whoever takes the partition next finishes what was committed, so it may be given up for a while. */
const PATIENCE = { attempts: 6, initialMs: 20, maxMs: 2_000 };

/** How long the removal of what a claim prepared may take, also when the program stops. */
const DROP_MS = 2_000;

/** What a chain works with, and tests replace. */
export interface ChainContext {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A new UUID. */
  readonly newId: () => string;
  /** At least one: the newest is never deleted. */
  readonly manifestsKept?: number;
}

/** What the next manifest is to say. */
export interface CommitPlan {
  readonly kind: Exclude<ManifestKind, 'claim'>;
  readonly resume: number;
  readonly end: number;
  /** The first offset that the chain answers for; absent: as before. */
  readonly since?: number;
  /** Absent: as before, unless this is a gap, behind which nothing is known. */
  readonly leaderEpoch?: number | undefined;
  readonly refused: number;
  /** The commit waits for those that are not known yet. */
  readonly files: readonly ManifestFile[] | Promise<readonly ManifestFile[]>;
  /** Files that these replace. */
  readonly sources?: readonly string[];
  /** See {@link Manifest.joined}. */
  readonly joined?: boolean;
  /** Settles when all files are closed; the manifest is prepared meanwhile. Rejects if `files` does. */
  readonly closed?: Promise<void>;
}

/** What a manifest says of its place among the others. */
type Place = Pick<Manifest, 'number' | 'previous' | 'since' | 'leaderEpoch'>;

/**
 * The exactly-once protocol of one partition: who may write, and what is written. All state is in
 * the store, as a chain of manifests; publishing number n without overwriting is both the commit
 * point and the fence.
 *
 *     assign:  read the newest ─▶ finish its files ─▶ claim n+1 ─▶ clean up after older claims
 *                  ▲                                     │
 *                  └──────────────── lost ───────────────┘
 *     commit:  publish n+1 ─▶ won, and nothing newer ─▶ finish its files ─▶ n+2 may be published
 *                  └─▶ lost, or won a name made free again: the assignment is over
 *
 * What comes before publishing (writing, closing, the manifest's temporary file) changes nothing
 * for others, so that much of n+2 may be done while n+1 is under way.
 *
 * No rule uses a clock, and "mine" is always a commit id, never a process: a process may lose a
 * partition and get it back.
 */
export class Chain {
  readonly store: FileStore;
  readonly identity: ChainIdentity;
  readonly context: ChainContext;
  readonly #commits: string;
  readonly #temporary: string;
  readonly #isStray: ChainPlaces['isStray'];

  constructor(store: FileStore, identity: ChainIdentity, context: ChainContext, places = chainPlaces(identity)) {
    this.store = store;
    this.identity = identity;
    this.context = context;
    this.#commits = places.commits;
    this.#temporary = places.temporary;
    this.#isStray = places.isStray;
  }

  /** The numbers of the manifests, ascending. */
  async numbers(signal: AbortSignal): Promise<number[]> {
    const entries = await this.store.list(this.#commits, signal);
    return entries.flatMap(({ name }) => manifestNumber(name) ?? []).sort((a, b) => a - b);
  }

  /** The newest manifest. One that can't be read stops everything: an older one would double its records. */
  async newest(signal: AbortSignal): Promise<Manifest | undefined> {
    for (;;) {
      const number = (await this.numbers(signal)).at(-1);
      if (number === undefined) return undefined;
      const manifest = await this.manifest(number, signal);
      // Gone since it was listed: it is so old by now that newer ones took its place.
      if (manifest) return manifest;
    }
  }

  async manifest(number: number, signal: AbortSignal): Promise<Manifest | undefined> {
    const file = this.pathOf(number);
    try {
      return decodeManifest(file, await readWhole(this.store, file, MANIFEST_MAX_BYTES, signal));
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  pathOf(number: number): string {
    return `${this.#commits}/${manifestName(number)}`;
  }

  /**
   * Takes the partition over. `check` sees the newest manifest before anything is changed and
   * throws if loading can't go on from there. Committed files that are nowhere stop it too, unless
   * a person has said that they may be passed over: behind a claim nobody looks for them again.
   */
  async assign(
    check: (newest: Manifest | undefined) => void,
    signal: AbortSignal,
    missing: 'stop' | 'pass' = 'stop',
  ): Promise<Assignment> {
    for (;;) {
      const newest = await this.newest(signal);
      check(newest);
      if (newest && missing === 'stop') await this.finish(newest, signal);
      else if (newest) await this.finishStanding(newest, signal);
      const number = (newest?.number ?? -1) + 1;
      const assignment = this.context.newId();
      const claim: Manifest = {
        ...this.describe(),
        commit: this.context.newId(),
        number,
        previous: newest?.number ?? null,
        assignment,
        kind: 'claim',
        resume: null,
        end: newest?.end ?? null,
        ...(newest?.since !== undefined && { since: newest.since }),
        ...(newest?.leaderEpoch !== undefined && { leaderEpoch: newest.leaderEpoch }),
        counts: { records: 0, bytes: 0, refused: 0 },
        files: [],
      };
      const folder = `${this.#temporary}/${number}-${assignment}`;
      const publication = await this.publish(claim, folder, signal);
      if (publication.state === 'won') {
        await this.#cleanUp(claim, signal);
        return new Assignment(this, claim, folder);
      }
      await this.#drop(publication, folder);
      publication.throwIfUnknown();
    }
  }

  /**
   * Removes what a claim that was not won leaves, if it certainly never will be. Never throws. The
   * next claim may have the same number, and must not touch what this one prepared.
   */
  async #drop(claim: Publication, folder: string): Promise<void> {
    const signal = AbortSignal.timeout(DROP_MS);
    try {
      if (await claim.withdraw(signal)) await this.store.remove(folder, signal);
    } catch (error) {
      this.context.logger.debug({ reason: messageOf(error) }, 'what a claim prepared stays until a later one');
    }
  }

  describe() {
    const { topic, topicId, partition } = this.identity;
    return { topic, topicId, partition };
  }

  /**
   * Publishes a manifest, once it and all else that it needs is `ready`, and settles when the
   * outcome is known; if it can't be, the publication stays `undecided`.
   */
  async publish(
    manifest: Manifest,
    folder: string,
    signal: AbortSignal,
    ready: readonly Promise<unknown>[] = [],
  ): Promise<Publication> {
    const publication = new Publication(this, manifest, `${folder}/${manifestName(manifest.number)}.manifest`);
    try {
      await settleAll([publication.prepare(encodeManifest(manifest), signal), ...ready]);
      await this.retry(signal, () => publication.attempt(signal));
    } catch (error) {
      publication.failed(error);
    }
    return publication;
  }

  /**
   * Brings the files of a manifest to the paths that it names, then removes those that they
   * replace, or joins them. Anyone may do so at any time: no path is ever used twice. A file that is
   * nowhere was finished and then taken by something that goes by newer manifests.
   */
  async finish(manifest: Manifest, signal: AbortSignal): Promise<void> {
    const [first] = await this.finishStanding(manifest, signal);
    if (!first) return;
    throw filesErrors.FILES_DATA_MISSING(
      `${first.final} was committed, but it is gone, and ${first.temporary} as well`,
    );
  }

  /** Does so with all that stand somewhere. Resolves to the others, if no newer manifest explains why they are gone. */
  async finishStanding(manifest: Manifest, signal: AbortSignal): Promise<readonly SealedFile[]> {
    if (manifest.files.length === 0) return [];
    const missing = await this.retry(signal, async () => {
      await this.store.makeDirectories(foldersOf(manifest.files), signal);
      return this.store.finish(manifest.files, signal);
    });
    if (missing.length === 0) await this.#endSources(manifest, signal);
    else if (((await this.numbers(signal)).at(-1) ?? -1) <= manifest.number) return missing;
    return [];
  }

  /** Joins files to one that is merged so. Where the store refuses it nothing is wrong: each record stands in one file. */
  async join(target: string, sources: readonly string[], signal: AbortSignal): Promise<void> {
    try {
      await this.retry(signal, async () => this.store.joining?.join(target, sources, signal));
    } catch (error) {
      if (!isJoinRefused(error)) throw error;
      this.context.logger.warn({ code: 'FILES_JOIN_REFUSED', reason: messageOf(error) }, 'files were not joined');
    }
  }

  async #endSources({ files, sources = [], joined }: Manifest, signal: AbortSignal): Promise<void> {
    if (joined) await this.join(files[0]!.final, sources, signal);
    else for (const source of sources) await this.retry(signal, () => this.store.remove(source, signal));
  }

  /** Of the manifests that stand, deletes those that nothing can need any more; what fails is deleted later. */
  async retain(standing: readonly number[], newest: number, signal: AbortSignal): Promise<void> {
    try {
      const kept = this.context.manifestsKept ?? MANIFESTS_KEPT;
      for (const number of standing.filter((number) => number <= newest - kept))
        await this.store.remove(this.pathOf(number), signal);
    } catch (error) {
      if (!signal.aborted) this.context.logger.warn({ reason: messageOf(error) }, 'old manifests were not deleted');
    }
  }

  /** Tries again what may be tried again. */
  retry<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    return retrying(PATIENCE, this.context.clock, signal, act);
  }

  /**
   * Deletes what others left behind that can't commit any more: older claims, and those that tried
   * to get the number of this one, which was won. Only numbers decide: what a newer claim holds
   * may be committed any moment.
   */
  async #cleanUp({ number, assignment }: Manifest, signal: AbortSignal): Promise<void> {
    const mine = `${number}-${assignment}`;
    for (const { name } of await this.store.list(this.#temporary, signal)) {
      const isOver = Number.parseInt(name, 10) <= number && name !== mine;
      if (isOver) await this.store.remove(`${this.#temporary}/${name}`, signal);
    }
    // What older claims committed is finished: no file of theirs is still to be.
    await this.store.endStrays?.((file) => this.#isStray(file, number), signal);
  }
}

/**
 * A writer's hold on a partition, from its claim until another one's. Commits are prepared side by
 * side and published one after another.
 */
export class Assignment implements Hold {
  readonly #chain: Chain;
  readonly #claim: Manifest;
  readonly #folder: string;
  /** What was committed last. */
  #last: Manifest;
  /** Of what was last given to `commit`; it follows what is under way before it. */
  #planned: Place;
  /** The commit begun last; it settles after all before it. */
  #underway: Promise<void> = Promise.resolve();
  /** What was sent and is not known to be over: at most one, since nothing is sent behind it. */
  #open: Publication | undefined;
  #retention: Promise<void> = Promise.resolve();
  readonly #ended = new AbortController();

  constructor(chain: Chain, claim: Manifest, folder: string) {
    this.#chain = chain;
    this.#claim = claim;
    this.#folder = folder;
    this.#last = claim;
    this.#planned = claim;
  }

  /** The last offset that is settled; null as long as there is none. */
  get end(): number | null {
    return this.#last.end;
  }

  /** See {@link Manifest.leaderEpoch}. */
  get leaderEpoch(): number | undefined {
    return this.#last.leaderEpoch;
  }

  /** The number that the next commit to begin will have. */
  get nextNumber(): number {
    return this.#planned.number + 1;
  }

  /** Where the `k`-th temporary file of this assignment goes. */
  temporaryPath(k: number): string {
    return `${this.#folder}/${k}.part`;
  }

  /** The name of a data file for the next commit to begin. */
  fileName(file: Omit<DataFileName, 'number' | 'claim'>): string {
    return dataFileName(this.#chain.identity, { ...file, number: this.nextNumber, claim: this.#claim.number });
  }

  /** See {@link Hold.commit}. */
  commit(plan: CommitPlan, signal: AbortSignal): Promise<void> {
    const place = this.#place(plan);
    this.#planned = place;
    const commit = this.#commit(place, plan, this.#underway, signal);
    this.#underway = commit;
    return commit;
  }

  /** What the next manifest says of its place, which the one after it goes by. */
  #place({ kind, since = this.#planned.since, leaderEpoch }: CommitPlan): Place {
    const epoch = kind === 'gap' ? undefined : (leaderEpoch ?? this.#planned.leaderEpoch);
    return {
      number: this.nextNumber,
      previous: this.#planned.number,
      ...(since !== undefined && { since }),
      ...(epoch !== undefined && { leaderEpoch: epoch }),
    };
  }

  #describe(place: Place, plan: CommitPlan, files: readonly ManifestFile[]): Manifest {
    const { kind, resume, end, refused, sources, joined } = plan;
    return {
      ...this.#chain.describe(),
      commit: this.#chain.context.newId(),
      assignment: this.#claim.assignment,
      ...{ ...place, kind, resume, end },
      counts: { records: sum(files, 'records'), bytes: sum(files, 'length'), refused },
      files,
      ...(sources && { sources }),
      ...(joined && { joined: true }),
    };
  }

  /** Publishes what was prepared once all before it is over: behind a failure nothing is published. */
  async #commit(place: Place, plan: CommitPlan, before: Promise<void>, signal: AbortSignal): Promise<void> {
    const closed = plan.closed ?? Promise.resolve();
    const files = await failingBehind(plan.files, [before, closed]);
    const manifest = this.#describe(place, plan, files);
    // Before the commit point: a store that refuses the folders must not have committed to them.
    const folders = this.#chain.store.makeDirectories(foldersOf(files), signal);
    const publication = await this.#chain.publish(manifest, this.#folder, signal, [before, closed, folders]);
    if (publication.state !== 'unsent') this.#open = publication;
    publication.throwUnlessWon();
    await this.#chain.finish(manifest, signal);
    this.#open = undefined;
    this.#last = manifest;
    const { standing } = publication;
    this.#retention = this.#retention.then(() => this.#chain.retain(standing, manifest.number, this.#ended.signal));
  }

  /**
   * Ends the assignment and removes what it can't have committed. Never throws; what stays is
   * removed after the next claim.
   */
  async giveUp(signal: AbortSignal): Promise<void> {
    this.#ended.abort();
    await this.#retention;
    try {
      // If it may be published, its files must stay for whoever takes over; the order is essential.
      if (this.#open && !(await this.#open.withdraw(signal))) return;
      await this.#chain.store.remove(this.#folder, signal);
    } catch (error) {
      this.#chain.context.logger.debug({ reason: messageOf(error) }, 'temporary files stay until the next claim');
    }
  }
}

/** What is awaited; if that fails, it is told once all of these are over too. */
async function failingBehind<T>(awaited: T | Promise<T>, others: readonly Promise<unknown>[]): Promise<T> {
  try {
    return await awaited;
  } catch (error) {
    await Promise.allSettled(others);
    throw error;
  }
}

/** The folders that hold these files, each once. */
export function foldersOf(files: readonly ManifestFile[]): string[] {
  return [...new Set(files.map((file) => path.posix.dirname(file.final)))];
}

function sum(files: readonly ManifestFile[], field: 'records' | 'length'): number {
  return files.reduce((total, file) => total + file[field], 0);
}
