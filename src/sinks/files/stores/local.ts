import type { BigIntStats } from 'node:fs';
import { constants, createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { link, lstat, mkdir, open, readdir, rm, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { MillraceError, messageOf } from '../../../support/errors.ts';
import { filesErrors } from '../errors.ts';
import type { Entry, FilePaths, FileStore, PreparedFile, SealedFile, StagedFile } from './file-store.ts';

/** How much of a file is read at once. */
const READ_BYTES = 1 << 20;

/** How FAT and some network file systems refuse `link`. */
const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Files on a disk of this machine. The fence is `link`, which never overwrites (`rename` does), and
 * durability is fsync of the file and of every folder that gained or lost a name. The calls are
 * short and cannot be cancelled in the kernel, so signals are only looked at between them.
 */
export class LocalFileStore implements FileStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = path.resolve(root);
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await coded(this.#root, () => makeDurably(this.#root));
  }

  async stage(paths: FilePaths, signal: AbortSignal): Promise<StagedFile> {
    signal.throwIfAborted();
    const file = this.#resolve(paths.temporary);
    this.#resolve(paths.final);
    return coded(paths.temporary, async () => {
      await makeDurably(path.dirname(file));
      return new LocalStagedFile(paths, file, await open(file, 'wx'));
    });
  }

  async makeDirectories(directories: readonly string[], signal: AbortSignal): Promise<void> {
    for (const directory of directories) {
      signal.throwIfAborted();
      await coded(directory, () => makeDurably(this.#resolve(directory)));
    }
  }

  async finish(files: readonly SealedFile[], signal: AbortSignal): Promise<readonly SealedFile[]> {
    const missing: SealedFile[] = [];
    const linked: SealedFile[] = [];
    for (const file of files) {
      signal.throwIfAborted();
      const there = await coded(file.final, () => this.#linkFinal(file));
      (there ? linked : missing).push(file);
    }
    // The new names first: a crash that kept only the unlinks would lose the files.
    await this.#sync(linked.map((file) => file.final));
    // Their removal need not be durable: a source that comes back is the same file, linked twice.
    for (const file of linked) await coded(file.temporary, () => remove(this.#resolve(file.temporary)));
    return missing;
  }

  async discard(temporary: string, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    return coded(temporary, () => remove(this.#resolve(temporary)));
  }

  async prepare(file: PreparedFile, content: Uint8Array, signal: AbortSignal): Promise<void> {
    const staged = await this.stage({ temporary: file.temporary, final: file.name }, signal);
    try {
      await staged.write(content, signal);
      await staged.seal(signal);
      await staged.close(signal);
    } catch (error) {
      await staged.discard();
      throw error;
    }
    await this.makeDirectories([path.posix.dirname(file.name)], signal);
    await this.#sync([file.temporary]);
  }

  async publishIfAbsent(file: PreparedFile, signal: AbortSignal): Promise<'won' | 'lost'> {
    signal.throwIfAborted();
    const [temporary, name] = [this.#resolve(file.temporary), this.#resolve(file.name)];
    return coded(file.name, async () => {
      try {
        await link(temporary, name);
      } catch (error) {
        if (NO_HARD_LINKS.has(codeOf(error) ?? '')) {
          throw filesErrors.FILES_STORE_UNFIT(`the file system of ${this.#root} takes no hard links`, { cause: error });
        }
        if (codeOf(error) !== 'EEXIST') throw error;
        const [mine, standing] = await Promise.all([statOf(temporary), statOf(name)]);
        if (!mine || !standing || storeIdOf(mine) !== storeIdOf(standing)) return 'lost';
      }
      await syncDirectory(path.dirname(name));
      await remove(temporary);
      return 'won';
    });
  }

  async withdraw(file: PreparedFile, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    const [temporary, name] = [this.#resolve(file.temporary), this.#resolve(file.name)];
    return coded(file.temporary, async () => {
      const mine = await statOf(temporary);
      if (!(await remove(temporary)) || !mine) return false;
      // A link may stand under both names; from here on no further one can be made.
      const standing = await statOf(name);
      return !standing || storeIdOf(standing) !== storeIdOf(mine);
    });
  }

  async list(directory: string, signal: AbortSignal): Promise<readonly Entry[]> {
    signal.throwIfAborted();
    return coded(directory, async () => {
      try {
        const entries = await readdir(this.#resolve(directory), { withFileTypes: true });
        return entries.map((entry) => ({ name: entry.name, directory: entry.isDirectory() }));
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return [];
        throw error;
      }
    });
  }

  async *read(file: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const stream = createReadStream(this.#resolve(file), { signal, highWaterMark: READ_BYTES });
    try {
      for await (const chunk of stream) yield chunk as Buffer;
    } catch (error) {
      throw codeError(file, error);
    }
  }

  async remove(file: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await coded(file, () => rm(this.#resolve(file), { recursive: true, force: true }));
  }

  /** Nothing is kept open between two calls. */
  async close(): Promise<void> {}

  #resolve(relative: string): string {
    const absolute = path.join(this.#root, relative);
    if (absolute === this.#root || absolute.startsWith(this.#root + path.sep)) return absolute;
    throw new RangeError('a path of the store leads out of it');
  }

  /** Whether the file stands at its final path; the name is not durable yet. */
  async #linkFinal(file: SealedFile): Promise<boolean> {
    const [temporary, final] = [this.#resolve(file.temporary), this.#resolve(file.final)];
    try {
      await link(temporary, final);
      return true;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST' && codeOf(error) !== 'ENOENT') throw error;
    }
    const standing = await statOf(final);
    if (!standing) {
      if (await statOf(temporary)) throw filesErrors.FILES_STORE_UNAVAILABLE(`the folder of ${file.final} is gone`);
      return false;
    }
    if (storeIdOf(standing) === file.storeId) return true;
    // A copy restored from a backup has other inodes, but final names are never used twice.
    if (Number(standing.size) === file.length && (await checksumOf(final)) === file.checksum) return true;
    throw filesErrors.FILES_PATH_OCCUPIED(`${file.final} is not the file that was committed`);
  }

  /** Makes the names in the folders of these paths durable, each folder once. */
  async #sync(paths: readonly string[]): Promise<void> {
    for (const directory of new Set(paths.map((file) => path.dirname(this.#resolve(file))))) {
      await coded(directory, () => syncDirectory(directory));
    }
  }
}

class LocalStagedFile implements StagedFile {
  readonly #paths: FilePaths;
  readonly #file: string;
  readonly #handle: FileHandle;
  #length = 0;
  #checksum = 0;

  constructor(paths: FilePaths, file: string, handle: FileHandle) {
    this.#paths = paths;
    this.#file = file;
    this.#handle = handle;
  }

  async write(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const writing = coded(this.#paths.temporary, async () => {
      for (let written = 0; written < chunk.length; ) {
        const { bytesWritten } = await this.#handle.write(chunk, written);
        written += bytesWritten;
      }
    });
    // While the disk is busy.
    this.#checksum = crc32(chunk, this.#checksum);
    this.#length += chunk.length;
    await writing;
  }

  async seal(signal: AbortSignal): Promise<SealedFile> {
    signal.throwIfAborted();
    const stats = await coded(this.#paths.temporary, () => this.#handle.stat({ bigint: true }));
    return { ...this.#paths, length: this.#length, checksum: this.#checksum, storeId: storeIdOf(stats) };
  }

  async close(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { temporary } = this.#paths;
    const { size } = await coded(temporary, async () => {
      await this.#handle.datasync();
      const stats = await this.#handle.stat();
      await this.#handle.close();
      return stats;
    });
    if (size === this.#length) return;
    throw filesErrors.FILES_LENGTH_MISMATCH(`${temporary} has ${size} bytes, of ${this.#length} that were written`);
  }

  async discard(): Promise<void> {
    await this.#handle.close().catch(() => {});
    await unlink(this.#file).catch(() => {});
  }
}

function storeIdOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}`;
}

async function statOf(file: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(file, { bigint: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function checksumOf(file: string): Promise<number> {
  let checksum = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: READ_BYTES })) {
    checksum = crc32(chunk as Buffer, checksum);
  }
  return checksum;
}

/** Says whether there was something to remove. */
async function remove(file: string): Promise<boolean> {
  try {
    await unlink(file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Makes a folder with its parents, and makes every new name durable. By hand, since Node's `recursive`
 * never ends where the system says ENOENT although the parent exists, as in /proc.
 */
async function makeDurably(directory: string): Promise<void> {
  if (await makeOne(directory)) return;
  await makeDurably(path.dirname(directory));
  if (await makeOne(directory)) return;
  throw filesErrors.FILES_NOT_PERMITTED(`${directory}: no folder can be made here`);
}

/** Makes a folder, unless it is there; `false` if its parent is missing. */
async function makeOne(directory: string): Promise<boolean> {
  try {
    await mkdir(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    const there = await stat(directory).catch(() => undefined);
    if (there?.isDirectory()) return true;
    throw error;
  }
  await syncDirectory(path.dirname(directory));
  return true;
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows cannot open a folder for fsync; NTFS journals names by itself.
  if (process.platform === 'win32') return;
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

async function coded<T>(file: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw codeError(file, error);
  }
}

/** What an error of the operating system means to the protocol. */
function codeError(file: string, error: unknown): unknown {
  if (error instanceof MillraceError || (error as Error).name === 'AbortError') return error;
  const message = `${file}: ${messageOf(error)}`;
  const options = { cause: error };
  switch (codeOf(error)) {
    case 'ENOENT':
      return filesErrors.FILES_GONE(message, options);
    case 'ENOSPC':
    case 'EDQUOT':
      return filesErrors.FILES_DISK_FULL(message, options);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
      return filesErrors.FILES_NOT_PERMITTED(message, options);
    // After a failed fsync the kernel forgets what it could not write: the next one would succeed.
    case 'EIO':
      return filesErrors.FILES_STORE_FAILED(message, options);
    default:
      return filesErrors.FILES_STORE_UNAVAILABLE(message, options);
  }
}
