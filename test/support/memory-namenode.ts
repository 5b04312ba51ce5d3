import path from 'node:path';
import { filesErrors } from '../../src/sinks/files/errors.ts';
import type { HdfsRequests } from '../../src/sinks/files/stores/hdfs/store.ts';
import type { Intercept } from './gate.ts';

const BLOCK_BYTES = 128 << 20;

interface Inode {
  readonly id: string;
  /** What a reader would see. Of a file that nobody closed: nothing, although it looks like any other. */
  content: Buffer;
  open: boolean;
}

/** The files of an HDFS, in memory; shared by all clients. */
export class MemoryNameNode {
  readonly #root: string;
  readonly #files = new Map<string, Inode>();
  readonly #directories = new Set(['/']);
  #lastId = 0;
  /** Called after anything has changed. */
  onChange = () => {};

  /** All paths that are given out are relative to `root`. */
  constructor(root: string) {
    this.#root = root;
  }

  /** The content of all files by path below the root. */
  get content(): ReadonlyMap<string, Buffer> {
    return new Map([...this.#files].map(([file, { content }]) => [path.posix.relative(this.#root, file), content]));
  }

  client(intercept: Intercept = async (_request, act) => act()): HdfsRequests {
    const nameNode = this;
    const ask: Intercept = (request, act) =>
      intercept({ ...request, path: path.posix.relative(this.#root, request.path) }, act);
    return {
      homeDirectory: async () => '/user/test',
      status: (file) => ask({ name: 'status', path: file }, () => this.#status(file)),
      list: (directory) =>
        ask({ name: 'list', path: directory }, () =>
          [...this.#files.keys(), ...this.#directories].flatMap((other) =>
            other !== '/' && path.posix.dirname(other) === directory ? (this.#status(other) ?? []) : [],
          ),
        ),
      makeDirectory: (directory) => ask({ name: 'makeDirectory', path: directory }, () => this.#make(directory)),
      rename: (from, to) => ask({ name: 'rename', path: to }, () => this.#rename(from, to)),
      concat: (target, sources) => ask({ name: 'concat', path: target }, () => this.#concat(target, sources)),
      remove: (file) => ask({ name: 'remove', path: file }, () => this.#remove(file)),
      create: async (file) => {
        const inode = await ask({ name: 'create', path: file }, () => this.#create(file));
        return new MemoryWriting(file, inode, ask, (inode) => this.#isThere(inode), this);
      },
      read: async function* (file) {
        yield await ask({ name: 'read', path: file }, () => nameNode.#read(file));
      },
      close: () => {},
      contentSummary: notInThisTest,
      serverDefaults: notInThisTest,
    };
  }

  #status(file: string) {
    const inode = this.#files.get(file);
    const directory = this.#directories.has(file);
    if (!inode && !directory) return undefined;
    const name = path.posix.basename(file);
    const length = inode?.content.length ?? 0;
    return { name, directory, length, fileId: inode?.id ?? '', blockSize: BLOCK_BYTES, encrypted: false };
  }

  #make(directory: string): void {
    if (this.#files.has(directory)) throw filesErrors.FILES_PATH_OCCUPIED(directory);
    for (let at = directory; at !== '/'; at = path.posix.dirname(at)) this.#directories.add(at);
  }

  /** RENAME with `renameoptions=NONE`. */
  #rename(from: string, to: string): 'done' | 'occupied' | 'gone' {
    if (!this.#status(from)) return 'gone';
    if (this.#status(to)) return 'occupied';
    if (!this.#directories.has(path.posix.dirname(to))) throw filesErrors.FILES_STORE_UNAVAILABLE('no such parent');
    const inode = this.#files.get(from);
    if (inode) {
      this.#files.delete(from);
      this.#files.set(to, inode);
    } else {
      this.#directories.delete(from);
      this.#directories.add(to);
    }
    this.onChange();
    return 'done';
  }

  #concat(target: string, sources: readonly string[]): 'done' | 'gone' {
    const [inode, ...others] = [target, ...sources].map((file) => this.#files.get(file));
    if (!inode || others.includes(undefined)) return 'gone';
    inode.content = Buffer.concat([inode, ...others].map((other) => other!.content));
    for (const source of sources) this.#files.delete(source);
    this.onChange();
    return 'done';
  }

  #remove(file: string): boolean {
    const wasThere = this.#status(file) !== undefined;
    for (const all of [this.#files, this.#directories]) {
      for (const other of all.keys()) if (other === file || other.startsWith(`${file}/`)) all.delete(other);
    }
    this.onChange();
    return wasThere;
  }

  #create(file: string): Inode {
    if (this.#status(file)) throw filesErrors.FILES_PATH_OCCUPIED(file);
    this.#make(path.posix.dirname(file));
    const inode = { id: `${++this.#lastId}`, content: Buffer.alloc(0), open: true };
    this.#files.set(file, inode);
    this.onChange();
    return inode;
  }

  #read(file: string): Buffer {
    const inode = this.#files.get(file);
    if (!inode) throw filesErrors.FILES_GONE(file);
    return inode.content;
  }

  #isThere(inode: Inode): boolean {
    return [...this.#files.values()].includes(inode);
  }
}

/** An upload: one stream, so that nothing of it arrives after a piece that did not. */
class MemoryWriting {
  readonly #file: string;
  readonly #inode: Inode;
  readonly #ask: Intercept;
  readonly #isThere: (inode: Inode) => boolean;
  readonly #nameNode: MemoryNameNode;
  #written: Buffer[] = [];
  #failure: unknown;

  constructor(
    file: string,
    inode: Inode,
    ask: Intercept,
    isThere: (inode: Inode) => boolean,
    nameNode: MemoryNameNode,
  ) {
    this.#file = file;
    this.#inode = inode;
    this.#ask = ask;
    this.#isThere = isThere;
    this.#nameNode = nameNode;
  }

  throwIfEnded(): void {
    if (this.#failure !== undefined) throw this.#failure;
    // As when the lease of a file that was removed is asked for.
    if (!this.#isThere(this.#inode)) throw filesErrors.FILES_STORE_UNAVAILABLE(`${this.#file} was removed`);
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.throwIfEnded();
    const copy = Buffer.from(chunk);
    await this.#send('write', () => {
      if (this.#failure === undefined) this.#written.push(copy);
    });
  }

  async end(): Promise<void> {
    this.throwIfEnded();
    await this.#send('end', () => {
      this.throwIfEnded();
      this.#inode.content = Buffer.concat(this.#written);
      this.#inode.open = false;
      this.#nameNode.onChange();
    });
  }

  /** What was cut off looks complete. */
  abandon(): void {
    this.#failure ??= new Error('abandoned');
    this.#inode.open = false;
  }

  async #send(name: string, act: () => void): Promise<void> {
    try {
      await this.#ask({ name, path: this.#file }, act);
    } catch (error) {
      // A close may still arrive; nothing that was sent before it can be sent again.
      if (name === 'write') this.#failure ??= error;
      throw error;
    }
  }
}

async function notInThisTest(): Promise<never> {
  throw new Error('not in this test');
}
