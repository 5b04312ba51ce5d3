import assert from 'node:assert/strict';
import type { LogRecord } from '../../src/log/log.ts';
import { TYPE_HEADER } from '../../src/log/log.ts';
import { takeOwnership } from '../../src/sinks/files/owner.ts';
import { WORK } from '../../src/sinks/files/paths.ts';
import { createFilesSink } from '../../src/sinks/files/sink.ts';
import type { FileStore } from '../../src/sinks/files/stores/file-store.ts';
import { HdfsFileStore } from '../../src/sinks/files/stores/hdfs/store.ts';
import { S3FileStore } from '../../src/sinks/files/stores/s3/store.ts';
import type { PartitionWriter, Sink } from '../../src/sinks/sink.ts';
import type { Clock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { TestAdmin } from './admin.ts';
import { filesConfigWith } from './files.ts';
import type { Intercept } from './gate.ts';
import { Gate, UnderWay } from './gate.ts';
import { MemoryBucket } from './memory-bucket.ts';
import { MemoryNameNode } from './memory-namenode.ts';
import { START } from './records.ts';

export const SERVERS = ['hdfs', 's3'] as const;
export type ServerName = (typeof SERVERS)[number];

const PARTITION = { topic: 'select-color', partition: 0 };
/** Two of them, so that a commit has several files. */
const TYPES = ['a', 'b'];
/** Records that a loader gets at once: a commit ends in the midst of them. */
const BATCH = 3;
/** Records of a file, at which all are committed. */
const A_FILE = 2;
/** How often a loader begins anew. */
const MOST_TRIES = 40;
const PATH = 'type={type}/date={yyyy-MM-dd}/hour={HH}';

const { signal } = new AbortController();

/** A clock on which waiting takes no time. */
const clock: Clock = { now: () => START, monotonic: () => 0, sleep: async () => {} };

/** What a store of files stands on, in memory. */
interface Server {
  readonly store: (intercept?: Intercept) => FileStore;
  /** All that has a name. */
  readonly content: () => ReadonlyMap<string, Buffer>;
  /** Uploads that were begun and not ended. */
  readonly leftOpen: () => readonly { readonly key: string }[];
  /** The keys of uploads that whoever cleans up will find. */
  readonly marked: () => ReadonlySet<string>;
  readonly watch: (onChange: () => void) => void;
}

const MAKE_SERVER: Readonly<Record<ServerName, () => Server>> = {
  hdfs: () => {
    const root = '/files';
    const nameNode = new MemoryNameNode(root);
    const config = { namenodes: ['http://namenode:9870'], path: root, headers: {}, deadline: 30_000 };
    return {
      store: (intercept) => new HdfsFileStore(config as never, async () => nameNode.client(intercept)),
      content: () => nameNode.content,
      leftOpen: () => [],
      marked: () => new Set(),
      watch: (onChange) => {
        nameNode.onChange = onChange;
      },
    };
  },
  s3: () => {
    const bucket = new MemoryBucket();
    const config = { bucket: 'bucket', partBytes: 5 << 20, memory: 16 << 20 };
    return {
      store: (intercept) => new S3FileStore(config as never, bucket.client(intercept)),
      content: () => bucket.content,
      leftOpen: () => bucket.openUploads,
      marked: () => {
        const markers = [...bucket.content].filter(([path]) => path.startsWith(`${WORK}/tmp/`));
        return new Set(markers.map(([, content]) => String(JSON.parse(content.toString('utf8')).final)));
      },
      watch: (onChange) => {
        bucket.onChange = onChange;
      },
    };
  },
};

/**
 * A partition of the log, loaders that load it with the real sink into the real store over one
 * server in memory, and whoever decides what becomes of each request of each loader.
 */
export class SinkModel {
  readonly #underWay = new UnderWay();
  /** What nobody could know of: it began, or was forgotten, by a request that outlived its program. */
  readonly #late = new Set<unknown>();
  readonly #server: Server;
  readonly #admin = new TestAdmin();
  /** What was wrong at some moment, even if nothing is in the end. */
  #violation: Error | undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.watch(() => this.#check());
  }

  static async make(name: ServerName): Promise<SinkModel> {
    const model = new SinkModel(MAKE_SERVER[name]());
    const store = model.#server.store();
    await store.open(signal);
    await takeOwnership(store, { connector: 'test', logId: model.#admin.id }, () => crypto.randomUUID(), signal);
    return model;
  }

  /** A loader that waits before every request until it is told to go on. */
  async loader(records: number): Promise<Gate> {
    const gate = new Gate(this.#underWay);
    let isOpen = true;
    const sink = this.#sink((request, act) => (isOpen ? Promise.resolve(act()) : gate.intercept(request, act)));
    // Opening changes nothing for others.
    await sink.open(signal);
    isOpen = false;
    gate.watch(this.#load(sink, records));
    return gate;
  }

  /** A loader that meets no faults loads the rest. */
  async finish(records: number): Promise<void> {
    const sink = this.#sink();
    await sink.open(signal);
    await this.#load(sink, records);
  }

  /** Nothing was wrong at any moment, each record stands in one finished file, and nothing is left behind. */
  verify(records: number): void {
    if (this.#violation) throw this.#violation;
    assert.deepEqual(this.#stored(), upTo(records));
    const left = [...this.#server.content().keys()].filter((path) => path.startsWith(`${WORK}/tmp/`));
    assert.deepEqual(left, []);
    assert.deepEqual(
      this.#server.leftOpen().filter((open) => !this.#late.has(open)),
      [],
    );
  }

  /** Requests that were still on their way arrive. */
  deliver(): void {
    const known = this.#server.marked();
    this.#underWay.deliver();
    const stillKnown = this.#server.marked();
    for (const open of this.#server.leftOpen()) {
      if (!known.has(open.key) || !stillKnown.has(open.key)) this.#late.add(open);
    }
  }

  #sink(intercept?: Intercept): Sink {
    const context = {
      connector: 'test',
      admin: this.#admin,
      deadLetters: { put: async () => {} },
      clock,
      logger: silentLogger,
      dataDirectory: '/nowhere',
    };
    const store = this.#server.store(intercept);
    return createFilesSink(filesConfigWith({ path: PATH, roll: { records: A_FILE } }), context, {
      namedTypes: TYPES,
      store,
    });
  }

  /** What a loader does: begin anew after any error, and tell the log how far it is. */
  async #load(sink: Sink, records: number): Promise<void> {
    for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
      let writer: PartitionWriter | undefined;
      try {
        writer = await sink.partition(PARTITION, signal);
        this.#advance(writer.resumeOffset());
        for (let next = writer.resumeOffset() ?? 0; next < records; next += BATCH) {
          const batch = Array.from({ length: Math.min(BATCH, records - next) }, (_, i) => recordAt(next + i));
          this.#advance((await writer.write(batch, signal)).durableUpTo);
        }
        this.#advance((await writer.flush(signal)).durableUpTo);
        return;
      } catch {
        // As after any error: give up, and ask for the partition again.
      } finally {
        await writer?.abandon();
      }
    }
  }

  /** The position of the group, below which nobody looks again. */
  #advance(position: number | undefined): void {
    const [before] = this.#admin.positions;
    if (position === undefined || position <= (before?.offset ?? 0)) return;
    this.#admin.positions = [{ ...PARTITION, offset: position }];
    this.#hold(() => {
      const missing = upTo(position).filter((offset) => !this.#stored().includes(offset));
      assert.deepEqual(missing, [], `not all below the position ${position} is stored`);
    });
  }

  /** What a reader sees at any moment: whole files, and no record twice. */
  #check(): void {
    this.#hold(() => {
      const stored = this.#stored();
      assert.equal(new Set(stored).size, stored.length, `a record stands twice in ${stored}`);
    });
  }

  #hold(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#violation ??= error as Error;
    }
  }

  /** The offsets of the records in finished files, ascending. */
  #stored(): number[] {
    const offsets: number[] = [];
    for (const [path, content] of this.#server.content()) {
      if (path.startsWith(`${WORK}/`)) continue;
      const lines = content.toString('utf8').split('\n');
      assert.equal(lines.pop(), '', `${path} ends in mid-line`);
      assert.ok(lines.length > 0, `${path} is empty`);
      for (const line of lines) {
        const { offset } = JSON.parse(line) as { offset: number };
        assert.equal(line, valueAt(offset));
        offsets.push(offset);
      }
    }
    return offsets.sort((a, b) => a - b);
  }
}

function recordAt(offset: number): LogRecord {
  const type = TYPES[offset % TYPES.length] ?? '';
  return { offset, timestamp: START, headers: { [TYPE_HEADER]: type }, value: Buffer.from(valueAt(offset)) };
}

function valueAt(offset: number): string {
  return JSON.stringify({ offset });
}

function upTo(end: number): number[] {
  return Array.from({ length: end }, (_, offset) => offset);
}
