/**
 * The requests to S3 that a store of files makes, by the AWS SDK. This module loads the SDK, so it
 * is loaded only where a store in S3 is configured.
 */
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import type { Readable } from 'node:stream';
import type { LifecycleRule, S3ServiceException } from '@aws-sdk/client-s3';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketLifecycleConfigurationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { MillraceError, messageOf } from '../../../../support/errors.ts';
import { filesErrors } from '../../errors.ts';
import type { S3StoreConfig } from './config.ts';

/** The protocol above tries again by itself, and knows what it may repeat. */
const ATTEMPTS = 2;
/** What marks an object as one certain upload: S3 keeps it with the object, whatever its ETag is. */
const MARK = 'millrace-file';

export interface Listed {
  readonly keys: readonly string[];
  /** Of what lies deeper, up to the next `/`. */
  readonly prefixes: readonly string[];
}

export class Bucket {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #deadlineMs: number;

  private constructor(client: S3Client, { bucket, deadline }: S3StoreConfig) {
    this.#client = client;
    this.#bucket = bucket;
    this.#deadlineMs = deadline;
  }

  static async connect(config: S3StoreConfig): Promise<Bucket> {
    const { region, endpoint, pathStyle, accessKeyId, secretAccessKey, sessionToken, ca, deadline } = config;
    const hasKeys = accessKeyId !== undefined && secretAccessKey !== undefined;
    const client = new S3Client({
      region,
      forcePathStyle: pathStyle,
      maxAttempts: ATTEMPTS,
      // By default the SDK sends checksums that services other than AWS refuse.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: new NodeHttpHandler({
        connectionTimeout: deadline,
        socketTimeout: deadline,
        ...(ca === undefined ? {} : { httpsAgent: new Agent({ keepAlive: true, ca: await readFile(ca, 'utf8') }) }),
      }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(hasKeys
        ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } }
        : {}),
    });
    return new Bucket(client, config);
  }

  /** Throws why the bucket can't be used. */
  async check(signal: AbortSignal): Promise<void> {
    const Bucket = this.#bucket;
    await this.#ask(`bucket ${Bucket}`, signal, (options) =>
      this.#client.send(new HeadBucketCommand({ Bucket }), options),
    );
  }

  /** Rules that remove objects or uploads by their age; none where the service knows no such rules. */
  async lifecycleRules(signal: AbortSignal): Promise<readonly LifecycleRule[]> {
    try {
      const { Rules } = await this.#client.send(
        new GetBucketLifecycleConfigurationCommand({ Bucket: this.#bucket }),
        this.#options(signal),
      );
      return Rules ?? [];
    } catch (error) {
      if (signal.aborted) throw error;
      // Not set, not known to the service, or not ours to read: then it is the operator's to know.
      return [];
    }
  }

  /** Stores an object; with `onlyNew` only if nothing has its key. Says whether it was stored. */
  async put(key: string, body: Uint8Array, onlyNew: boolean, signal: AbortSignal): Promise<boolean> {
    const condition = onlyNew ? { IfNoneMatch: '*' } : {};
    const command = new PutObjectCommand({ ...this.#at(key), Body: body, ...condition });
    try {
      await this.#ask(`put ${key}`, signal, (options) => this.#client.send(command, options));
      return true;
    } catch (error) {
      if (nameOf(error) === 'PreconditionFailed') return false;
      throw error;
    }
  }

  /** The bytes of an object, or FILES_GONE. */
  async *get(key: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const command = new GetObjectCommand(this.#at(key));
    // The signal ends the body too, so it can't be that of the deadline.
    const { Body } = await this.#coded(`get ${key}`, signal, () => this.#client.send(command, { abortSignal: signal }));
    try {
      for await (const chunk of Body as Readable) yield chunk as Buffer;
    } catch (error) {
      throw coded(`get ${key}`, error, signal);
    }
  }

  /** The mark of the object with this key, '' if it has none; undefined if there is no object. */
  async markOf(key: string, signal: AbortSignal): Promise<string | undefined> {
    const command = new HeadObjectCommand(this.#at(key));
    try {
      const { Metadata } = await this.#ask(`head ${key}`, signal, (options) => this.#client.send(command, options));
      return Metadata?.[MARK] ?? '';
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'FILES_GONE') return undefined;
      throw error;
    }
  }

  /** All keys that begin so, up to the next `/` if `delimited`. */
  async list(prefix: string, delimited: boolean, signal: AbortSignal): Promise<Listed> {
    const keys: string[] = [];
    const prefixes: string[] = [];
    for (let token: string | undefined; ; ) {
      const command = new ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: prefix,
        ...(delimited ? { Delimiter: '/' } : {}),
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const page = await this.#ask(`list ${prefix}`, signal, (options) => this.#client.send(command, options));
      for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key);
      for (const { Prefix } of page.CommonPrefixes ?? []) if (Prefix !== undefined) prefixes.push(Prefix);
      token = page.NextContinuationToken;
      if (token === undefined) return { keys, prefixes };
    }
  }

  async remove(key: string, signal: AbortSignal): Promise<void> {
    const command = new DeleteObjectCommand(this.#at(key));
    await this.#ask(`delete ${key}`, signal, (options) => this.#client.send(command, options));
  }

  /** Opens an upload at a key; resolves to its id. */
  async createUpload(key: string, mark: string, signal: AbortSignal): Promise<string> {
    const command = new CreateMultipartUploadCommand({ ...this.#at(key), Metadata: { [MARK]: mark } });
    const { UploadId } = await this.#ask(`open ${key}`, signal, (options) => this.#client.send(command, options));
    return UploadId!;
  }

  /** Resolves to the part's ETag. */
  async uploadPart(key: string, id: string, number: number, body: Uint8Array, signal: AbortSignal): Promise<string> {
    const command = new UploadPartCommand({ ...this.#at(key), UploadId: id, PartNumber: number, Body: body });
    const { ETag } = await this.#ask(`upload ${key}`, signal, (options) => this.#client.send(command, options));
    return ETag!;
  }

  /** Bytes of all parts that S3 has. */
  async uploadedBytes(key: string, id: string, signal: AbortSignal): Promise<number> {
    let bytes = 0;
    for (let after: string | undefined; ; ) {
      const marker = after === undefined ? {} : { PartNumberMarker: after };
      const command = new ListPartsCommand({ ...this.#at(key), UploadId: id, ...marker });
      const page = await this.#ask(`parts of ${key}`, signal, (options) => this.#client.send(command, options));
      for (const { Size } of page.Parts ?? []) bytes += Size ?? 0;
      if (!page.IsTruncated) return bytes;
      after = page.NextPartNumberMarker;
    }
  }

  /** Makes the object of an upload appear. Says whether the upload was there. An error inside a 200 is thrown, by the SDK. */
  async completeUpload(key: string, id: string, etags: readonly string[], signal: AbortSignal): Promise<boolean> {
    const Parts = etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 }));
    const command = new CompleteMultipartUploadCommand({
      ...this.#at(key),
      UploadId: id,
      MultipartUpload: { Parts },
    });
    try {
      await this.#ask(`complete ${key}`, signal, (options) => this.#client.send(command, options));
      return true;
    } catch (error) {
      if (nameOf(error) === 'NoSuchUpload') return false;
      throw error;
    }
  }

  /** Ends all uploads of exactly this key. Resolves to how many there were. */
  async abortUploads(key: string, signal: AbortSignal): Promise<number> {
    const ids = await this.#uploadsOf(key, signal);
    for (const id of ids) await this.abortUpload(key, id, signal);
    return ids.length;
  }

  async abortUpload(key: string, id: string, signal: AbortSignal): Promise<void> {
    const command = new AbortMultipartUploadCommand({ ...this.#at(key), UploadId: id });
    try {
      await this.#ask(`abort ${key}`, signal, (options) => this.#client.send(command, options));
    } catch (error) {
      if (nameOf(error) !== 'NoSuchUpload') throw error;
    }
  }

  close(): void {
    this.#client.destroy();
  }

  async #uploadsOf(key: string, signal: AbortSignal): Promise<string[]> {
    const ids: string[] = [];
    for (let next: { KeyMarker?: string; UploadIdMarker?: string } = {}; ; ) {
      const command = new ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: key, ...next });
      const page = await this.#ask(`uploads of ${key}`, signal, (options) => this.#client.send(command, options));
      for (const { Key, UploadId } of page.Uploads ?? []) if (Key === key && UploadId !== undefined) ids.push(UploadId);
      if (!page.IsTruncated || page.NextKeyMarker === undefined) return ids;
      next = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker ?? '' };
    }
  }

  #at(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#bucket, Key: key };
  }

  #options(signal: AbortSignal) {
    return { abortSignal: AbortSignal.any([signal, AbortSignal.timeout(this.#deadlineMs)]) };
  }

  #ask<T>(
    what: string,
    signal: AbortSignal,
    send: (options: { readonly abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    return this.#coded(what, signal, () => send(this.#options(signal)));
  }

  async #coded<T>(what: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      return await act();
    } catch (error) {
      throw coded(what, error, signal);
    }
  }
}

/** By the name of S3's error; others by their status, and what has none may pass by itself. */
const MEANINGS: Readonly<Record<string, keyof typeof filesErrors>> = {
  NoSuchBucket: 'FILES_S3_BUCKET',
  AccessDenied: 'FILES_NOT_PERMITTED',
  InvalidAccessKeyId: 'FILES_S3_CREDENTIALS',
  SignatureDoesNotMatch: 'FILES_S3_CREDENTIALS',
  ExpiredToken: 'FILES_S3_CREDENTIALS',
  InvalidToken: 'FILES_S3_CREDENTIALS',
  CredentialsProviderError: 'FILES_S3_CREDENTIALS',
  RequestTimeTooSkewed: 'FILES_S3_CLOCK',
  PermanentRedirect: 'FILES_S3_REGION',
  AuthorizationHeaderMalformed: 'FILES_S3_REGION',
  IllegalLocationConstraintException: 'FILES_S3_REGION',
  NoSuchKey: 'FILES_GONE',
  NotFound: 'FILES_GONE',
  QuotaExceeded: 'FILES_DISK_FULL',
};

const BY_STATUS: Readonly<Record<number, keyof typeof filesErrors>> = {
  301: 'FILES_S3_REGION',
  401: 'FILES_S3_CREDENTIALS',
  403: 'FILES_NOT_PERMITTED',
};

const SHOWN_CHARACTERS = 300;

function coded(what: string, error: unknown, signal: AbortSignal): unknown {
  if (error instanceof MillraceError) return error;
  if (signal.aborted) return signal.reason;
  const { name = '', $metadata } = error as Partial<S3ServiceException>;
  // The head of a bucket has no body, and so no name for what is missing.
  const isBucket = what.startsWith('bucket ') && name === 'NotFound';
  const code = isBucket ? 'FILES_S3_BUCKET' : (MEANINGS[name] ?? BY_STATUS[$metadata?.httpStatusCode ?? 0]);
  const message = messageOf(error)
    .replaceAll(/[\u0000-\u001f\u007f]/g, ' ')
    .slice(0, SHOWN_CHARACTERS);
  return filesErrors[code ?? 'FILES_STORE_UNAVAILABLE'](`${what}: ${name} ${message}`, { cause: error });
}

/** The name of S3's own error in a coded one. */
function nameOf(error: unknown): string | undefined {
  const { cause } = error as { cause?: { name?: string } };
  return cause?.name;
}
