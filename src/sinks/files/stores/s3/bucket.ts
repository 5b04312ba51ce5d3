import type { CompletedPart } from '@aws-sdk/client-s3';
import { isGone } from '../../errors.ts';
import type { S3Client } from './client.ts';
import type { S3StoreConfig } from './config.ts';
import { codeError, nameOf, statusOf } from './failures.ts';

/** The name under which an upload's id stands in the metadata of the object that it becomes. */
const ID = 'millrace-id';

/** An open multipart upload. */
export interface OpenUpload {
  readonly key: string;
  readonly uploadId: string;
}

/** What the store asks of a bucket. */
export type BucketRequests = Pick<Bucket, keyof Bucket>;

/** One bucket below one prefix, by the requests that the store needs. Keys are relative to the prefix. */
export class Bucket {
  readonly #client: S3Client;
  readonly #config: S3StoreConfig;
  readonly #prefix: string;

  constructor(client: S3Client, config: S3StoreConfig) {
    this.#client = client;
    this.#config = config;
    this.#prefix = config.prefix === undefined ? '' : `${config.prefix}/`;
  }

  get prefix(): string {
    return this.#prefix;
  }

  /** Puts an object if there is none: `false` if there is one. */
  async putIfAbsent(key: string, body: Uint8Array, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#client.call(this.#small(key, signal), (s3, options) =>
        s3.putObject({ ...this.#at(key), Body: body, IfNoneMatch: '*' }, options),
      );
      return true;
    } catch (error) {
      if (statusOf(error) === 412) return false;
      throw error;
    }
  }

