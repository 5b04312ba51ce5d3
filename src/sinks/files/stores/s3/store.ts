import { crc32 } from 'node:zlib';
import { filesErrors } from '../../errors.ts';
import type { Entry, FilePaths, FileStore, PreparedFile, SealedFile, StagedFile } from '../file-store.ts';
import { readWhole } from '../file-store.ts';
import type { Bucket } from './bucket.ts';
import type { S3StoreConfig } from './config.ts';

/** Uploads completed, and markers looked at, side by side. */
const LANES = 8;
/** Parts of all files that are on their way at once; a file waits for its turn. */
const MOST_PARTS_IN_FLIGHT = 4;
/** S3 takes 10,000 parts of an upload: every so many, parts grow by another `partBytes`. */
const PARTS_OF_ONE_SIZE = 1_000;
const DISCARD_MS = 3_000;
const MARKER_MAX_BYTES = 4_096;
const TEMPORARY = '_millrace/tmp/';

/**
 * Files in a bucket. S3 has no rename, so a data file is an upload that is open at its final key:
 * finishing it is completing the upload. What stands at its temporary path is a marker, written
 * before the upload is opened, by which whoever comes next finds what to abort. The fence is a PUT
 * with `If-None-Match: *`.
 */
export class S3FileStore implements FileStore {
  readonly #config: S3StoreConfig;
  readonly #parts = new Turns(MOST_PARTS_IN_FLIGHT);
  /** What waits to be published, by its temporary path; once tried it can't be taken back. */
  readonly #prepared = new Map<string, { readonly content: Uint8Array; tried: boolean }>();
  #bucket: Bucket | undefined;
  #held = 0;

  constructor(config: S3StoreConfig) {
    this.#config = config;
  }

  async open(signal: AbortSignal): Promise<void> {
    // The SDK takes as much memory as all else that a thread loads.
    const { Bucket } = await import('./bucket.ts');
    const bucket = await Bucket.connect(this.#config);
    this.#bucket = bucket;
    await bucket.check(signal);
    await this.#checkLifecycle(bucket, signal);
    await this.#checkFence(bucket, signal);
  }

  /** Whether open files hold all the memory that they may: they must be committed. */
  get full(): boolean {
    return this.#held >= this.#config.memory;
  }

  async stage(paths: FilePaths, signal: AbortSignal): Promise<StagedFile> {
    signal.throwIfAborted();
    return new S3StagedFile(this.#opened, paths, {
      marker: this.#keyOf(paths.temporary),
      key: this.#keyOf(paths.final),
      partBytes: this.#config.partBytes,
      parts: this.#parts,
      holds: (bytes) => {
        this.#held += bytes;
      },
    });
  }

  async makeDirectories(directories: readonly string[]): Promise<void> {
    for (const directory of directories) this.#keyOf(directory);
  }

