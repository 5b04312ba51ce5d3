import path from 'node:path';
import { crc32 } from 'node:zlib';
import { readAuthorities } from '../../../../support/certificates.ts';
import type { MillraceError } from '../../../../support/errors.ts';
import { settleAll } from '../../../../support/settle-all.ts';
import { settlesWithin } from '../../../../support/within.ts';
import { filesErrors } from '../../errors.ts';
import type { Entry, FilePaths, FileStore, PreparedFile, SealedFile, StagedFile } from '../file-store.ts';
import type { HdfsStoreConfig } from './config.ts';
import { HdfsJoining } from './joining.ts';
import { examineQuotas } from './quotas.ts';
import type { FileStatus } from './webhdfs.ts';
import { WebHdfs } from './webhdfs.ts';
import type { Writing } from './writing.ts';

/** Renames under way at once: the NameNode does them one after another. */
const MOST_RENAMES = 16;
/** The pause before a file is looked for again that a DataNode is just about to make. */
const LOOK_MS = 10;
/** Folders that are remembered; a loader writes to a few at a time. */
const MOST_MADE = 1_000;
/** How long the end of an unwanted file may take. */
const DISCARD_MS = 3_000;
/** Who everyone is to HDFS that does not say who he is. */
const NOBODY = 'dr.who';
/** How a probe of the fence is called, below the work folder. */
const PROBE = '_millrace/tmp/probe';

/** What the store asks of a file that is being written. */
export type HdfsWriting = Pick<Writing, keyof Writing>;

/** What the store asks of HDFS. */
export interface HdfsRequests
  extends Pick<
    WebHdfs,
    | 'homeDirectory'
    | 'status'
    | 'list'
    | 'makeDirectory'
    | 'rename'
    | 'concat'
    | 'remove'
    | 'read'
    | 'contentSummary'
    | 'serverDefaults'
    | 'close'
  > {
  create(path: string, signal: AbortSignal): Promise<HdfsWriting>;
}

async function clientOf({ ca, ...config }: HdfsStoreConfig): Promise<WebHdfs> {
  const authorities = ca === undefined ? undefined : await readAuthorities(ca, filesErrors.FILES_HDFS_TLS);
  return new WebHdfs({ ...config, ca: authorities });
}

/**
 * Files in HDFS. The fence is RENAME with `renameoptions=NONE` of a closed file; a file is known
 * by its fileId, which it keeps when it is renamed. What HDFS keeps of an upload that was cut looks
 * complete, so nothing is renamed whose length was not checked.
 *
 * Reads must be consistent: the NameNodes must not be observers.
 */
export class HdfsFileStore implements FileStore {
  readonly joining = new HdfsJoining(
    () => this.#opened,
    (file) => this.#resolve(file),
  );
  readonly #config: HdfsStoreConfig;
  readonly #connect: () => Promise<HdfsRequests>;
  #client: HdfsRequests | undefined;
  /** Folders that were made and, as far as is known, stand: each commit would ask for the same ones. */
  readonly #made = new Set<string>();

  /** Tests replace the client. */
  constructor(config: HdfsStoreConfig, connect: () => Promise<HdfsRequests> = () => clientOf(config)) {
    this.#config = config;
    this.#connect = connect;
  }

