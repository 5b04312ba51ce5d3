import { filesErrors } from '../../src/sinks/files/errors.ts';
import type { BucketRequests, OpenUpload } from '../../src/sinks/files/stores/s3/bucket.ts';
import type { Intercept } from './gate.ts';

interface StoredObject {
  readonly body: Buffer;
  /** In its metadata. */
  readonly id: string;
}

interface Upload extends OpenUpload {
  readonly id: string;
  readonly parts: Map<number, Buffer>;
}

/** The objects and open uploads of an S3 bucket, in memory; shared by all clients. */
export class MemoryBucket {
  readonly #objects = new Map<string, StoredObject>();
  readonly #uploads = new Map<string, Upload>();
  #lastId = 0;
  /** Called after anything has changed. */
  onChange = () => {};

  /** The content of all objects by key. */
  get content(): ReadonlyMap<string, Buffer> {
    return new Map([...this.#objects].map(([key, { body }]) => [key, body]));
  }

  get openUploads(): readonly OpenUpload[] {
    return [...this.#uploads.values()];
  }

  client(ask: Intercept = async (_request, act) => act()): BucketRequests {
    const bucket = this;
    return {
      prefix: '',
      putIfAbsent: (key, body) => ask({ name: 'putIfAbsent', path: key }, () => this.#put(key, Buffer.from(body))),
      read: async function* (key) {
        yield await ask({ name: 'read', path: key }, () => bucket.#read(key));
      },
      idAt: (key) => ask({ name: 'idAt', path: key }, () => this.#objects.get(key)?.id),
      keys: async function* (start, delimiter) {
        yield* await ask({ name: 'keys', path: start }, () => bucket.#keys(start, delimiter));
      },
      delete: (key) =>
        ask({ name: 'delete', path: key }, () => {
          this.#objects.delete(key);
          this.onChange();
        }),
      beginUpload: (key, id) => ask({ name: 'beginUpload', path: key }, () => this.#begin(key, id)),
      uploadPart: (upload, part, body) => {
        // The caller may use its memory for something else as soon as it has no answer to wait for.
        const copy = Buffer.from(body);
        return ask({ name: 'uploadPart', path: upload.key }, () => {
          this.#open(upload).parts.set(part, copy);
          return `etag-${part}`;
        });
      },
      uploadedBytes: (upload) =>
        ask({ name: 'uploadedBytes', path: upload.key }, () =>
          [...this.#open(upload).parts.values()].reduce((sum, { length }) => sum + length, 0),
        ),
      completeUpload: (upload, etags) =>
        ask({ name: 'completeUpload', path: upload.key }, () => this.#complete(upload, etags)),
      abortUpload: (upload) =>
        ask({ name: 'abortUpload', path: upload.key }, () => {
          this.#uploads.delete(upload.uploadId);
          this.onChange();
        }),
      uploads: (start) =>
        ask({ name: 'uploads', path: start }, () => this.openUploads.filter(({ key }) => key.startsWith(start))),
      lifecycleRules: async () => [],
      close: async () => {},
    };
  }

  /** With `If-None-Match: *`. */
  #put(key: string, body: Buffer): boolean {
    if (this.#objects.has(key)) return false;
    this.#objects.set(key, { body, id: '' });
    this.onChange();
    return true;
  }

  #read(key: string): Buffer {
    const object = this.#objects.get(key);
    if (!object) throw filesErrors.FILES_GONE(key);
    return object.body;
  }

  #keys(start: string, delimiter: string | undefined): string[] {
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(start));
    if (delimiter === undefined) return keys;
    const cut = (key: string) => {
      const end = key.indexOf(delimiter, start.length);
      return end < 0 ? key : key.slice(0, end + 1);
    };
    return [...new Set(keys.map(cut))];
  }

  #begin(key: string, id: string): OpenUpload {
    const upload = { key, id, uploadId: `upload-${++this.#lastId}`, parts: new Map<number, Buffer>() };
    this.#uploads.set(upload.uploadId, upload);
    return { key, uploadId: upload.uploadId };
  }

  /** Over whatever stands there, as S3 does it. */
  #complete(upload: OpenUpload, etags: readonly string[]): void {
    const { key, id, parts } = this.#open(upload);
    const bodies = etags.map((_, index) => {
      const body = parts.get(index + 1);
      if (!body) throw filesErrors.FILES_S3_REFUSED('InvalidPart');
      return body;
    });
    this.#uploads.delete(upload.uploadId);
    this.#objects.set(key, { body: Buffer.concat(bodies), id });
    this.onChange();
  }

  #open({ uploadId }: OpenUpload): Upload {
    const upload = this.#uploads.get(uploadId);
    if (!upload) throw filesErrors.FILES_GONE(`no upload ${uploadId}`);
    return upload;
  }
}
