/**
 * A client of WebHDFS: the operations that a store of files needs, each with a deadline. Paths are
 * absolute and plain text. Errors are coded; where it is not known whether a request was carried
 * out, the code is FILES_STORE_UNAVAILABLE, and whoever asked looks before asking again.
 *
 * https://hadoop.apache.org/docs/r3.5.0/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
 */
import { isUntrusted } from '../../../../support/certificates.ts';
import { filesErrors } from '../../errors.ts';
import { coded, isNotFound, RemoteException, remoteException } from './answers.ts';
import type { HttpRequest, Upload } from './http.ts';
import { HttpClient, NotSent } from './http.ts';
import type { NameNodesOptions, Operation } from './namenodes.ts';
import { describe, NameNodes } from './namenodes.ts';
import { Writing } from './writing.ts';

const OK = 200;
const CREATED = 201;
/** How many DataNodes are tried before an operation fails. */
const MOST_DATANODES = 5;

export interface WebHdfsOptions extends NameNodesOptions {
  /** The authorities to trust, in PEM. */
  readonly ca?: string | undefined;
  readonly replication?: number | undefined;
  readonly blockSize?: number | undefined;
  /** Milliseconds. */
  readonly deadline: number;
}

export interface FileStatus {
  /** The last component of the path. */
  readonly name: string;
  readonly directory: boolean;
  /** Bytes; of a file that is being written, those that the NameNode knows of. */
  readonly length: number;
  /** The file's own number, which it keeps when it is renamed. */
  readonly fileId: string;
  /** Bytes of a full block; of a folder 0. */
  readonly blockSize: number;
  /** Whether it lies in an encryption zone. */
  readonly encrypted: boolean;
}

/** What is at a path and below, and the quotas of the folder itself: those above it are asked of the folders above. */
export interface ContentSummary {
  readonly fileCount: number;
  /** Folders, this one among them. */
  readonly directoryCount: number;
  /** Bytes of all files, each once. */
  readonly length: number;
  /** Bytes with all copies; a block that is being written counts whole. */
  readonly spaceConsumed: number;
  /** Most names, of files and folders, this one among them; -1 if there is no quota. */
  readonly quota: number;
  /** Most bytes with all copies; -1 if there is no quota. */
  readonly spaceQuota: number;
}

/** What files get that are made without saying otherwise. */
export interface ServerDefaults {
  readonly blockSize: number;
  readonly replication: number;
}

export class WebHdfs {
  readonly #options: WebHdfsOptions;
  readonly #http: HttpClient;
  readonly #nodes: NameNodes;

  constructor(options: WebHdfsOptions) {
    this.#options = options;
    this.#http = new HttpClient({ deadlineMs: options.deadline, ...(options.ca ? { ca: options.ca } : {}) });
    this.#nodes = new NameNodes(options, this.#http);
  }