  /** The bytes of an object as they come. */
  async *read(key: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { Body: body } = await this.#client.call(this.#small(key, signal), (s3, { abortSignal }) =>
      untilAnswered(abortSignal, (signal) => s3.getObject(this.#at(key), { abortSignal: signal })),
    );
    const stream = body as unknown as AsyncIterable<Uint8Array> & { destroy(): void };
    const end = () => stream.destroy();
    signal.addEventListener('abort', end, { once: true });
    try {
      yield* stream;
    } catch (error) {
      signal.throwIfAborted();
      throw codeError(key, error);
    } finally {
      signal.removeEventListener('abort', end);
      stream.destroy();
    }
    signal.throwIfAborted();
  }

  /** The id of the upload that became the object; undefined if there is none, empty if it came otherwise. */
  async idAt(key: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      const { Metadata: metadata } = await this.#client.call(this.#small(key, signal), (s3, options) =>
        s3.headObject(this.#at(key), options),
      );
      return metadata?.[ID] ?? '';
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /** Keys that begin so, and where they are cut at the next `/` their beginnings, all pages. */
  async *keys(start: string, delimiter: '/' | undefined, signal: AbortSignal): AsyncIterable<string> {
    let token: string | undefined;
    do {
      const page = await this.#client.call(this.#small(start, signal), (s3, options) =>
        s3.listObjectsV2(
          {
            Bucket: this.#config.bucket,
            Prefix: this.#prefix + start,
            ...(delimiter ? { Delimiter: delimiter } : {}),
            ...(token === undefined ? {} : { ContinuationToken: token }),
          },
          options,
        ),
      );
      for (const { Key: key = '' } of page.Contents ?? []) yield key.slice(this.#prefix.length);
      for (const { Prefix: key = '' } of page.CommonPrefixes ?? []) yield key.slice(this.#prefix.length);
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    await this.#client.call(this.#small(key, signal), (s3, options) => s3.deleteObject(this.#at(key), options));
  }

  /** Sent once: the repeat of a request whose answer was lost would open a second upload. */
  async beginUpload(key: string, id: string, signal: AbortSignal): Promise<OpenUpload> {
    const { UploadId: uploadId = '' } = await this.#client.call(
      { ...this.#small(key, signal), attempts: 1 },
      (s3, options) => s3.createMultipartUpload({ ...this.#at(key), Metadata: { [ID]: id } }, options),
    );
    return { key, uploadId };
  }

  /** Uploads a part, and gives its ETag. */
  async uploadPart(upload: OpenUpload, part: number, body: Uint8Array, signal: AbortSignal): Promise<string> {
    const { ETag: etag = '' } = await this.#client.call(this.#large(upload.key, signal), (s3, options) =>
      s3.uploadPart({ ...this.#of(upload), PartNumber: part, Body: body }, options),
    );
    return etag.replaceAll('"', '');
  }

  /** Bytes of all parts that stand, or FILES_GONE if the upload was ended. */
  async uploadedBytes(upload: OpenUpload, signal: AbortSignal): Promise<number> {
    let bytes = 0;
    let marker: string | undefined;
    do {
      const page = await this.#client.call(this.#small(upload.key, signal), (s3, options) =>
        s3.listParts({ ...this.#of(upload), ...(marker === undefined ? {} : { PartNumberMarker: marker }) }, options),
      );
      for (const { Size: size = 0 } of page.Parts ?? []) bytes += size;
      marker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
    } while (marker !== undefined);
    return bytes;
  }

  /**
   * Puts the parts together, without a condition: one that fails ends the upload. An error inside a
   * 200 is thrown as any other (the SDK looks for it). FILES_GONE if there is no such upload.
   */
  async completeUpload(upload: OpenUpload, etags: readonly string[], signal: AbortSignal): Promise<void> {
    const parts: CompletedPart[] = etags.map((etag, index) => ({ ETag: `"${etag}"`, PartNumber: index + 1 }));
    await this.#client.call(this.#large(upload.key, signal), (s3, options) =>
      s3.completeMultipartUpload({ ...this.#of(upload), MultipartUpload: { Parts: parts } }, options),
    );
  }

  /** Ends an upload and drops its parts, if it is open. */
  async abortUpload(upload: OpenUpload, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.call(this.#small(upload.key, signal), (s3, options) =>
        s3.abortMultipartUpload(this.#of(upload), options),
      );
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  /** The uploads open on keys that begin so; some services know only those of a whole key. */
  async uploads(start: string, signal: AbortSignal): Promise<OpenUpload[]> {
    const { Key: full } = this.#at(start);
    const found: OpenUpload[] = [];
    let next: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
    do {
      const from: { KeyMarker?: string; UploadIdMarker?: string } = next;
      const page = await this.#client.call(this.#small(start, signal), (s3, options) =>
        s3.listMultipartUploads({ Bucket: this.#config.bucket, Prefix: full, ...from }, options),
      );
      for (const { Key, UploadId: uploadId } of page.Uploads ?? []) {
        if (Key?.startsWith(full) && uploadId) found.push({ key: Key.slice(this.#prefix.length), uploadId });
      }
      const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
      next =
        page.IsTruncated && KeyMarker !== undefined
          ? { KeyMarker, ...(UploadIdMarker === undefined ? {} : { UploadIdMarker }) }
          : undefined;
    } while (next);
    return found;
  }

  /** The lifecycle rules of the bucket; none where the service knows no such thing. */
  async lifecycleRules(signal: AbortSignal) {
    try {
      const { Rules: rules = [] } = await this.#client.call(
        { ...this.#small('the lifecycle rules', signal), attempts: 1 },
        (s3, options) => s3.getBucketLifecycleConfiguration({ Bucket: this.#config.bucket }, options),
      );
      return rules;
    } catch (error) {
      const none = ['NoSuchLifecycleConfiguration', 'NotImplemented', 'MethodNotAllowed'];
      if (none.includes(nameOf(error)) || [404, 405, 501].includes(statusOf(error))) return [];
      throw error;
    }
  }

  /** Ends the connections that are kept. */
  close(): Promise<void> {
    return this.#client.close();
  }

  #small(what: string, signal: AbortSignal) {
    return { what: `${this.#config.bucket}/${this.#prefix}${what}`, signal, deadlineMs: this.#config.deadline };
  }

  #large(what: string, signal: AbortSignal) {
    return { ...this.#small(what, signal), deadlineMs: this.#config.uploadDeadline };
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#config.bucket, Key: this.#prefix + key };
  }

  #of({ key, uploadId }: OpenUpload) {
    return { ...this.#at(key), UploadId: uploadId };
  }
}

/**
 * Asks with a deadline that ends once the head of the answer is there. The SDK goes on to heed the signal
 * for as long as the body comes, which may take any time.
 */
async function untilAnswered<T>(deadline: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const end = () => late.abort(deadline.reason);
  deadline.addEventListener('abort', end, { once: true });
  try {
    deadline.throwIfAborted();
    return await ask(late.signal);
  } finally {
    deadline.removeEventListener('abort', end);
  }
}