  async open(signal: AbortSignal): Promise<void> {
    const client = await this.#connect();
    this.#client = client;
    const home = await client.homeDirectory(signal);
    if (path.posix.basename(home) === NOBODY) {
      throw filesErrors.FILES_HDFS_USER(`HDFS does not know who we are, and takes us for ${NOBODY}`);
    }
    await client.makeDirectory(this.#resolve(''), signal);
    await this.#checkFence(client, signal);
  }

  async stage(paths: FilePaths, signal: AbortSignal): Promise<StagedFile> {
    signal.throwIfAborted();
    this.#resolve(paths.final);
    return new HdfsStagedFile(this.#opened, paths, this.#resolve(paths.temporary), this.#config.deadline);
  }

  async makeDirectories(directories: readonly string[], signal: AbortSignal): Promise<void> {
    const unknown = directories.filter((directory) => !this.#made.has(directory));
    await Promise.all(unknown.map((directory) => this.#opened.makeDirectory(this.#resolve(directory), signal)));
    if (this.#made.size + unknown.length > MOST_MADE) this.#made.clear();
    for (const directory of unknown) this.#made.add(directory);
  }

  async finish(files: readonly SealedFile[], signal: AbortSignal): Promise<readonly SealedFile[]> {
    const missing: SealedFile[] = [];
    const left = files.values();
    const lane = async () => {
      for (const file of left) if (!(await this.#finish(file, signal))) missing.push(file);
    };
    await Promise.all(Array.from({ length: MOST_RENAMES }, lane));
    return missing;
  }

  async discard(temporary: string, signal: AbortSignal): Promise<boolean> {
    return this.#opened.remove(this.#resolve(temporary), signal);
  }

  async prepare(file: PreparedFile, content: Uint8Array, signal: AbortSignal): Promise<void> {
    const staged = await this.stage({ temporary: file.temporary, final: file.name }, signal);
    try {
      await staged.write(content, signal);
      // Not sealed: nobody asks for its number, and the DataNode may take a while until the file is there to be asked.
      await settleAll([staged.close(signal), this.makeDirectories([path.posix.dirname(file.name)], signal)]);
    } catch (error) {
      await staged.discard();
      throw error;
    }
  }

  async publishIfAbsent(file: PreparedFile, signal: AbortSignal): Promise<'won' | 'lost'> {
    const outcome = await this.#renameIn(this.#resolve(file.temporary), this.#resolve(file.name), signal);
    if (outcome === 'gone') throw filesErrors.FILES_GONE(`${file.temporary} is no longer there`);
    return outcome === 'done' ? 'won' : 'lost';
  }

  async withdraw(file: PreparedFile, signal: AbortSignal): Promise<boolean> {
    // What is gone can't be renamed any more, by a request that is still on its way either.
    return this.#opened.remove(this.#resolve(file.temporary), signal);
  }

  async list(directory: string, signal: AbortSignal): Promise<readonly Entry[]> {
    const entries = await this.#opened.list(this.#resolve(directory), signal);
    return entries.map(({ name, directory }) => ({ name, directory }));
  }

  read(file: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#opened.read(this.#resolve(file), signal);
  }

  async remove(file: string, signal: AbortSignal): Promise<void> {
    await this.#opened.remove(this.#resolve(file), signal);
  }

  examine(partitions: number, signal: AbortSignal): Promise<readonly (string | MillraceError)[]> {
    return examineQuotas(this.#opened, this.#config, partitions, signal);
  }

  async close(): Promise<void> {
    this.#client?.close();
  }

  get #opened(): HdfsRequests {
    if (!this.#client) throw new Error('the store is not open');
    return this.#client;
  }

  /** Resolves to whether the file stands at its final path. */
  async #finish(file: SealedFile, signal: AbortSignal): Promise<boolean> {
    const [from, to] = [this.#resolve(file.temporary), this.#resolve(file.final)];
    if ((await this.#rename(from, to, signal)) === 'done') return true;
    const standing = await this.#opened.status(to, signal);
    if (!standing) return false;
    if (standing.fileId === file.storeId) return true;
    throw filesErrors.FILES_PATH_OCCUPIED(`something else stands at ${file.final}`);
  }

  /** Renames into a folder that should stand; where that fails, none is taken for granted any more. */
  async #renameIn(from: string, to: string, signal: AbortSignal): Promise<'done' | 'occupied' | 'gone'> {
    try {
      return await this.#opened.rename(from, to, signal);
    } catch (error) {
      this.#made.clear();
      throw error;
    }
  }

  /** Renames, making the folder again that someone removed meanwhile. */
  async #rename(from: string, to: string, signal: AbortSignal): Promise<'done' | 'occupied' | 'gone'> {
    try {
      return await this.#renameIn(from, to, signal);
    } catch (error) {
      const parent = path.posix.dirname(to);
      if (await this.#opened.status(parent, signal)) throw error;
      await this.#opened.makeDirectory(parent, signal);
      return this.#opened.rename(from, to, signal);
    }
  }

  /** A gateway that ignores the option of the rename would let two writers win. Folders serve as well as files, and are made at once. */
  async #checkFence(client: HdfsRequests, signal: AbortSignal): Promise<void> {
    const probe = this.#resolve(`${PROBE}-${crypto.randomUUID()}`);
    try {
      await client.makeDirectory(`${probe}/a`, signal);
      await client.makeDirectory(`${probe}/b`, signal);
      const first = await client.rename(`${probe}/a`, `${probe}/c`, signal);
      const second = await client.rename(`${probe}/b`, `${probe}/c`, signal);
      if (first !== 'done' || second !== 'occupied') {
        throw filesErrors.FILES_STORE_UNFIT('a rename onto something that exists was not refused');
      }
    } finally {
      await client.remove(probe, signal).catch(() => {});
    }
  }

  #resolve(file: string): string {
    const components = file === '' ? [] : file.split('/');
    const isBad = components.some((name) => name === '' || name === '.' || name === '..' || name.includes(':'));
    if (isBad) throw filesErrors.FILES_HDFS_REFUSED(`${file} is no path below the root`);
    return [this.#config.path.replace(/\/+$/, ''), ...components].join('/');
  }
}

class HdfsStagedFile implements StagedFile {
  readonly #client: HdfsRequests;
  readonly #paths: FilePaths;
  readonly #file: string;
  readonly #deadlineMs: number;
  /** From the first bytes on: a file that waits for them need not be open. */
  #writing: HdfsWriting | undefined;
  #closed = false;
  #length = 0;
  #checksum = 0;

  constructor(client: HdfsRequests, paths: FilePaths, file: string, deadlineMs: number) {
    this.#client = client;
    this.#paths = paths;
    this.#file = file;
    this.#deadlineMs = deadlineMs;
  }

  async write(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    this.#writing ??= await this.#client.create(this.#file, signal);
    const writing = this.#writing.write(chunk, signal);
    // While the network is busy.
    this.#checksum = crc32(chunk, this.#checksum);
    this.#length += chunk.length;
    await writing;
  }

  async seal(signal: AbortSignal): Promise<SealedFile> {
    this.#writing ??= await this.#client.create(this.#file, signal);
    const { fileId } = await this.#appeared(this.#writing, signal);
    return { ...this.#paths, length: this.#length, checksum: this.#checksum, storeId: fileId };
  }

  async close(signal: AbortSignal): Promise<void> {
    await this.#writing!.end(signal);
    this.#closed = true;
    const status = await this.#client.status(this.#file, signal);
    if (status?.length === this.#length) return;
    throw filesErrors.FILES_LENGTH_MISMATCH(
      `${this.#paths.temporary} has ${status?.length ?? 'no'} bytes, of ${this.#length} that were written`,
    );
  }

  async discard(): Promise<void> {
    const writing = this.#writing;
    if (!writing) return;
    this.#writing = undefined;
    const signal = AbortSignal.timeout(DISCARD_MS);
    // Ended rather than cut: only then is it certain that it does not appear after its removal.
    if (!this.#closed && !(await settlesWithin(writing.end(signal), DISCARD_MS))) writing.abandon();
    await this.#client.remove(this.#file, signal).catch(() => {});
  }

  /** The DataNode makes the file when it gets to the request, which is not told; closes of other files can hold it up. */
  async #appeared(writing: HdfsWriting, signal: AbortSignal): Promise<FileStatus> {
    const end = performance.now() + this.#deadlineMs;
    while (performance.now() < end) {
      writing.throwIfEnded(signal);
      const status = await this.#client.status(this.#file, signal);
      if (status) return status;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    throw filesErrors.FILES_STORE_UNAVAILABLE(`${this.#paths.temporary} did not appear in HDFS`);
  }
}