  /** The status of a file or folder; undefined if there is none. */
  async status(path: string, signal: AbortSignal): Promise<FileStatus | undefined> {
    try {
      const { FileStatus: status } = await this.#askJson<{ FileStatus: WireStatus }>(
        { method: 'GET', op: 'GETFILESTATUS', path, repeat: 'harmless' },
        signal,
      );
      return toStatus(status);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** All that stands directly in a folder, asked for in pages; empty if there is no such folder. */
  async list(path: string, signal: AbortSignal): Promise<FileStatus[]> {
    const found: FileStatus[] = [];
    for (let after: string | undefined; ; ) {
      // In lower case: 3.5.0 ignores the spelling of its own documentation, and gives the first page for ever.
      const parameters: Record<string, string> = after === undefined ? {} : { startafter: after };
      const operation = { method: 'GET', op: 'LISTSTATUS_BATCH', path, parameters, repeat: 'harmless' } as const;
      let page: WireListing;
      try {
        page = await this.#askJson<WireListing>(operation, signal);
      } catch (error) {
        if (isNotFound(error)) return found;
        throw error;
      }
      const { partialListing, remainingEntries } = page.DirectoryListing;
      const statuses = partialListing.FileStatuses.FileStatus.map(toStatus);
      const last = statuses.at(-1)?.name;
      if (last !== undefined && last === after) throw filesErrors.FILES_HDFS_REFUSED(`${path}: a page came twice`);
      found.push(...statuses);
      if (remainingEntries === 0 || last === undefined) return found;
      after = last;
    }
  }

  /** Makes a folder with its parents; one that exists is left alone. */
  async makeDirectory(path: string, signal: AbortSignal): Promise<void> {
    const made = await this.#askBoolean({ method: 'PUT', op: 'MKDIRS', path, repeat: 'harmless' }, signal);
    if (!made) throw filesErrors.FILES_PATH_OCCUPIED(`${path} can't be made a folder`);
  }

  /** Renames, never over or into something else: the one form of RENAME that does so. */
  async rename(from: string, to: string, signal: AbortSignal): Promise<'done' | 'occupied' | 'gone'> {
    const parameters = { destination: to, renameoptions: 'NONE' };
    try {
      const { body } = await this.#nodes.ask(
        { method: 'PUT', op: 'RENAME', path: from, parameters, repeat: 'unknown' },
        signal,
      );
      // The old form of RENAME, which moves into folders, answers with a boolean.
      if (body.length > 0) throw filesErrors.FILES_STORE_UNFIT('RENAME does not honour its options');
      return 'done';
    } catch (error) {
      const { cause } = error as Error;
      if (!(cause instanceof RemoteException)) throw error;
      if (cause.exception === 'FileAlreadyExistsException') return 'occupied';
      if (!cause.isNotFound || (await this.status(from, signal))) throw error;
      return 'gone';
    }
  }

  /**
   * Puts the blocks of the sources, of the same folder, behind those of the target, in order: all of them or none, and the
   * sources are gone in the same step. `gone` if one of them, or the target, is not there. A path with a comma can't be
   * named as a source. What HDFS will not join, such as a file in a snapshot, is FILES_HDFS_REFUSED.
   */
  async concat(target: string, sources: readonly string[], signal: AbortSignal): Promise<'done' | 'gone'> {
    const parameters = { sources: sources.join(',') };
    try {
      await this.#nodes.ask({ method: 'POST', op: 'CONCAT', path: target, parameters, repeat: 'unknown' }, signal);
      return 'done';
    } catch (error) {
      if (isNotFound(error)) return 'gone';
      throw error;
    }
  }

  /** Removes a file, or a folder with all in it. Says whether this call removed it. */
  async remove(path: string, signal: AbortSignal): Promise<boolean> {
    const parameters = { recursive: 'true' };
    return this.#askBoolean({ method: 'DELETE', op: 'DELETE', path, parameters, repeat: 'unknown' }, signal);
  }

