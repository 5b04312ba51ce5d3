import assert from 'node:assert/strict';
import { globSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { ConnectorDeadLetters } from '../../src/loader/dead-letters.ts';
import { deadLetterTopic } from '../../src/log/dead-letter.ts';
import type { FilesConfig } from '../../src/sinks/files/config.ts';
import type { Manifest } from '../../src/sinks/files/manifest.ts';
import { createFilesSink } from '../../src/sinks/files/sink.ts';
import { LocalFileStore } from '../../src/sinks/files/stores/local.ts';
import { verifyFiles } from '../../src/sinks/files/verify/verify.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import type { FilesChanges } from './files.ts';
import { filesConfigWith } from './files.ts';
import { LocalJoining } from './local-joining.ts';
import { recordAt, START } from './records.ts';
import { temporaryDirectory } from './temporary.ts';
import { openTestLog } from './test-log.ts';

export const CONNECTOR = 'files';
export const TO = { topic: 'select-color', partition: 0 };
export const RECORDS = 60;
export const A_COMMIT = 20;

/** The events are of a fixed day: days later they would be late, and go elsewhere. */
const CLOCK = { ...systemClock, now: () => START };

type Meanwhile = 'list' | 'read';

/** A store in which something happens before one of its calls. */
class BusyStore extends LocalFileStore {
  joining?: LocalJoining;
  #name: Meanwhile = 'list';
  #calls = Number.POSITIVE_INFINITY;
  #meanwhile = async () => {};

  /** Before the call after so many. */
  before(name: Meanwhile, calls: number, meanwhile: () => Promise<void>): void {
    this.#name = name;
    this.#calls = calls;
    this.#meanwhile = meanwhile;
  }

  get isOver(): boolean {
    return this.#calls < 0;
  }

  override async list(directory: string, signal: AbortSignal) {
    await this.#count('list');
    return super.list(directory, signal);
  }

  override async *read(file: string, signal: AbortSignal) {
    await this.#count('read');
    yield* super.read(file, signal);
  }

  async #count(name: Meanwhile): Promise<void> {
    if (name === this.#name && this.#calls-- === 0) await this.#meanwhile();
  }
}

/** A log with records, some of which can't stand in a file, loaded into files. */
export class Loaded {
  readonly #t: TestContext;
  readonly config: FilesConfig;
  readonly store: BusyStore;
  readonly #log: Awaited<ReturnType<typeof openTestLog>>;
  readonly root: string;
  #loaded = 0;

  private constructor(t: TestContext, log: Awaited<ReturnType<typeof openTestLog>>, given: FilesChanges) {
    this.#t = t;
    this.#log = log;
    this.config = filesConfigWith({ roll: { records: A_COMMIT }, ...given });
    this.root = temporaryDirectory(t);
    this.store = new BusyStore(this.root);
  }

  static async make(t: TestContext, given: FilesChanges = {}, refused = 0): Promise<Loaded> {
    const loaded = new Loaded(t, await openTestLog(t), given);
    await loaded.#log.admin.createTopic(TO.topic, { partitions: 1 });
    await loaded.#log.admin.createTopic(deadLetterTopic(CONNECTOR), { partitions: 1 });
    await loaded.load(RECORDS, refused);
    return loaded;
  }

  /** Lets something happen before a call of the store, after so many others. */
  meanwhile(name: Meanwhile, calls: number, act: () => Promise<void>): { readonly hasHappened: () => boolean } {
    this.store.before(name, calls, act);
    return { hasHappened: () => this.store.isOver };
  }

  /** Gives the store what HDFS can do: to join files where they lie. */
  letJoin(): LocalJoining {
    const joining = new LocalJoining(this.root);
    this.store.joining = joining;
    return joining;
  }

  /** Moves a finished file back to where it was before: as if its writer had been killed before it finished it. */
  unfinish(file: string): void {
    const [manifests = ''] = globSync('_millrace/commits/*', { cwd: this.root });
    const newest = readdirSync(path.join(this.root, manifests)).sort().at(-1)!;
    const [line = ''] = readFileSync(path.join(this.root, manifests, newest), 'utf8').split('\n');
    const { files } = JSON.parse(line) as Manifest;
    const { temporary } = files.find(({ final }) => path.join(this.root, final) === file)!;
    mkdirSync(path.dirname(path.join(this.root, temporary)), { recursive: true });
    renameSync(file, path.join(this.root, temporary));
  }

  /** `mostHeld`: see VerifyFilesOptions. */
  async findings(mostHeld?: number) {
    const { log, store } = { log: this.#log, store: this.store };
    const { guarantee } = this.config;
    const found = await verifyFiles({
      ...{ log, store, guarantee, connector: CONNECTOR, topics: [TO.topic], signal: this.#t.signal },
      ...(mostHeld === undefined ? {} : { mostHeld }),
    });
    const { topic, partition, ...of } = found.find((one) => one.topic === TO.topic)!;
    assert.deepEqual({ topic, partition }, TO);
    return of;
  }

  /** The data files, in the order of their offsets. */
  get files(): string[] {
    return globSync('type=*/**/*.*', { cwd: this.root })
      .sort()
      .map((file) => path.join(this.root, file));
  }

  async drop(before: number): Promise<void> {
    await this.#log.admin.deleteRecords([{ ...TO, offset: before }]);
  }

  async load(count: number, refused = 0): Promise<void> {
    const offset = this.#loaded;
    this.#loaded += count + refused;
    const producer = this.#log.producer();
    const bad = { ...recordAt(0), value: Buffer.from('not an event') };
    const good = Array.from({ length: count }, (_, i) => recordAt(offset + i));
    await producer.send(TO, [...good, ...Array.from({ length: refused }, () => bad)]);
    const sink = createFilesSink(
      this.config,
      {
        ...{ connector: CONNECTOR, admin: this.#log.admin, clock: CLOCK, logger: silentLogger },
        deadLetters: new ConnectorDeadLetters(producer, CONNECTOR, CLOCK),
        dataDirectory: this.root,
      },
      { namedTypes: [TO.topic], store: this.store },
    );
    await sink.open(this.#t.signal);
    const writer = await sink.partition(TO, this.#t.signal);
    const { records } = await this.#log.read({ ...TO, offset });
    await writer.write(records, this.#t.signal);
    await writer.flush(this.#t.signal);
    await writer.abandon();
    await sink.close();
    await this.#log.admin.alterPositions(`connect-${CONNECTOR}`, [{ ...TO, offset: this.#loaded }]);
  }
}

/** What verify finds then. */
export const GOOD = {
  ...{ from: 0, to: RECORDS, records: RECORDS, deadLettered: 0, stored: RECORDS },
  ...{ lost: 0, doubled: 0, unexpected: 0, corrupt: 0 },
};
