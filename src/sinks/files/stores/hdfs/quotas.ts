import path from 'node:path';
import { describeBytes } from '../../../../config/units.ts';
import type { MillraceError } from '../../../../support/errors.ts';
import { messageOf } from '../../../../support/errors.ts';
import { filesErrors } from '../../errors.ts';
import type { HdfsStoreConfig } from './config.ts';
import type { ContentSummary, ServerDefaults, WebHdfs } from './webhdfs.ts';

/** What an examination asks of HDFS. */
export type QuotaRequests = Pick<WebHdfs, 'contentSummary' | 'serverDefaults'>;

/** Hadoop's own, for a file system that does not tell its defaults. */
const DEFAULTS: ServerDefaults = { blockSize: 128 << 20, replication: 3 };
/** A file and its manifest. */
const NAMES_OF_A_COMMIT = 2;
/** A quota of which less than this part is left will soon be met. */
const LITTLE = 0.1;

/** A quota that is set on a folder. */
interface Quota {
  readonly folder: string;
  readonly total: number;
  /** Negative where more was there already when it was set. */
  readonly left: number;
}

/**
 * Tells what is stored below the path, and what is left of the quotas that bound it, of names and
 * of space: of each the tightest that is set on the folder or on one above it, as far up as we may
 * look and the time is enough. HDFS counts all that is below a folder for its answer.
 */
export async function examineQuotas(
  client: QuotaRequests,
  config: Pick<HdfsStoreConfig, 'path' | 'blockSize' | 'replication'>,
  partitions: number,
  signal: AbortSignal,
): Promise<(string | MillraceError)[]> {
  const summaries = new Map<string, ContentSummary>();
  let untold: string | undefined;
  for (const folder of foldersUpFrom(config.path)) {
    try {
      const summary = await client.contentSummary(folder, signal);
      if (summary) summaries.set(folder, summary);
    } catch (error) {
      // Whoever may not look into a folder may not look into those above it either.
      const what = folder === config.path ? `what is stored below ${folder}, and the quotas` : 'the quotas';
      untold = `${what} from ${folder} up are not known: ${messageOf(error)}`;
      break;
    }
  }
  const own = summaries.get(config.path);
  const names = tightest(summaries, ({ quota }) => quota, usedNames);
  const space = tightest(summaries, ({ spaceQuota }) => spaceQuota, usedSpace);
  return [
    ...(own ? [describeContent(config.path, own)] : []),
    ...(names ? [judge('names', names, NAMES_OF_A_COMMIT, partitions, String)] : []),
    ...(space ? [judge('space', space, await fileSpace(client, config, signal), partitions, describeBytes)] : []),
    ...(names || space || untold !== undefined ? [] : ['no quota is set on the path or above it']),
    ...(untold === undefined ? [] : [untold]),
  ];
}

function foldersUpFrom(folder: string): string[] {
  const parent = path.posix.dirname(folder);
  return parent === folder ? [folder] : [folder, ...foldersUpFrom(parent)];
}

function usedNames({ fileCount, directoryCount }: ContentSummary): number {
  return fileCount + directoryCount;
}

function usedSpace({ spaceConsumed }: ContentSummary): number {
  return spaceConsumed;
}

function describeContent(folder: string, { fileCount, length, spaceConsumed }: ContentSummary): string {
  const [bytes, withCopies] = [describeBytes(length), describeBytes(spaceConsumed)];
  return `holds ${fileCount === 1 ? '1 file' : `${fileCount} files`} of ${bytes} below ${folder}, ${withCopies} with all copies`;
}

function tightest(
  summaries: ReadonlyMap<string, ContentSummary>,
  totalOf: (summary: ContentSummary) => number,
  usedOf: (summary: ContentSummary) => number,
): Quota | undefined {
  const quotas = Array.from(summaries, ([folder, summary]): Quota => {
    const total = totalOf(summary);
    return { folder, total, left: total - usedOf(summary) };
  });
  // The root has one of names always, the largest number there is.
  const set = quotas.filter(({ total }) => total >= 0 && total <= Number.MAX_SAFE_INTEGER);
  return set.sort((a, b) => a.left - b.left)[0];
}

/** What a file takes from a quota of space while it is written: a whole block, times its copies. */
async function fileSpace(
  client: QuotaRequests,
  config: Pick<HdfsStoreConfig, 'blockSize' | 'replication'>,
  signal: AbortSignal,
): Promise<number> {
  const isGiven = config.blockSize !== undefined && config.replication !== undefined;
  const defaults = isGiven ? DEFAULTS : await client.serverDefaults(signal).catch(() => DEFAULTS);
  return (config.blockSize ?? defaults.blockSize) * (config.replication ?? defaults.replication);
}

function judge(
  what: 'names' | 'space',
  { folder, total, left }: Quota,
  each: number,
  partitions: number,
  show: (amount: number) => string,
): string | MillraceError {
  const told = `${show(Math.max(left, 0))} of ${show(total)} are left of the quota of ${what} of ${folder}`;
  if (left < each) return filesErrors.FILES_HDFS_QUOTA(`${told}, and a file takes ${show(each)}`);
  if (left < each * partitions) {
    return filesErrors.FILES_HDFS_QUOTA_LOW(`${told}, and a file of each partition takes ${show(each * partitions)}`);
  }
  return left < total * LITTLE ? filesErrors.FILES_HDFS_QUOTA_LOW(told) : told;
}
