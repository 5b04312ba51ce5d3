import assert from 'node:assert/strict';
import { globSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { ConnectorDeadLetters } from '../../src/loader/dead-letters.ts';
import { deadLetterTopic } from '../../src/log/dead-letter.ts';
import type { FilesConfig } from '../../src/sinks/files/config.ts';
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

/** A log with records, some of which can't stand in a file, loaded into files. */
class Loaded {
  readonly #t: TestContext;
  readonly config: FilesConfig;
  readonly #store: LocalFileStore;
  readonly #log: Awaited<ReturnType<typeof openTestLog>>;
  readonly #root: string;

  private constructor(t: TestContext, log: Awaited<ReturnType<typeof openTestLog>>, given: FilesChanges) {
    this.#t = t;
    this.#log = log;
    this.config = filesConfigWith({ roll: { records: A_COMMIT }, ...given });
    this.#root = temporaryDirectory(t);
    this.#store = new LocalFileStore(this.#root);
  }

  static async make(t: TestContext, given: FilesChanges = {}, refused = 0): Promise<Loaded> {
    const loaded = new Loaded(t, await openTestLog(t), given);
    await loaded.#load(refused);
    return loaded;
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

  async #load(refused: number): Promise<void> {
    await this.#log.admin.createTopic(TO.topic, { partitions: 1 });
    await this.#log.admin.createTopic(deadLetterTopic(CONNECTOR), { partitions: 1 });
    const producer = this.#log.producer();
    const bad = { ...recordAt(0), value: Buffer.from('not an event') };
    const good = Array.from({ length: RECORDS }, (_, i) => recordAt(i));
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
    const { records } = await this.#log.read({ ...TO, offset: 0 });
    await writer.write(records, this.#t.signal);
    await writer.flush(this.#t.signal);
    await writer.abandon();
    await sink.close();
    await this.#log.admin.alterPositions(`connect-${CONNECTOR}`, [{ ...TO, offset: RECORDS + refused }]);
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
