import path from 'node:path';
import { crc32 } from 'node:zlib';
import { filesErrors } from '../../src/sinks/files/errors.ts';
import type {
  Entry,
  FilePaths,
  FileStore,
  Joining,
  PreparedFile,
  SealedFile,
  StagedFile,
} from '../../src/sinks/files/stores/file-store.ts';
import type { Intercept } from './gate.ts';

/** As if no more fitted into one request. */
const MOST_JOINED = 2;

interface MemoryFile {
  readonly id: string;
  /** Of a file that nobody closed: nothing. */
  content: Buffer;
}

/** What is stored; shared by the stores of all writers. */
export class MemoryDisk {
  readonly files = new Map<string, MemoryFile>();
  /** As when files are in a snapshot. */
  refusesToJoin = false;
  #lastId = 0;

  create(path: string): MemoryFile {
    const file = { id: `file-${++this.#lastId}`, content: Buffer.alloc(0) };
    this.files.set(path, file);
    return file;
  }

  /** Moves without overwriting, as HDFS does with RENAME NONE. */
  rename(from: string, to: string): 'done' | 'occupied' | 'gone' {
    const file = this.files.get(from);
    if (!file) return 'gone';
    if (this.files.has(to)) return 'occupied';
    this.files.delete(from);
    this.files.set(to, file);
    return 'done';
  }

  /** Joins all or none, as HDFS does with CONCAT. */
  concat(target: string, sources: readonly string[]): 'done' | 'gone' {
    if (this.refusesToJoin) throw filesErrors.FILES_JOIN_REFUSED(target);
    const [file, ...others] = [target, ...sources].map((path) => this.files.get(path));
    if (!file || others.includes(undefined)) return 'gone';
    file.content = Buffer.concat([file, ...others].map((other) => other!.content));
    for (const source of sources) this.files.delete(source);
    return 'done';
  }

  under(directory: string): string[] {
    const prefix = directory === '' ? '' : `${directory}/`;
    return [...this.files.keys()].filter((path) => path.startsWith(prefix));
  }
}

/** A store with the semantics of HDFS, in memory, every call of which the test can meddle with. */
export class MemoryFileStore implements FileStore {
  readonly joining?: Joining;
  readonly #disk: MemoryDisk;
  readonly #intercept: Intercept;

  constructor(disk: MemoryDisk, intercept: Intercept = async (_call, act) => act(), { joins = false } = {}) {
    this.#disk = disk;
    this.#intercept = intercept;
    if (joins) this.joining = new MemoryJoining(this, disk, intercept);
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {}

  makeDirectories(directories: readonly string[]): Promise<void> {
    return this.#intercept({ name: 'makeDirectories', path: directories[0] ?? '' }, () => {});
  }

  async stage(paths: FilePaths): Promise<StagedFile> {
    const file = await this.#intercept({ name: 'stage', path: paths.temporary }, () =>
      this.#disk.create(paths.temporary),
    );
    return new MemoryStagedFile(this.#disk, this.#intercept, paths, file);
  }

  async finish(files: readonly SealedFile[]): Promise<readonly SealedFile[]> {
    const missing: SealedFile[] = [];
    for (const file of files) {
      const isThere = await this.#intercept({ name: 'finish', path: file.final }, () => this.#finish(file));
      if (!isThere) missing.push(file);
    }
    return missing;
  }

  discard(temporary: string): Promise<boolean> {
    return this.#intercept({ name: 'discard', path: temporary }, () => this.#disk.files.delete(temporary));
  }

  prepare(file: PreparedFile, content: Uint8Array): Promise<void> {
    return this.#intercept({ name: 'prepare', path: file.name }, () => {
      this.#disk.create(file.temporary).content = Buffer.from(content);
    });
  }

  publishIfAbsent(file: PreparedFile): Promise<'won' | 'lost'> {
    return this.#intercept({ name: 'publishIfAbsent', path: file.name }, () => {
      const outcome = this.#disk.rename(file.temporary, file.name);
      if (outcome === 'gone') throw filesErrors.FILES_GONE(file.temporary);
      return outcome === 'done' ? 'won' : 'lost';
    });
  }

  withdraw(file: PreparedFile): Promise<boolean> {
    return this.#intercept({ name: 'withdraw', path: file.name }, () => this.#disk.files.delete(file.temporary));
  }

  list(directory: string): Promise<readonly Entry[]> {
    return this.#intercept({ name: 'list', path: directory }, () => {
      const entries = new Map<string, Entry>();
      for (const path of this.#disk.under(directory)) {
        const [name = '', ...below] = path.slice(directory === '' ? 0 : directory.length + 1).split('/');
        entries.set(name, { name, directory: below.length > 0 });
      }
      return [...entries.values()];
    });
  }

  async *read(path: string): AsyncIterable<Uint8Array> {
    yield await this.#intercept({ name: 'read', path }, () => {
      const file = this.#disk.files.get(path);
      if (!file) throw filesErrors.FILES_GONE(path);
      return file.content;
    });
  }

  remove(path: string): Promise<void> {
    return this.#intercept({ name: 'remove', path }, () => {
      this.#disk.files.delete(path);
      for (const below of this.#disk.under(path)) this.#disk.files.delete(below);
    });
  }

  #finish(file: SealedFile): boolean {
    if (this.#disk.rename(file.temporary, file.final) === 'done') return true;
    const standing = this.#disk.files.get(file.final);
    if (standing && standing.id !== file.storeId) throw filesErrors.FILES_PATH_OCCUPIED(file.final);
    return standing !== undefined;
  }
}

