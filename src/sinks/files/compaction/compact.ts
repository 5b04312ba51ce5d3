import type { Clock } from '../../../support/clock.ts';
import type { Logger } from '../../../support/logger.ts';
import type { ChainContext } from '../chain.ts';
import { Chain } from '../chain.ts';
import type { FilesConfig } from '../config.ts';
import { filesErrors } from '../errors.ts';
import { folderTimes, hasMinutes } from '../layout.ts';
import { readOwner } from '../owner.ts';
import { dataFileChain, parseChainName, WORK } from '../paths.ts';
import type { FileStore } from '../stores/file-store.ts';
import { HOUR_MS, Windows } from '../windows.ts';
import { FolderCompaction } from './folder.ts';

/** Of a folder, nothing but the newest manifest is ever asked for. */
const MANIFESTS_KEPT = 1;

export interface CompactOptions {
  /** Opened. */
  readonly store: FileStore;
  readonly config: Pick<FilesConfig, 'guarantee' | 'format' | 'path' | 'timezone'> & {
    readonly roll: Pick<FilesConfig['roll'], 'bytes' | 'window'>;
  };
  /** Folders whose time ended less than so many milliseconds ago are left alone. */
  readonly beforeMs: number;
  /** Copies files also where the store could join them. */
  readonly copy?: boolean;
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
  /** Bytes of these, as far as they were read: not of what an earlier join left. */
  readonly bytes: number;
  /** Files that can't be read to their end, and were left as they are. */
  readonly damaged: readonly string[];
  /** Files that the store does not join, and that stand as they did. */
  readonly refused: readonly string[];
}

/**
 * Merges small files of folders whose time is over into files of about `roll.bytes`, one partition
 * after another. Each folder has a chain of manifests, as a partition has: a merge is published as
 * the next number, then the merged file gets its name, and only then its sources go: removed where
 * they were copied into it, joined to it where the store can do so. Whoever comes next finishes what
 * was published first. Loading may go on: only files are taken that no writer comes back to.
 */
export async function compactFiles(options: CompactOptions): Promise<CompactFindings> {
  const { store, config, signal } = options;
  if (config.guarantee !== 'exactly-once' || config.format !== 'json') {
    throw filesErrors.FILES_COMPACT_UNFIT('the files of this connector can not be merged');
  }
  const settled = await settledNumbers(options);
  const isClosed = closedFolders(options);
  const folders = (await Array.fromAsync(dataFolders(store, signal))).filter(isClosed);
  const found = { folders: 0, sources: 0, merged: 0, bytes: 0, damaged: [] as string[], refused: [] as string[] };
  for (const [index, folder] of folders.entries()) {
    const done = await new FolderCompaction(options, contextOf(options), folder, settled).run();
    if (done.sources > 0) found.folders++;
    found.sources += done.sources;
    found.merged += done.merged;
    found.bytes += done.bytes;
    found.damaged.push(...done.damaged);
    found.refused.push(...done.refused);
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
  const folderMs = hasMinutes(config.path) ? config.roll.window : HOUR_MS;
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