  /** What is stored at a path, which HDFS counts file by file, and its quotas; undefined if there is nothing. */
  async contentSummary(path: string, signal: AbortSignal): Promise<ContentSummary | undefined> {
    try {
      const { ContentSummary: summary } = await this.#askJson<{ ContentSummary: ContentSummary }>(
        { method: 'GET', op: 'GETCONTENTSUMMARY', path, repeat: 'harmless' },
        signal,
      );
      const { fileCount, directoryCount, length, spaceConsumed, quota, spaceQuota } = summary;
      return { fileCount, directoryCount, length, spaceConsumed, quota, spaceQuota };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** The defaults of the file system; FILES_HDFS_REFUSED by one too old to tell. */
  async serverDefaults(signal: AbortSignal): Promise<ServerDefaults> {
    const operation = { method: 'GET', op: 'GETSERVERDEFAULTS', path: '/', repeat: 'harmless' } as const;
    const { FsServerDefaults: defaults } = await this.#askJson<{ FsServerDefaults: ServerDefaults }>(operation, signal);
    return { blockSize: defaults.blockSize, replication: defaults.replication };
  }

  /** `/user/NAME`: who HDFS takes us for. */
  async homeDirectory(signal: AbortSignal): Promise<string> {
    const operation = { method: 'GET', op: 'GETHOMEDIRECTORY', path: '/', repeat: 'harmless' } as const;
    return (await this.#askJson<{ Path: string }>(operation, signal)).Path;
  }

  /** Begins a new file, whose content comes in pieces; its parents are made. */
  async create(path: string, signal: AbortSignal): Promise<Writing> {
    const { replication, blockSize } = this.#options;
    const parameters: Record<string, string> = { overwrite: 'false' };
    if (replication !== undefined) parameters['replication'] = String(replication);
    if (blockSize !== undefined) parameters['blocksize'] = String(blockSize);
    // The first step changes nothing.
    const operation = { method: 'PUT', op: 'CREATE', path, parameters, repeat: 'harmless' } as const;
    return new Writing(`create ${path}`, await this.#upload(operation, signal), CREATED);
  }

  /**
   * Goes on with a file that is closed. Nothing in the protocol of the sink does so: an append is neither atomic, since
   * one that is cut off leaves what has arrived, nor can it be repeated where its answer is lost.
   */
  async append(path: string, signal: AbortSignal): Promise<Writing> {
    // The first step changes nothing.
    const operation = { method: 'POST', op: 'APPEND', path, repeat: 'harmless' } as const;
    return new Writing(`append to ${path}`, await this.#upload(operation, signal), OK);
  }

  /** The bytes of a file. */
  async *read(path: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const operation = { method: 'GET', op: 'OPEN', path, repeat: 'harmless' } as const;
    const what = `read ${path}`;
    try {
      const answer = await this.#elsewhere(operation, signal, (request) => this.#http.download({ ...request, signal }));
      if ('body' in answer) throw remoteException(answer);
      for await (const chunk of answer) yield chunk as Buffer;
      if (!answer.complete) throw new Error('the answer was cut');
    } catch (error) {
      throw coded(what, error, signal);
    }
  }

  close(): void {
    this.#http.close();
  }

  #upload(operation: Operation, signal: AbortSignal): Promise<Upload> {
    return this.#elsewhere(operation, signal, async (request) => {
      const upload = this.#http.upload(request);
      await upload.connected(signal);
      return upload;
    });
  }

  /**
   * Goes where the NameNode says, and where nobody is, asks it for another place. It sends us to a DataNode that has
   * died until it misses it, which takes ten minutes, and to one on our own machine before all others.
   */
  async #elsewhere<T>(operation: Operation, signal: AbortSignal, go: (to: HttpRequest) => Promise<T>): Promise<T> {
    const absent = new Set<string>();
    for (let tried = 1; ; tried++) {
      const parameters = { ...operation.parameters, ...(absent.size > 0 && { excludedatanodes: [...absent].join() }) };
      const request = await this.#nodes.redirected({ ...operation, parameters }, signal);
      try {
        return await go(request);
      } catch (error) {
        const isAbsent = error instanceof NotSent && !isUntrusted(error.cause ?? {});
        if (!isAbsent || tried === MOST_DATANODES) throw coded(describe(operation), error, signal);
        // NameNodes know DataNodes by address, and send us to them by name.
        absent.add(error.address ?? request.url.hostname);
      }
    }
  }

  async #askJson<T>(operation: Operation, signal: AbortSignal): Promise<T> {
    const { body } = await this.#nodes.ask(operation, signal);
    try {
      return JSON.parse(body.toString('utf8')) as T;
    } catch (error) {
      throw filesErrors.FILES_STORE_UNAVAILABLE(`${describe(operation)}: the answer is no JSON`, { cause: error });
    }
  }

  async #askBoolean(operation: Operation, signal: AbortSignal): Promise<boolean> {
    return (await this.#askJson<{ boolean: boolean }>(operation, signal)).boolean;
  }
}

interface WireStatus {
  readonly pathSuffix: string;
  readonly type: 'FILE' | 'DIRECTORY' | 'SYMLINK';
  readonly length: number;
  readonly fileId: number;
  readonly blockSize: number;
  /** Left out where it is not so. */
  readonly encBit?: boolean;
}

interface WireListing {
  readonly DirectoryListing: {
    readonly partialListing: { readonly FileStatuses: { readonly FileStatus: readonly WireStatus[] } };
    readonly remainingEntries: number;
  };
}

function toStatus({ pathSuffix, type, length, fileId, blockSize, encBit }: WireStatus): FileStatus {
  const encrypted = encBit === true;
  return { name: pathSuffix, directory: type === 'DIRECTORY', length, fileId: String(fileId), blockSize, encrypted };
}