class MemoryJoining implements Joining {
  readonly #store: FileStore;
  readonly #disk: MemoryDisk;
  readonly #intercept: Intercept;

  constructor(store: FileStore, disk: MemoryDisk, intercept: Intercept) {
    this.#store = store;
    this.#disk = disk;
    this.#intercept = intercept;
  }

  headOf(files: readonly string[]): Promise<string | undefined> {
    return this.#intercept({ name: 'headOf', path: files[0] ?? '' }, () => {
      const all = files.map((path) => this.#disk.files.get(path));
      if (all.includes(undefined)) throw filesErrors.FILES_GONE(files.join());
      return all.some((file) => file!.content.length === 0) ? undefined : all[0]!.id;
    });
  }

  async join(target: string, sources: readonly string[], signal: AbortSignal): Promise<void> {
    for (;;) {
      const folder = path.posix.dirname(target);
      const standing = new Set((await this.#store.list(folder, signal)).map(({ name }) => `${folder}/${name}`));
      if (!standing.has(target)) throw filesErrors.FILES_GONE(target);
      const part = sources.filter((source) => standing.has(source)).slice(0, MOST_JOINED);
      if (part.length === 0) return;
      await this.#intercept({ name: 'concat', path: target }, () => this.#disk.concat(target, part));
    }
  }
}

class MemoryStagedFile implements StagedFile {
  readonly #disk: MemoryDisk;
  readonly #intercept: Intercept;
  readonly #paths: FilePaths;
  readonly #file: MemoryFile;
  #written = Buffer.alloc(0);

  constructor(disk: MemoryDisk, intercept: Intercept, paths: FilePaths, file: MemoryFile) {
    this.#disk = disk;
    this.#intercept = intercept;
    this.#paths = paths;
    this.#file = file;
  }

  write(chunk: Uint8Array): Promise<void> {
    const written = Buffer.concat([this.#written, chunk]);
    return this.#intercept({ name: 'write', path: this.#paths.temporary }, () => {
      this.#written = written;
    });
  }

  seal(): Promise<SealedFile> {
    return this.#intercept({ name: 'seal', path: this.#paths.temporary }, () => ({
      ...this.#paths,
      length: this.#written.length,
      checksum: crc32(this.#written),
      storeId: this.#file.id,
    }));
  }

  close(): Promise<void> {
    return this.#intercept({ name: 'close', path: this.#paths.temporary }, () => {
      this.#file.content = this.#written;
    });
  }

  async discard(): Promise<void> {
    const { temporary } = this.#paths;
    const remove = () => {
      if (this.#disk.files.get(temporary) === this.#file) this.#disk.files.delete(temporary);
    };
    await this.#intercept({ name: 'discard', path: temporary }, remove).catch(() => {});
  }
}
