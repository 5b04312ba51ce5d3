import assert from 'node:assert/strict';
import {
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { ConnectorDeadLetters } from '../../src/loader/dead-letters.ts';
import { deadLetterTopic } from '../../src/log/dead-letter.ts';
import type { FilesConfig } from '../../src/sinks/files/config.ts';
import type { Manifest } from '../../src/sinks/files/manifest.ts';
import { createFilesSink } from '../../src/sinks/files/sink.ts';
import { LocalFileStore } from '../../src/sinks/files/stores/local.ts';
import { verifyFiles } from '../../src/sinks/files/verify/verify.ts';
import { isSound } from '../../src/sinks/verification.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import type { FilesChanges } from '../support/files.ts';
import { filesConfigWith } from '../support/files.ts';
import { recordAt } from '../support/records.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { openTestLog } from '../support/test-log.ts';

const CONNECTOR = 'files';
const TO = { topic: 'select-color', partition: 0 };
const RECORDS = 60;
const A_COMMIT = 20;

/** A store in which something happens before one of its listings. */
class BusyStore extends LocalFileStore {
  #listings = Number.POSITIVE_INFINITY;
  #meanwhile = async () => {};

  /** Before the listing after so many. */
  before(listings: number, meanwhile: () => Promise<void>): void {
    this.#listings = listings;
    this.#meanwhile = meanwhile;
  }

  get isOver(): boolean {
    return this.#listings < 0;
  }

  override async list(directory: string, signal: AbortSignal) {
    if (this.#listings-- === 0) await this.#meanwhile();
    return super.list(directory, signal);
  }
}

/** A log with records, some of which can't stand in a file, loaded into files. */
class Loaded {
  readonly #t: TestContext;
  readonly config: FilesConfig;
  readonly #store: BusyStore;
  readonly #log: Awaited<ReturnType<typeof openTestLog>>;
  readonly #root: string;
  #loaded = 0;

  private constructor(t: TestContext, log: Awaited<ReturnType<typeof openTestLog>>, given: FilesChanges) {
    this.#t = t;
    this.#log = log;
    this.config = filesConfigWith({ roll: { records: A_COMMIT }, ...given });
    this.#root = temporaryDirectory(t);
    this.#store = new BusyStore(this.#root);
  }

  static async make(t: TestContext, given: FilesChanges = {}, refused = 0): Promise<Loaded> {
    const loaded = new Loaded(t, await openTestLog(t), given);
    await loaded.#log.admin.createTopic(TO.topic, { partitions: 1 });
    await loaded.#log.admin.createTopic(deadLetterTopic(CONNECTOR), { partitions: 1 });
    await loaded.load(RECORDS, refused);
    return loaded;
  }

  /** Makes it so that before the n-th listing of the store other records are loaded. */
  loadBefore(listings: number): { readonly hasHappened: () => boolean } {
    this.#store.before(listings, () => this.load(A_COMMIT));
    return { hasHappened: () => this.#store.isOver };
  }

  /** Moves a finished file back to where it was before: as if its writer had been killed before it finished it. */
  unfinish(file: string): void {
    const [manifests = ''] = globSync('_millrace/commits/*', { cwd: this.#root });
    const newest = readdirSync(path.join(this.#root, manifests)).sort().at(-1)!;
    const [line = ''] = readFileSync(path.join(this.#root, manifests, newest), 'utf8').split('\n');
    const { files } = JSON.parse(line) as Manifest;
    const { temporary } = files.find(({ final }) => path.join(this.#root, final) === file)!;
    mkdirSync(path.dirname(path.join(this.#root, temporary)), { recursive: true });
    renameSync(file, path.join(this.#root, temporary));
  }

  async findings() {
    const { log, store } = { log: this.#log, store: this.#store };
    const { guarantee } = this.config;
    const found = await verifyFiles({
      ...{ log, store, guarantee, connector: CONNECTOR, topics: [TO.topic], signal: this.#t.signal },
    });
    const { topic, partition, ...of } = found.find((one) => one.topic === TO.topic)!;
    assert.deepEqual({ topic, partition }, TO);
    return of;
  }

  /** The data files, in the order of their offsets. */
  get files(): string[] {
    return globSync('type=*/**/*.*', { cwd: this.#root })
      .sort()
      .map((file) => path.join(this.#root, file));
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
        ...{ connector: CONNECTOR, admin: this.#log.admin, clock: systemClock, logger: silentLogger },
        deadLetters: new ConnectorDeadLetters(producer, CONNECTOR, systemClock),
        dataDirectory: this.#root,
      },
      { namedTypes: [TO.topic], store: this.#store },
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

const GOOD = {
  ...{ from: 0, to: RECORDS, records: RECORDS, deadLettered: 0, stored: RECORDS },
  ...{ lost: 0, doubled: 0, unexpected: 0, corrupt: 0 },
};
const lines = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n');
const write = (file: string, content: readonly string[]) => writeFileSync(file, `${content.join('\n')}\n`);

const FORMATS: readonly FilesChanges[] = [
  {},
  { compression: 'gzip' },
  { compression: 'zstd' },
  { format: 'parquet', compression: 'snappy' },
  { guarantee: 'at-least-once' },
];

for (const given of FORMATS) {
  test(`verify finds nothing wrong where nothing is: ${JSON.stringify(given)}`, async (t) => {
    const loaded = await Loaded.make(t, given);
    assert.equal(loaded.files.length, RECORDS / A_COMMIT);
    assert.deepEqual(await loaded.findings(), GOOD);
  });
}

test('verify counts dead letters apart', async (t) => {
  const loaded = await Loaded.make(t, {}, 3);
  assert.deepEqual(await loaded.findings(), { ...GOOD, to: RECORDS + 3, records: RECORDS + 3, deadLettered: 3 });
});

for (const guarantee of ['exactly-once', 'at-least-once'] as const) {
  test(`verify finds what is planted, ${guarantee}`, async (t) => {
    const loaded = await Loaded.make(t, { guarantee });
    const [one = '', two = '', three = ''] = loaded.files;
    // No manifest says what a file without one should be.
    const corrupt = guarantee === 'exactly-once' ? 1 : 0;
    const whole = lines(two);

    write(two, whole.slice(1));
    assert.deepEqual(await loaded.findings(), { ...GOOD, stored: RECORDS - 1, lost: 1, corrupt });
    write(two, [...whole, whole[3]!]);
    assert.deepEqual(await loaded.findings(), { ...GOOD, stored: RECORDS + 1, doubled: 1, corrupt });
    write(two, [...whole, '{"id":"of nobody"}']);
    assert.deepEqual(await loaded.findings(), { ...GOOD, stored: RECORDS + 1, unexpected: 1, corrupt });
    write(two, whole);
    assert.deepEqual(await loaded.findings(), GOOD);

    truncateSync(three, 100);
    const cut = await loaded.findings();
    assert.equal(cut.corrupt, 1);
    assert.equal(cut.lost, A_COMMIT);
    rmSync(one);
    assert.equal((await loaded.findings()).lost, 2 * A_COMMIT);
  });
}

test('verify finds a byte that changed, and a file that is no longer compressed as it was', async (t) => {
  const loaded = await Loaded.make(t, { compression: 'gzip' });
  const [one = '', two = ''] = loaded.files;
  const content = readFileSync(one);
  content[content.length >> 1]! ^= 1;
  writeFileSync(one, content);
  truncateSync(two, 40);
  const found = await loaded.findings();
  assert.equal(found.corrupt, 2);
  assert.ok(!isSound({ ...TO, ...found }));
  assert.equal(found.lost, 2 * A_COMMIT);
});

test('verify looks only at what the log still holds', async (t) => {
  const loaded = await Loaded.make(t);
  await loaded.drop(A_COMMIT + 5);
  const found = await loaded.findings();
  assert.equal(found.records, RECORDS - found.from);
  assert.ok(isSound({ ...TO, ...found }));
});

for (const guarantee of ['exactly-once', 'at-least-once'] as const) {
  test(`verify finds nothing wrong while loading goes on, ${guarantee}`, async (t) => {
    for (let listings = 0; ; listings++) {
      const loaded = await Loaded.make(t, { guarantee });
      const { hasHappened } = loaded.loadBefore(listings);
      const found = await loaded.findings();
      if (!hasHappened()) break;
      assert.ok(isSound({ ...TO, ...found }), JSON.stringify({ listings, ...found }));
    }
  });
}

test('verify finishes what a killed writer had committed, and finds it lost if it is nowhere', async (t) => {
  const loaded = await Loaded.make(t);
  const newest = loaded.files.at(-1)!;
  loaded.unfinish(newest);
  assert.deepEqual(await loaded.findings(), GOOD);
  rmSync(newest);
  const found = await loaded.findings();
  assert.equal(found.lost, A_COMMIT);
});
