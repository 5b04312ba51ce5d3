import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { Backoff } from '../../../../support/backoff.ts';
import { systemClock } from '../../../../support/clock.ts';
import { settleAll } from '../../../../support/settle-all.ts';
import { filesErrors, isGone } from '../../errors.ts';
import { WORK } from '../../paths.ts';
import type { Entry, FilePaths, FileStore, PreparedFile, SealedFile, StagedFile } from '../file-store.ts';
import type { BucketRequests, OpenUpload } from './bucket.ts';
import { Bucket } from './bucket.ts';
import { checkBucket } from './check.ts';
import { S3Client } from './client.ts';
import type { S3StoreConfig } from './config.ts';
import { Memory } from './memory.ts';
import { fromStoreId, S3StagedFile } from './upload.ts';

/** Requests of one call that are under way at once. */
const MOST_REQUESTS = 16;
const MARKER_MAX_BYTES = 8 << 10;
/** How long an upload may take to end that could not be begun. */
const END_MS = 5_000;
/** A part grows up to this share of the memory, so that several are still under way. */
const PARTS_IN_MEMORY = 4;
/** Waits between looks for a file that another one is putting together. */
const COMPLETION = { initialMs: 50, maxMs: 2_000 };

/** What is to be published, and whether a request to do so was ever sent. */
interface Prepared {
  readonly content: Uint8Array;
  sent: boolean;
}

/**
 * Files in S3, which has no rename: a data file is an open multipart upload on its final key, and
 * finishing it completes the upload. The fence is PUT with `If-None-Match: *`.
 *
 * Each upload has a marker at its temporary path, written before it is opened, that names the
 * final key: whoever removes the marker ends the uploads on that key, which no other file has.
 * An upload is known again by an id in its metadata, which the object keeps that it becomes.
 *
 * S3 completes over what stands at the key. Since names are never used twice only a stranger can
 * put something there; it is seen before, but not if it comes at that very moment.
 */
export class S3FileStore implements FileStore {
  readonly #bucket: BucketRequests;
  readonly #config: S3StoreConfig;
  /** Of all open files. */
  readonly memory: Memory;
  /** By temporary path. Kept in memory: a publication never outlives its process. */
  readonly #prepared = new Map<string, Prepared>();

  /** Tests replace the bucket. */
  constructor(config: S3StoreConfig, bucket: BucketRequests = new Bucket(new S3Client(config), config)) {
    this.#config = config;
    this.#bucket = bucket;
    this.memory = new Memory(config.memory, systemClock);
  }

  get full(): boolean {
    return this.memory.full;
  }

