import { randomUUID } from 'node:crypto';
import type { LifecycleRule } from '@aws-sdk/client-s3';
import { MillraceError } from '../../../../support/errors.ts';
import { filesErrors, isGone } from '../../errors.ts';
import { WORK } from '../../paths.ts';
import type { BucketRequests } from './bucket.ts';

const CLEAN_UP_MS = 10_000;
/** Classes that must be brought back before they can be read. */
const ARCHIVES = new Set<string>(['GLACIER', 'DEEP_ARCHIVE']);

/**
 * Finds out whether the bucket keeps what the protocol needs; throws why not. Services that claim
 * to be like S3 ignore conditions, and then two writers would both win.
 */
export async function checkBucket(bucket: BucketRequests, signal: AbortSignal): Promise<void> {
  // A listing rather than HEAD, whose answers say nothing of what is wrong.
  for await (const _ of bucket.keys(`${WORK}/owner`, '/', signal)) break;
  await checkLifecycle(bucket, signal);
  const probe = `${WORK}/tmp/probe-${randomUUID()}`;
  try {
    await checkCondition(bucket, probe, signal);
    await checkUploads(bucket, `${probe}-upload`, signal);
    await checkAbort(bucket, `${probe}-aborted`, signal);
  } finally {
    const ending = AbortSignal.timeout(CLEAN_UP_MS);
    for (const key of [probe, `${probe}-upload`, `${probe}-aborted`]) await bucket.delete(key, ending).catch(() => {});
  }
}

async function checkCondition(bucket: BucketRequests, key: string, signal: AbortSignal): Promise<void> {
  if (!(await bucket.putIfAbsent(key, Buffer.from('1'), signal))) {
    throw filesErrors.FILES_S3_UNFIT('a conditional PUT of a new key was refused');
  }
  if (await bucket.putIfAbsent(key, Buffer.from('2'), signal)) {
    throw filesErrors.FILES_S3_UNFIT('the service ignores If-None-Match: two writers could both win a partition');
  }
  const listed: string[] = [];
  for await (const found of bucket.keys(key, '/', signal)) listed.push(found);
  if (!listed.includes(key)) throw filesErrors.FILES_S3_UNFIT('the service does not list what was just written');
}

async function checkUploads(bucket: BucketRequests, key: string, signal: AbortSignal): Promise<void> {
  const id = randomUUID();
  const upload = await bucket.beginUpload(key, id, signal);
  try {
    const open = await bucket.uploads(key, signal);
    if (!open.some(({ uploadId }) => uploadId === upload.uploadId)) {
      throw filesErrors.FILES_S3_UNFIT('the service does not list an open upload');
    }
    const etag = await bucket.uploadPart(upload, 1, new Uint8Array(0), signal);
    if ((await bucket.uploadedBytes(upload, signal)) !== 0 || (await bucket.idAt(key, signal)) !== undefined) {
      throw filesErrors.FILES_S3_UNFIT('an open upload can be seen before it is completed');
    }
    await bucket.completeUpload(upload, [etag], signal);
    if ((await bucket.idAt(key, signal)) !== id) {
      throw filesErrors.FILES_S3_UNFIT('a completed upload does not stand there with its metadata');
    }
  } catch (error) {
    await bucket.abortUpload(upload, AbortSignal.timeout(CLEAN_UP_MS)).catch(() => {});
    throw error;
  }
}

/** What was aborted must never appear. */
async function checkAbort(bucket: BucketRequests, key: string, signal: AbortSignal): Promise<void> {
  const upload = await bucket.beginUpload(key, randomUUID(), signal);
  const etag = await bucket.uploadPart(upload, 1, new Uint8Array(0), signal);
  await bucket.abortUpload(upload, signal);
  try {
    await bucket.completeUpload(upload, [etag], signal);
  } catch (error) {
    if (isGone(error)) return;
    throw error;
  }
  throw filesErrors.FILES_S3_UNFIT('an upload can be completed after it was aborted');
}

async function checkLifecycle(bucket: BucketRequests, signal: AbortSignal): Promise<void> {
  let rules: readonly LifecycleRule[];
  try {
    rules = await bucket.lifecycleRules(signal);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'FILES_NOT_PERMITTED') throw error;
    throw filesErrors.FILES_S3_LIFECYCLE('the lifecycle rules of the bucket may not be read', { cause: error });
  }
  for (const rule of rules) {
    const harm = harmOf(rule, bucket.prefix);
    if (harm) throw filesErrors.FILES_S3_LIFECYCLE(`the lifecycle rule ${JSON.stringify(rule.ID ?? '')} ${harm}`);
  }
}

/** What a lifecycle rule would do to the files below the prefix, or undefined. */
export function harmOf(rule: LifecycleRule, prefix: string): string | undefined {
  // Our objects carry no tags.
  const tagged = rule.Filter?.Tag ?? rule.Filter?.And?.Tags?.[0];
  if (rule.Status !== 'Enabled' || tagged) return undefined;
  const start = rule.Filter?.Prefix ?? rule.Filter?.And?.Prefix ?? rule.Prefix ?? '';
  const meets = (place: string) => place.startsWith(start) || start.startsWith(place);
  if (rule.AbortIncompleteMultipartUpload && meets(prefix)) return 'ends incomplete uploads below the prefix';
  if (!meets(`${prefix}${WORK}/`)) return undefined;
  if (rule.Expiration?.Days !== undefined || rule.Expiration?.Date) return `expires ${WORK}/`;
  const archived = rule.Transitions?.some(({ StorageClass }) => ARCHIVES.has(StorageClass ?? ''));
  return archived ? `archives ${WORK}/` : undefined;
}
