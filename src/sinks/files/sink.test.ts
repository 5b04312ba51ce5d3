import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { TestAdmin } from '../../../test/support/admin.ts';
import { TestClock } from '../../../test/support/clock.ts';
import type { FilesChanges } from '../../../test/support/files.ts';
import { filesConfigWith } from '../../../test/support/files.ts';
import { recordAt, START } from '../../../test/support/records.ts';
import { temporaryDirectory } from '../../../test/support/temporary.ts';
import { until } from '../../../test/support/until.ts';
import { silentLogger } from '../../support/logger.ts';
import type { PartitionWriter, Sink } from '../sink.ts';
import { PIECE_BYTES } from './formats/json-lines.ts';
import { listDataFiles, readBack, readDataFile } from './read-files.ts';
import { createFilesSink } from './sink.ts';
import { LocalFileStore } from './stores/local.ts';

const PARTITION = { topic: 'select-color', partition: 0 };
const DAY_MS = 86_400_000;

/** A files sink over a folder of the test's own, and what stands in it. */
class Fixture {
  readonly admin = new TestAdmin();
  readonly clock = new TestClock(START);
  readonly signal: AbortSignal;
  readonly store: LocalFileStore;
  readonly #directory: string;

  constructor(t: TestContext) {
    this.signal = t.signal;
    this.#directory = temporaryDirectory(t);
    this.store = new LocalFileStore(path.join(this.#directory, 'files'));
  }

  sink(config: FilesChanges = {}, connector = 'files'): Sink {
    const context = {
      connector,
      admin: this.admin,
      deadLetters: { put: async () => {} },
      clock: this.clock,
      logger: silentLogger,
      dataDirectory: this.#directory,
    };
    return createFilesSink(filesConfigWith(config), context, { namedTypes: ['select-color', 'a/b'] });
  }

  async writer(config: FilesChanges = {}): Promise<PartitionWriter> {
    const sink = this.sink(config);
    await sink.open(this.signal);
    return sink.partition(PARTITION, this.signal);
  }

  async load(from: number, count: number, config: FilesChanges = {}): Promise<void> {
    const writer = await this.writer(config);
    await writer.write(
      Array.from({ length: count }, (_, i) => recordAt(from + i)),
      this.signal,
    );
    await writer.flush(this.signal);
    await writer.abandon();
  }

  async files(): Promise<string[]> {
    return (await Array.fromAsync(listDataFiles(this.store, this.signal))).sort();
  }

  async folders(): Promise<string[]> {
    return (await this.files()).map((file) => path.posix.dirname(file));
  }
}

/** What is durable once the commit under way is through. */
async function durableOf(writer: PartitionWriter, signal: AbortSignal): Promise<number | undefined> {
  await writer.underway;
  return (await writer.write([], signal)).durableUpTo;
}

test('files stand in folders by type and hour; types that nobody named share one', async (t) => {
  const fixture = new Fixture(t);
  const writer = await fixture.writer();
  const types = ['select-color', '../../etc', 'a/b', 'select-color'];
  const records = types.map((type, i) => ({ ...recordAt(i), headers: { type } }));
  const later = { ...recordAt(4), timestamp: START + 3_600_000 };
  const withoutHeader = { offset: 5, timestamp: START, value: recordAt(5).value };
  await writer.write([...records, later, withoutHeader], fixture.signal);
  await writer.flush(fixture.signal);
  await writer.abandon();
  assert.deepEqual(await fixture.folders(), [
    'type=_other/date=2026-11-22/hour=12',
    'type=a%2Fb/date=2026-11-22/hour=12',
    'type=select-color/date=2026-11-22/hour=12',
    'type=select-color/date=2026-11-22/hour=13',
  ]);
  assert.equal((await Array.fromAsync(readBack(fixture.store, fixture.signal))).length, 6);
});

test('times that are days off share a folder, whatever they are', async (t) => {
  const fixture = new Fixture(t);
  const writer = await fixture.writer();
  const times = [0, START - 8 * DAY_MS, START + 8 * DAY_MS, Number.MAX_SAFE_INTEGER, Number.NaN, -1];
  const records = times.map((timestamp, i) => ({ ...recordAt(i), timestamp }));
  await writer.write(records, fixture.signal);
  await writer.flush(fixture.signal);
  await writer.abandon();
  const none = '__HIVE_DEFAULT_PARTITION__';
  assert.deepEqual(await fixture.folders(), [`type=select-color/date=${none}/hour=${none}`]);
});

test('no more files are open than the bound: one more commits all', async (t) => {
  const fixture = new Fixture(t);
  const writer = await fixture.writer({ openFiles: 3 });
  const records = Array.from({ length: 10 }, (_, i) => ({ ...recordAt(i), timestamp: START - i * 3_600_000 }));
  await writer.write(records, fixture.signal);
  await until('all but the last are stored', async () => (await durableOf(writer, fixture.signal)) === 9);
  await writer.flush(fixture.signal);
  await writer.abandon();
  assert.equal((await fixture.files()).length, 10);
});

test('a file is committed at its bound of records, and at its bound of bytes', async (t) => {
  const records = Array.from({ length: 25 }, (_, i) => recordAt(i));
  for (const [roll, durable] of [
    [{ records: 10, bytes: 1 << 30, age: 5_000 }, 20],
    [{ records: 1_000, bytes: (recordAt(10).value.length + 1) * 10 - 20, age: 5_000 }, 20],
  ] as const) {
    const fixture = new Fixture(t);
    const writer = await fixture.writer({ roll });
    await writer.write(records, fixture.signal);
    await until(`${durable} are stored`, async () => (await durableOf(writer, fixture.signal)) === durable);
    await writer.abandon();
  }
});

test('a flush is due when the oldest record has the age', async (t) => {
  const fixture = new Fixture(t);
  const writer = await fixture.writer({ roll: { records: 1_000, bytes: 1 << 30, age: 5_000 } });
  fixture.clock.advance(1_000);
  await writer.write([recordAt(0)], fixture.signal);
  fixture.clock.advance(2_000);
  await writer.write([recordAt(1)], fixture.signal);
  assert.equal(writer.flushDueAt(), 6_000);
  await writer.abandon();
});

test('a flush is due sooner when nothing has come for the idle time', async (t) => {
  const fixture = new Fixture(t);
  const writer = await fixture.writer({ roll: { idle: 1_500 } });
  assert.equal(writer.flushDueAt(), undefined);
  fixture.clock.advance(1_000);
  await writer.write([recordAt(0)], fixture.signal);
  assert.equal(writer.flushDueAt(), 2_500);
  fixture.clock.advance(1_000);
  await writer.write([recordAt(1)], fixture.signal);
  assert.equal(writer.flushDueAt(), 3_500);
  fixture.clock.advance(3_000);
  await writer.write([recordAt(2)], fixture.signal);
  assert.equal(writer.flushDueAt(), 6_000);
  await writer.abandon();
});

test('files of a window shorter than an hour sort by time, then by offset', async (t) => {
  const fixture = new Fixture(t);
  const writer = await fixture.writer({ roll: { window: 600_000 } });
  const minutes = [35, 5, 39, 9, 30];
  await writer.write(
    minutes.map((minute, i) => ({ ...recordAt(i), timestamp: START + minute * 60_000 })),
    fixture.signal,
  );
  await writer.flush(fixture.signal);
  await writer.abandon();
  const files = await fixture.files();
  const windows = files.map((file) => file.split('+').slice(4, 6));
  assert.deepEqual(windows, [
    ['20261122T120000Z', '00000000000000000001'],
    ['20261122T123000Z', '00000000000000000000'],
  ]);
  const counts = files.map(async (file) => (await Array.fromAsync(readDataFile(fixture.store, file, t.signal))).length);
  assert.deepEqual(await Promise.all(counts), [2, 3]);
});

test('both hours that a wall clock shows twice stand in one folder, each in its own file', async (t) => {
  const fixture = new Fixture(t);
  const writer = await fixture.writer({ timezone: 'Europe/Berlin', late: 60 * DAY_MS });
  const times = [0, 1, 0, 1].map((hour) => Date.UTC(2026, 9, 25, hour, 15));
  await writer.write(
    times.map((timestamp, i) => ({ ...recordAt(i), timestamp })),
    fixture.signal,
  );
  await writer.flush(fixture.signal);
  await writer.abandon();
  const folder = 'type=select-color/date=2026-10-25/hour=02';
  assert.deepEqual(await fixture.folders(), [folder, folder]);
  assert.equal((await Array.fromAsync(readBack(fixture.store, fixture.signal))).length, 4);
});

test('values around and above the size of a piece come back as they were', async (t) => {
  for (const compression of ['none', 'gzip', 'zstd'] as const) {
    const fixture = new Fixture(t);
    const writer = await fixture.writer({ compression });
    const lengths = [
      PIECE_BYTES - 2,
      PIECE_BYTES - 1,
      PIECE_BYTES,
      PIECE_BYTES + 1,
      3 * PIECE_BYTES,
      60,
      PIECE_BYTES / 2,
    ];
    const values = lengths.map((length) => Buffer.from(`{"id":"${randomUUID()}${'x'.repeat(length - 45)}"}`));
    await writer.write(
      values.map((value, i) => ({ ...recordAt(i), value })),
      fixture.signal,
    );
    await writer.flush(fixture.signal);
    await writer.abandon();
    const [file = ''] = await fixture.files();
    const back = await Array.fromAsync(readDataFile(fixture.store, file, fixture.signal));
    assert.deepEqual(
      back.map((line) => line.toString()),
      values.map((value) => value.toString()),
    );
  }
});

test('the name of a file says where its records come from, and sorts by their offset', async (t) => {
  const fixture = new Fixture(t);
  await fixture.load(0, 12);
  const [file = ''] = await fixture.files();
  assert.match(path.posix.basename(file), /^select-color\+topic-1\+[0-9a-f]{8}\+0\+0{20}\+1\+0-0\.json$/);
});

test('another connector, or another log, is refused', async (t) => {
  const fixture = new Fixture(t);
  await fixture.load(0, 1);
  await assert.rejects(fixture.sink({}, 'another').open(fixture.signal), { code: 'FILES_OWNER_MISMATCH' });
  fixture.admin.id = 'another-log';
  await assert.rejects(fixture.sink().open(fixture.signal), { code: 'FILES_OWNER_MISMATCH', decision: 'stop' });
});

test('of connectors that come to a new folder at once, one gets it', async (t) => {
  const fixture = new Fixture(t);
  const names = Array.from({ length: 8 }, (_, i) => `connector-${i}`);
  const outcomes = await Promise.allSettled(names.map((name) => fixture.sink({}, name).open(fixture.signal)));
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('a position in the log without a manifest stops, each time', async (t) => {
  const fixture = new Fixture(t);
  fixture.admin.positions = [{ ...PARTITION, offset: 10 }];
  for (let start = 0; start < 2; start++) {
    await assert.rejects(fixture.writer(), { code: 'FILES_CHAIN_MISSING', decision: 'stop' });
  }
});

test('records that left the log before they were loaded stop, or are recorded as a gap', async (t) => {
  const fixture = new Fixture(t);
  await fixture.load(0, 10);
  fixture.admin.bounds = [{ ...PARTITION, startOffset: 15, endOffset: 20 }];
  await assert.rejects(fixture.writer(), { code: 'FILES_RECORDS_EXPIRED', decision: 'stop' });
  const writer = await fixture.writer({ gaps: 'record' });
  assert.equal(writer.resumeOffset(), 15);
  await writer.abandon();
});

test('a log that was cut below what is loaded stops, though it has grown past it again', async (t) => {
  const fixture = new Fixture(t);
  const first = await fixture.writer();
  await first.write(
    Array.from({ length: 10 }, (_, offset) => recordAt(offset)),
    fixture.signal,
    4,
  );
  await first.flush(fixture.signal);
  await first.abandon();
  fixture.admin.epochEnds.set(4, 10);
  // A claim carries the epoch on.
  for (let claim = 0; claim < 2; claim++) await (await fixture.writer()).abandon();
  fixture.admin.epochEnds.set(4, 7);
  for (const gaps of ['stop', 'record'] as const) {
    await assert.rejects(fixture.writer({ gaps }), { code: 'FILES_LOG_CUT', decision: 'stop' });
  }
  // Behind a gap the epoch of what was loaded before says nothing.
  fixture.admin.bounds = [{ ...PARTITION, startOffset: 15, endOffset: 20 }];
  const writer = await fixture.writer({ gaps: 'record' });
  assert.equal(writer.resumeOffset(), 15);
  await writer.abandon();
  await (await fixture.writer()).abandon();
});

test('a log that ends before what was loaded stops, whatever is configured', async (t) => {
  const fixture = new Fixture(t);
  await fixture.load(0, 10);
  fixture.admin.bounds = [{ ...PARTITION, startOffset: 0, endOffset: 9 }];
  await assert.rejects(fixture.writer({ gaps: 'record' }), { code: 'FILES_AHEAD_OF_LOG', decision: 'stop' });
  fixture.admin.bounds = [{ ...PARTITION, startOffset: 0, endOffset: 10 }];
  const writer = await fixture.writer();
  assert.equal(writer.resumeOffset(), 10);
  await writer.abandon();
});

test('a topic made anew stops, or is loaded beside the old one', async (t) => {
  const fixture = new Fixture(t);
  await fixture.load(0, 3);
  fixture.admin.descriptions = [{ name: PARTITION.topic, id: 'topic-2', partitions: 2 }];
  await assert.rejects(fixture.writer(), { code: 'FILES_TOPIC_RECREATED', decision: 'stop' });
  await fixture.load(0, 3, { gaps: 'record' });
  assert.equal((await fixture.files()).length, 2);
});

test('of a topic made anew nothing is skipped, though the group still has its position in the old one', async (t) => {
  const fixture = new Fixture(t);
  await fixture.load(0, 3);
  fixture.admin.descriptions = [{ name: PARTITION.topic, id: 'topic-2', partitions: 2 }];
  fixture.admin.committed = async () => [{ ...PARTITION, offset: 3 }];
  for (let start = 0; start < 2; start++) {
    const writer = await fixture.writer({ gaps: 'record' });
    assert.equal(writer.resumeOffset(), 0);
    await writer.abandon();
  }
});

test('two sinks on one partition: the older one is over, and nothing is stored twice', async (t) => {
  const fixture = new Fixture(t);
  const older = await fixture.writer();
  await older.write([recordAt(0), recordAt(1)], fixture.signal);
  await fixture.load(0, 2);
  await assert.rejects(older.flush(fixture.signal), { code: 'FILES_TAKEN_OVER', decision: 'retry' });
  await older.abandon();
  assert.equal((await Array.fromAsync(readBack(fixture.store, fixture.signal))).length, 2);
});