  async finish(files: readonly SealedFile[], signal: AbortSignal): Promise<readonly SealedFile[]> {
    const missing: SealedFile[] = [];
    await inLanes(files, async (file) => {
      if (await this.#finish(file, signal)) await this.#opened.remove(this.#keyOf(file.temporary), signal);
      else missing.push(file);
    });
    return missing;
  }

  async discard(temporary: string, signal: AbortSignal): Promise<boolean> {
    return this.#removeMarker(this.#keyOf(temporary), signal);
  }

  async prepare(file: PreparedFile, content: Uint8Array): Promise<void> {
    this.#keyOf(file.name);
    this.#prepared.set(file.temporary, { content, tried: false });
  }

  async publishIfAbsent(file: PreparedFile, signal: AbortSignal): Promise<'won' | 'lost'> {
    signal.throwIfAborted();
    const prepared = this.#prepared.get(file.temporary);
    if (!prepared) throw filesErrors.FILES_GONE(`${file.temporary} is no longer there`);
    prepared.tried = true;
    const stored = await this.#opened.put(this.#keyOf(file.name), prepared.content, true, signal);
    return stored ? 'won' : 'lost';
  }

  async withdraw(file: PreparedFile): Promise<boolean> {
    // A request that was sent may still arrive, and there is nothing of it to take away.
    if (this.#prepared.get(file.temporary)?.tried !== false) return false;
    return this.#prepared.delete(file.temporary);
  }

  async list(directory: string, signal: AbortSignal): Promise<readonly Entry[]> {
    const prefix = this.#prefixOf(directory);
    const { keys, prefixes } = await this.#opened.list(prefix, true, signal);
    return [
      ...keys.map((key) => ({ name: key.slice(prefix.length), directory: false })),
      ...prefixes.map((below) => ({ name: below.slice(prefix.length, -1), directory: true })),
    ];
  }

  read(file: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#opened.get(this.#keyOf(file), signal);
  }

  async remove(file: string, signal: AbortSignal): Promise<void> {
    const key = this.#keyOf(file);
    for (const temporary of this.#prepared.keys()) {
      if (temporary === file || temporary.startsWith(`${file}/`)) this.#prepared.delete(temporary);
    }
    const { keys } = await this.#opened.list(key, false, signal);
    const mine = keys.filter((below) => below === key || below.startsWith(`${key}/`));
    const isTemporary = file.startsWith(TEMPORARY);
    await inLanes(mine, async (below) => {
      if (isTemporary) await this.#removeMarker(below, signal);
      else await this.#opened.remove(below, signal);
    });
  }

  get #opened(): Bucket {
    if (!this.#bucket) throw new Error('the store is not open');
    return this.#bucket;
  }

  /** Resolves to whether the file stands at its final key. */
  async #finish(file: SealedFile, signal: AbortSignal): Promise<boolean> {
    const key = this.#keyOf(file.final);
    const { id, mark, etags } = parseStoreId(file.storeId);
    if (await this.#stands(key, mark, signal)) return true;
    if (await this.#opened.completeUpload(key, id, etags, signal)) return true;
    // Someone completed it meanwhile, or aborted it.
    return this.#stands(key, mark, signal);
  }

  async #stands(key: string, mark: string, signal: AbortSignal): Promise<boolean> {
    const standing = await this.#opened.markOf(key, signal);
    if (standing === undefined || standing === mark) return standing === mark;
    throw filesErrors.FILES_PATH_OCCUPIED(`something else stands at ${key}`);
  }

  /** Removes what stands at a temporary key, and the uploads that it tells of. Says whether there was one. */
  async #removeMarker(marker: string, signal: AbortSignal): Promise<boolean> {
    let key: string;
    try {
      const relative = marker.slice(this.#prefixOf('').length);
      key = (await readWhole(this, relative, MARKER_MAX_BYTES, signal)).toString('utf8');
    } catch (error) {
      if ((error as { code?: string }).code === 'FILES_GONE') return false;
      throw error;
    }
    const aborted = await this.#opened.abortUploads(key, signal);
    await this.#opened.remove(marker, signal);
    return aborted > 0;
  }

  /** Rules by age know nothing of what is still needed. */
  async #checkLifecycle(bucket: Bucket, signal: AbortSignal): Promise<void> {
    const [root, work] = [this.#prefixOf(''), this.#prefixOf('_millrace')];
    for (const rule of await bucket.lifecycleRules(signal)) {
      if (rule.Status !== 'Enabled') continue;
      const prefix = rule.Filter?.Prefix ?? rule.Filter?.And?.Prefix ?? rule.Prefix ?? '';
      const touches = (place: string) => place.startsWith(prefix) || prefix.startsWith(place);
      const what = `the lifecycle rule ${JSON.stringify(rule.ID ?? '')} of the bucket`;
      if (rule.AbortIncompleteMultipartUpload && touches(root)) {
        throw filesErrors.FILES_S3_LIFECYCLE(`${what} aborts uploads, which may be committed already`);
      }
      if ((rule.Expiration?.Days || rule.Expiration?.Date) && touches(work)) {
        throw filesErrors.FILES_S3_LIFECYCLE(`${what} removes what is committed from ${work}`);
      }
    }
  }

  /** Checked, not assumed: many services that speak the API of S3 let every writer win. */
  async #checkFence(bucket: Bucket, signal: AbortSignal): Promise<void> {
    const probe = this.#keyOf(`${TEMPORARY}probe-${crypto.randomUUID()}`);
    try {
      const first = await bucket.put(probe, Buffer.from('first'), true, signal);
      const second = await bucket.put(probe, Buffer.from('second'), true, signal);
      if (!first || second) throw filesErrors.FILES_STORE_UNFIT('a PUT with "If-None-Match: *" overwrote an object');
      const { keys } = await bucket.list(probe, false, signal);
      if (!keys.includes(probe)) throw filesErrors.FILES_STORE_UNFIT('a listing lacks an object that was just stored');
      await bucket.createUpload(`${probe}-upload`, 'probe', signal);
      if ((await bucket.abortUploads(`${probe}-upload`, signal)) !== 1) {
        throw filesErrors.FILES_STORE_UNFIT('a listing of uploads lacks one that was just opened');
      }
    } finally {
      await bucket.remove(probe, signal).catch(() => {});
    }
  }

  #prefixOf(directory: string): string {
    const key = this.#keyOf(directory);
    return key === '' ? '' : `${key}/`;
  }

