import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { MillraceError } from '../../../../support/errors.ts';
import { filesErrors } from '../../errors.ts';
import type { QuotaRequests } from './quotas.ts';
import { examineQuotas } from './quotas.ts';
import type { ContentSummary } from './webhdfs.ts';

const MIB = 1 << 20;
const GIB = 1 << 30;
const EMPTY = { fileCount: 0, directoryCount: 1, length: 0, spaceConsumed: 0, quota: -1, spaceQuota: -1 };
/** The root's, as JSON gives it. */
const NO_QUOTA = 2 ** 63;
const PATH = '/data/events';

interface Given {
  /** By folder; one that is not here may not be looked into. */
  readonly folders: Readonly<Record<string, Partial<ContentSummary>>>;
  readonly partitions?: number;
  readonly blockSize?: number;
  readonly replication?: number;
  readonly isOld?: boolean;
}

/** What is told: a sentence as it is, an error as its code and message. */
async function examine(t: TestContext, given: Given): Promise<string[]> {
  const { folders, partitions = 2, blockSize, replication, isOld = false } = given;
  const client: QuotaRequests = {
    contentSummary: async (folder) => {
      const summary = folders[folder];
      if (!summary) throw filesErrors.FILES_NOT_PERMITTED('Permission denied');
      return { ...EMPTY, ...summary };
    },
    serverDefaults: async () => {
      if (isOld) throw filesErrors.FILES_HDFS_REFUSED('no such operation');
      return { blockSize: MIB, replication: 1 };
    },
  };
  const told = await examineQuotas(client, { path: PATH, blockSize, replication }, partitions, t.signal);
  return told.map((one) => (one instanceof MillraceError ? `${one.code} ${one.message}` : one));
}

const ROOT = { '/': { quota: NO_QUOTA } };
const QUIET = { '/data': {}, ...ROOT };

test('what is stored is told, and that there is no quota', async (t) => {
  const own = { fileCount: 3, length: 1_300_000, spaceConsumed: 3_900_000 };
  assert.deepEqual(await examine(t, { folders: { [PATH]: own, ...QUIET } }), [
    'holds 3 files of 1.2MiB below /data/events, 3.7MiB with all copies',
    'no quota is set on the path or above it',
  ]);
});

test('of several quotas the tightest counts, be it set above the path', async (t) => {
  const folders = {
    [PATH]: { quota: 1_000, spaceQuota: 10 * GIB },
    '/data': { fileCount: 300, directoryCount: 100, quota: 1_000, spaceQuota: 8 * GIB, spaceConsumed: 2 * GIB },
    ...ROOT,
  };
  assert.deepEqual((await examine(t, { folders })).slice(1), [
    '600 of 1000 are left of the quota of names of /data',
    '6GiB of 8GiB are left of the quota of space of /data',
  ]);
});

test('a quota is low below a tenth, and too low where there is not room for a file of each partition', async (t) => {
  const names = async (left: number, total: number, partitions: number) => {
    const folders = { [PATH]: { quota: total, fileCount: total - left - 1 }, ...QUIET };
    return (await examine(t, { folders, partitions }))[1]!;
  };
  assert.equal(await names(100, 1_000, 2), '100 of 1000 are left of the quota of names of /data/events');
  assert.match(await names(99, 1_000, 2), /^FILES_HDFS_QUOTA_LOW 99 of 1000 are left of the quota of names of \S+$/);
  assert.match(await names(99, 100, 50), /^FILES_HDFS_QUOTA_LOW .*, and a file of each partition takes 100$/);
  assert.match(await names(1, 100, 1), /^FILES_HDFS_QUOTA 1 of 100 are left .*, and a file takes 2$/);
  assert.match(await names(-5, 100, 1), /^FILES_HDFS_QUOTA 0 of 100 are left/);
});

test('a file takes a whole block of space, times its copies', async (t) => {
  const space = async (spaceQuota: number, given: Omit<Given, 'folders'> = {}) =>
    (await examine(t, { folders: { [PATH]: { spaceQuota }, ...QUIET }, ...given }))[1]!;
  assert.match(await space(2 * MIB), /^2MiB of 2MiB are left of the quota of space/);
  assert.match(await space(2 * MIB - 1), /^FILES_HDFS_QUOTA_LOW .* a file of each partition takes 2MiB$/);
  assert.match(await space(MIB - 1), /^FILES_HDFS_QUOTA .* a file takes 1MiB$/);
  assert.match(await space(6 * MIB - 1, { replication: 3 }), /^FILES_HDFS_QUOTA_LOW .* takes 6MiB$/);
  assert.match(await space(16 * MIB - 1, { blockSize: 8 * MIB }), /^FILES_HDFS_QUOTA_LOW .* takes 16MiB$/);
  assert.match(await space(GIB, { isOld: true, partitions: 3 }), /^FILES_HDFS_QUOTA_LOW .* takes 1\.1GiB$/);
});

test('where we may not look is told, and what was seen until then counts', async (t) => {
  assert.deepEqual((await examine(t, { folders: { [PATH]: { quota: 10 } } })).slice(1), [
    '9 of 10 are left of the quota of names of /data/events',
    'the quotas from /data up are not known: Permission denied',
  ]);
  assert.deepEqual(await examine(t, { folders: ROOT }), [
    'what is stored below /data/events, and the quotas from /data/events up are not known: Permission denied',
  ]);
});
