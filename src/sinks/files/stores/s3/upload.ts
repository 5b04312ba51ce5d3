import { crc32 } from 'node:zlib';
import { filesErrors } from '../../errors.ts';
import type { FilePaths, SealedFile, StagedFile } from '../file-store.ts';
import type { BucketRequests, OpenUpload } from './bucket.ts';
import type { Memory } from './memory.ts';

/** The first piece of memory of a part; it doubles, so that a small file holds little, unless a whole one stands ready. */
const FIRST_BYTES = 64 << 10;
/** After so many parts the next ones are twice as large: S3 takes 10,000 of a file. */
const PARTS_OF_A_SIZE = 1_000;
const DISCARD_MS = 5_000;
/** No part, or one without a byte. */
const NOTHING = Buffer.alloc(0);

export interface PartSizes {
  readonly first: number;
  readonly most: number;
}

/** What a store id of ours says. */
export interface UploadName {
  readonly uploadId: string;
  /** In the metadata of the object that the upload becomes. */
  readonly id: string;
  readonly etags: readonly string[];
}

/** S3 itself advises to keep the ETags, and not to complete from a listing of the parts. */
export function toStoreId({ uploadId, id, etags }: UploadName): string {
  return `${id} ${uploadId} ${etags.join(',')}`;
}

export function fromStoreId(storeId: string): UploadName {
  const [id = '', uploadId = '', etags = ''] = storeId.split(' ');
  return { id, uploadId, etags: etags.split(',') };
}

/** A data file that is an open multipart upload on its final key. */
export class S3StagedFile implements StagedFile {
  readonly #bucket: BucketRequests;
  readonly #memory: Memory;
  readonly #paths: FilePaths;
  readonly #upload: OpenUpload;
  readonly #id: string;
  readonly #sizes: PartSizes;
  readonly #cleanUp: (signal: AbortSignal) => Promise<void>;
  readonly #ended = new AbortController();
  readonly #etags: Promise<string>[] = [];
  #part: Buffer = NOTHING;
  #used = 0;
  #length = 0;
  #checksum = 0;
  #failure: unknown;
  #discarded = false;

  constructor(
    bucket: BucketRequests,
    memory: Memory,
    opened: { readonly paths: FilePaths; readonly upload: OpenUpload; readonly id: string },
    sizes: PartSizes,
    cleanUp: (signal: AbortSignal) => Promise<void>,
  ) {
    this.#bucket = bucket;
    this.#memory = memory;
    this.#paths = opened.paths;
    this.#upload = opened.upload;
    this.#id = opened.id;
    this.#sizes = sizes;
    this.#cleanUp = cleanUp;
  }

  async write(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const size = this.#partBytes();
    for (let at = 0; at < chunk.length; ) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#used === this.#part.length) await this.#grow(size, signal);
      const piece = chunk.subarray(at, at + this.#part.length - this.#used);
      this.#part.set(piece, this.#used);
      this.#used += piece.length;
      at += piece.length;
      if (this.#used >= size) this.#send();
    }
    this.#checksum = crc32(chunk, this.#checksum);
    this.#length += chunk.length;
  }

  async seal(signal: AbortSignal): Promise<SealedFile> {
    signal.throwIfAborted();
    // Even an empty file has a part, which may be empty as the last one.
    if (this.#used > 0 || this.#etags.length === 0) this.#send();
    const stop = () => this.#ended.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      const etags = await Promise.all(this.#etags);
      const storeId = toStoreId({ uploadId: this.#upload.uploadId, id: this.#id, etags });
      return { ...this.#paths, length: this.#length, checksum: this.#checksum, storeId };
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async close(signal: AbortSignal): Promise<void> {
    const bytes = await this.#bucket.uploadedBytes(this.#upload, signal);
    if (bytes === this.#length) return;
    throw filesErrors.FILES_LENGTH_MISMATCH(
      `${this.#paths.final} has parts of ${bytes} bytes, of ${this.#length} that were sent`,
    );
  }

  async discard(): Promise<void> {
    if (this.#discarded) return;
    this.#discarded = true;
    this.#ended.abort();
    await Promise.allSettled(this.#etags);
    this.#memory.give(this.#part);
    this.#part = NOTHING;
    this.#used = 0;
    const signal = AbortSignal.timeout(DISCARD_MS);
    try {
      await this.#bucket.abortUpload(this.#upload, signal);
      await this.#cleanUp(signal);
    } catch {
      // What is left is removed after the next claim, by its marker, which must outlive the upload.
    }
  }

  #partBytes(): number {
    const { first, most } = this.#sizes;
    return Math.min(most, first * 2 ** Math.floor(this.#etags.length / PARTS_OF_A_SIZE));
  }

  /** Makes room in the part that gathers. */
  async #grow(size: number, signal: AbortSignal): Promise<void> {
    const smaller = this.#part;
    const least = Math.min(size, Math.max(FIRST_BYTES, 2 * smaller.length));
    // A file that has filled one part is likely to fill the next.
    this.#part = await this.#memory.take({ most: size, least, eager: this.#etags.length > 0 }, signal);
    this.#part.set(smaller.subarray(0, this.#used));
    if (smaller.length > 0) this.#memory.free(smaller);
  }

  /** Begins to upload what has gathered; the next write or the seal meets a failure. */
  #send(): void {
    const sending = this.#uploadPart(this.#etags.length + 1, this.#part, this.#used);
    this.#part = NOTHING;
    this.#used = 0;
    sending.catch((error) => {
      this.#failure ??= error;
    });
    this.#etags.push(sending);
  }

  /** Uploads what stands in a buffer, and gives the buffer back. */
  async #uploadPart(number: number, buffer: Buffer, bytes: number): Promise<string> {
    this.#memory.uploadBegins(bytes);
    let isTaken = false;
    try {
      const etag = await this.#bucket.uploadPart(this.#upload, number, buffer.subarray(0, bytes), this.#ended.signal);
      isTaken = true;
      return etag;
    } finally {
      this.#memory.uploadEnds(bytes);
      // A request that failed may still read it; one before it that was answered sends to nobody.
      if (isTaken) this.#memory.give(buffer);
      else this.#memory.drop(buffer);
    }
  }
}