  async open(signal: AbortSignal): Promise<void> {
    await checkBucket(this.#bucket, signal);
  }

  async stage(paths: FilePaths, signal: AbortSignal): Promise<StagedFile> {
    const [temporary, final] = [inside(paths.temporary), inside(paths.final)];
    const id = randomUUID();
    const marker = Buffer.from(JSON.stringify({ final, id }));
    // The repeat of a request that succeeded without an answer finds our own.
    const isNew =
      (await this.#bucket.putIfAbsent(temporary, marker, signal)) || (await this.#stands(temporary, marker, signal));
    if (!isNew) {
      throw filesErrors.FILES_PATH_OCCUPIED(`${temporary} was used before`);
    }
    const upload = await this.#beginMarked(temporary, final, id, signal);
    const { partBytes, memory } = this.#config;
    const sizes = { first: partBytes, most: Math.max(partBytes, Math.floor(memory / PARTS_IN_MEMORY)) };
    return new S3StagedFile(this.#bucket, this.memory, { paths, upload, id }, sizes, (signal) =>
      this.#bucket.delete(temporary, signal),
    );
  }

  /** S3 has no folders. */
  async makeDirectories(): Promise<void> {}

  async finish(files: readonly SealedFile[], signal: AbortSignal): Promise<readonly SealedFile[]> {
    const missing = new Set<SealedFile>();
    await each(files, async (file) => {
      if (!(await this.#complete(file, signal))) missing.add(file);
      else await this.#bucket.delete(inside(file.temporary), signal);
    });
    return files.filter((file) => missing.has(file));
  }

  async discard(temporary: string, signal: AbortSignal): Promise<boolean> {
    return this.#endMarked(inside(temporary), signal);
  }

  async prepare(file: PreparedFile, content: Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    inside(file.name);
    this.#prepared.set(inside(file.temporary), { content: Uint8Array.from(content), sent: false });
  }

  async publishIfAbsent(file: PreparedFile, signal: AbortSignal): Promise<'won' | 'lost'> {
    signal.throwIfAborted();
    const prepared = this.#prepared.get(file.temporary);
    if (!prepared) throw filesErrors.FILES_GONE(`${file.temporary} is not prepared (any more)`);
    prepared.sent = true;
    const won =
      (await this.#bucket.putIfAbsent(file.name, prepared.content, signal)) ||
      // A repeat of a request that succeeded without an answer finds our own.
      (await this.#stands(file.name, prepared.content, signal));
    this.#prepared.delete(file.temporary);
    return won ? 'won' : 'lost';
  }

  /** Once it was sent it is never certain: a request without an answer may still be under way. */
  async withdraw(file: PreparedFile, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    const unsent = this.#prepared.get(file.temporary)?.sent === false;
    this.#prepared.delete(file.temporary);
    return unsent;
  }

  async list(directory: string, signal: AbortSignal): Promise<readonly Entry[]> {
    const start = directory === '' ? '' : `${inside(directory)}/`;
    const entries: Entry[] = [];
    for await (const key of this.#bucket.keys(start, '/', signal)) {
      const name = key.slice(start.length);
      const isFolder = name.endsWith('/');
      if (name !== '') entries.push({ name: isFolder ? name.slice(0, -1) : name, directory: isFolder });
    }
    return entries;
  }

  read(file: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#bucket.read(inside(file), signal);
  }

  async remove(file: string, signal: AbortSignal): Promise<void> {
    const below = `${inside(file)}/`;
    for (const temporary of this.#prepared.keys()) {
      if (temporary === file || temporary.startsWith(below)) this.#prepared.delete(temporary);
    }
    const keys = [file];
    for await (const key of this.#bucket.keys(below, undefined, signal)) keys.push(key);
    await each(keys, async (key) => {
      if (key.startsWith(`${WORK}/tmp/`)) await this.#endMarked(key, signal);
      else await this.#bucket.delete(key, signal);
    });
  }

  /** Those whose marker was taken away while they were begun, by a program that died before it saw that. */
  async endStrays(isStray: (final: string) => boolean, signal: AbortSignal): Promise<void> {
    const strays = (await this.#bucket.uploads('', signal)).filter(({ key }) => isStray(key));
    await each(strays, (upload) => this.#bucket.abortUpload(upload, signal));
  }

  async close(): Promise<void> {
    await this.#bucket.close();
  }

  /**
   * Opens an upload whose marker stands. A newer claim may remove the marker before there is an
   * upload to end, so that nobody else would find it: unless the marker is seen afterwards, the
   * upload is ended here, also if this program is being stopped meanwhile.
   */
  async #beginMarked(temporary: string, final: string, id: string, signal: AbortSignal): Promise<OpenUpload> {
    try {
      const upload = await this.#bucket.beginUpload(final, id, signal);
      if ((await this.#bucket.idAt(temporary, signal)) === undefined) {
        throw filesErrors.FILES_GONE(`${temporary} was removed`);
      }
      return upload;
    } catch (error) {
      // What can't be ended now has its marker, unless this program was mistaken for dead before.
      await this.#endUploads(final, AbortSignal.timeout(END_MS)).catch(() => {});
      throw error;
    }
  }

  /** Whether the file stands at its final key now. */
  async #complete(file: SealedFile, signal: AbortSignal): Promise<boolean> {
    const { id, uploadId, etags } = fromStoreId(file.storeId);
    const key = inside(file.final);
    if (await this.#isFinished(key, id, signal)) return true;
    const backoff = new Backoff(COMPLETION);
    const end = systemClock.monotonic() + this.#config.uploadDeadline;
    for (;;) {
      let failure: unknown;
      try {
        await this.#bucket.completeUpload({ key, uploadId }, etags, signal);
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
      // What stands there decides: another one may have completed it, the answer may be lost, and
      // versitygw calls it a success if something else with the same ETag stands there.
      if (await this.#isFinished(key, id, signal)) return true;
      if (isGone(failure)) return false;
      if (failure !== undefined) throw failure;
      // It calls it a success too while another one still puts the parts together, who may yet fail.
      if (systemClock.monotonic() >= end) {
        throw filesErrors.FILES_STORE_UNAVAILABLE(`${key} was completed, but does not stand there`);
      }
      await systemClock.sleep(backoff.next(), signal);
      signal.throwIfAborted();
    }
  }

  async #isFinished(key: string, id: string, signal: AbortSignal): Promise<boolean> {
    const standing = await this.#bucket.idAt(key, signal);
    if (standing === undefined) return false;
    if (standing === id) return true;
    throw filesErrors.FILES_PATH_OCCUPIED(`${key} is not the file that was committed`);
  }

  /**
   * Ends the uploads that a marker names, then removes it. Uploads are looked for once more
   * afterwards: one that was opened in between is found then, or its writer finds no marker.
   */
  async #endMarked(temporary: string, signal: AbortSignal): Promise<boolean> {
    const final = await this.#finalOf(temporary, signal);
    if (final === undefined) return false;
    await this.#endUploads(final, signal);
    await this.#bucket.delete(temporary, signal);
    await this.#endUploads(final, signal);
    return true;
  }

  async #endUploads(final: string, signal: AbortSignal): Promise<void> {
    if (final === '') return;
    for (const upload of await this.#bucket.uploads(final, signal)) {
      if (upload.key === final) await this.#bucket.abortUpload(upload, signal);
    }
  }

  /** The final key that a marker names; empty for what is no marker, undefined if there is nothing. */
  async #finalOf(temporary: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      const content = await this.#readSmall(temporary, signal);
      const { final } = JSON.parse(content.toString('utf8')) as { final?: unknown };
      return typeof final === 'string' ? inside(final) : '';
    } catch (error) {
      if (isGone(error)) return undefined;
      if (error instanceof SyntaxError || error instanceof RangeError) return '';
      throw error;
    }
  }

  async #stands(key: string, content: Uint8Array, signal: AbortSignal): Promise<boolean> {
    try {
      let at = 0;
      for await (const chunk of this.#bucket.read(key, signal)) {
        if (Buffer.compare(chunk, content.subarray(at, at + chunk.length)) !== 0) return false;
        at += chunk.length;
      }
      return at === content.length;
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  }

  async #readSmall(key: string, signal: AbortSignal): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of this.#bucket.read(key, signal)) {
      length += chunk.length;
      if (length > MARKER_MAX_BYTES) throw new RangeError(`${key} is longer than a marker`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
}

/** Keys are not normalised by S3; `..` in one would only confuse its readers. */
function inside(relative: string): string {
  const plain = path.posix.normalize(relative);
  if (plain !== relative || plain === '.' || plain.startsWith('../') || plain === '..' || plain.startsWith('/')) {
    throw new RangeError('a path of the store leads out of it');
  }
  return relative;
}

/** Does it for all, a few at a time; throws the first failure once none is under way. */
async function each<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  let failed = false;
  const work = async () => {
    for (const item of rest) {
      if (failed) return;
      try {
        await act(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await settleAll(Array.from({ length: Math.min(MOST_REQUESTS, items.length) }, work));
}