  #keyOf(file: string): string {
    const components = file === '' ? [] : file.split('/');
    const isBad = components.some((name) => name === '' || name === '.' || name === '..');
    if (isBad) throw filesErrors.FILES_S3_KEY(`${file} is no path below the root`);
    return [...(this.#config.prefix === undefined ? [] : [this.#config.prefix]), ...components].join('/');
  }
}

interface StagedOptions {
  readonly marker: string;
  readonly key: string;
  readonly partBytes: number;
  readonly parts: Turns;
  /** Told how many bytes more, or fewer, wait in memory for their part to be full. */
  readonly holds: (bytes: number) => void;
}

class S3StagedFile implements StagedFile {
  readonly #bucket: Bucket;
  readonly #paths: FilePaths;
  readonly #options: StagedOptions;
  readonly #mark = crypto.randomUUID();
  #id: Promise<string> | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  readonly #uploads: Promise<string>[] = [];
  #failure: unknown;
  #length = 0;
  #checksum = 0;

  constructor(bucket: Bucket, paths: FilePaths, options: StagedOptions) {
    this.#bucket = bucket;
    this.#paths = paths;
    this.#options = options;
  }

  async write(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    // The caller may reuse its bytes, and these wait.
    this.#waiting.push(Buffer.from(chunk));
    this.#waitingBytes += chunk.length;
    this.#options.holds(chunk.length);
    this.#checksum = crc32(chunk, this.#checksum);
    this.#length += chunk.length;
    const partBytes = this.#options.partBytes * (1 + Math.floor(this.#uploads.length / PARTS_OF_ONE_SIZE));
    if (this.#waitingBytes >= partBytes) await this.#upload(signal);
  }

  async seal(signal: AbortSignal): Promise<SealedFile> {
    if (this.#waitingBytes > 0 || this.#uploads.length === 0) await this.#upload(signal);
    const etags = await Promise.all(this.#uploads);
    const storeId = formatStoreId({ id: await this.#id!, mark: this.#mark, etags });
    return { ...this.#paths, length: this.#length, checksum: this.#checksum, storeId };
  }

  async close(signal: AbortSignal): Promise<void> {
    const bytes = await this.#bucket.uploadedBytes(this.#options.key, await this.#id!, signal);
    if (bytes === this.#length) return;
    throw filesErrors.FILES_LENGTH_MISMATCH(
      `the parts of ${this.#paths.final} have ${bytes} bytes, of ${this.#length} that were written`,
    );
  }

  async discard(): Promise<void> {
    this.#options.holds(-this.#waitingBytes);
    this.#waiting = [];
    this.#waitingBytes = 0;
    const id = await this.#id?.catch(() => undefined);
    await Promise.allSettled(this.#uploads);
    const signal = AbortSignal.timeout(DISCARD_MS);
    try {
      if (id !== undefined) await this.#bucket.abortUpload(this.#options.key, id, signal);
      // Without an id the upload may have been opened all the same: then the marker stays, and tells of it.
      if (id !== undefined) await this.#bucket.remove(this.#options.marker, signal);
    } catch {
      // What is left goes after the next claim.
    }
  }

  /** Begins to upload what waits as the next part, once there is a turn for it. A failure is met by the next call. */
  async #upload(signal: AbortSignal): Promise<void> {
    this.#id ??= this.#open(signal);
    const id = await this.#id;
    await this.#options.parts.take();
    const body = this.#waiting.length === 1 ? this.#waiting[0]! : Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#options.holds(-this.#waitingBytes);
    this.#waitingBytes = 0;
    const number = this.#uploads.length + 1;
    const upload = this.#bucket
      .uploadPart(this.#options.key, id, number, body, signal)
      .finally(() => this.#options.parts.giveBack());
    upload.catch((error) => {
      this.#failure ??= error;
    });
    this.#uploads.push(upload);
    if (this.#failure) throw this.#failure;
  }

  async #open(signal: AbortSignal): Promise<string> {
    const { marker, key } = this.#options;
    const isNew = await this.#bucket.put(marker, Buffer.from(key), true, signal);
    if (!isNew) throw filesErrors.FILES_PATH_OCCUPIED(`${this.#paths.temporary} was used before`);
    return this.#bucket.createUpload(key, this.#mark, signal);
  }
}

/** So many at once, the others in the order in which they came. */
class Turns {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(most: number) {
    this.#free = most;
  }

  async take(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  giveBack(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}

interface StoreId {
  readonly id: string;
  readonly mark: string;
  readonly etags: readonly string[];
}

function formatStoreId({ id, mark, etags }: StoreId): string {
  return [id, mark, ...etags].join(' ');
}

function parseStoreId(text: string): StoreId {
  const [id = '', mark = '', ...etags] = text.split(' ');
  return { id, mark, etags };
}

async function inLanes<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const lane = async () => {
    for (const item of left) await act(item);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
