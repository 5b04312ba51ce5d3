import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { TestAdmin } from '../../../test/support/admin.ts';
import { TestClock } from '../../../test/support/clock.ts';
import type { FilesChanges } from '../../../test/support/files.ts';
import { filesConfigWith } from '../../../test/support/files.ts';
import type { Intercept } from '../../../test/support/gate.ts';
import { MemoryDisk, MemoryFileStore } from '../../../test/support/memory-file-store.ts';
import { recordAt, START } from '../../../test/support/records.ts';
import { temporaryDirectory } from '../../../test/support/temporary.ts';
import { until } from '../../../test/support/until.ts';
import { silentLogger } from '../../support/logger.ts';
import type { PartitionWriter, Sink } from '../sink.ts';
import type { FilesConfig } from './config.ts';
import { filesErrors } from './errors.ts';
import { readBack } from './read-files.ts';
import { createFilesSink } from './sink.ts';

const PARTITION = { topic: 'select-color', partition: 0 };

/** What waits before it tries again goes on at once. */
const RESTLESS = Object.assign(new TestClock(START), { sleep: async () => {} });

/** One disk in memory, and sinks over it as processes that start would make them. */
class Fixture {
  readonly disk = new MemoryDisk();
  readonly #t: TestContext;
  readonly #directory: string;

  constructor(t: TestContext) {
    this.#t = t;
    this.#directory = temporaryDirectory(t);
  }

  sink(guarantee: FilesConfig['guarantee'] = 'at-least-once', intercept?: Intercept, changes?: FilesChanges): Sink {
    const context = {
      connector: 'plain',
      admin: new TestAdmin(),
      deadLetters: { put: async () => {} },
      clock: RESTLESS,
      logger: silentLogger,
      dataDirectory: this.#directory,
    };
    const store = new MemoryFileStore(this.disk, intercept);
    return createFilesSink(filesConfigWith({ ...changes, guarantee }), context, {
      namedTypes: ['select-color'],
      store,
    });
  }

  async writer(intercept?: Intercept, changes?: FilesChanges): Promise<PartitionWriter> {
    const sink = this.sink('at-least-once', intercept, changes);
    await sink.open(this.#t.signal);
    return sink.partition(PARTITION, this.#t.signal);
  }

  write(writer: PartitionWriter, from: number, to: number) {
    const records = Array.from({ length: to - from }, (_, i) => recordAt(from + i));
    return writer.write(records, this.#t.signal);
  }

  async ids(): Promise<string[]> {
    const lines = await Array.fromAsync(readBack(new MemoryFileStore(this.disk), this.#t.signal));
    return lines.map((line) => (JSON.parse(line.toString('utf8')) as { id: string }).id).sort();
  }

  get final(): string[] {
    return this.disk.under('').filter((path) => !path.startsWith('_millrace/'));
  }
}

test('a plain file is named by topic, partition and first offset, and nothing else is kept', async (t) => {
  const fixture = new Fixture(t);
  const writer = await fixture.writer();
  await fixture.write(writer, 5, 8);
  assert.deepEqual(fixture.final, [], 'a file shows before it is whole');
  assert.equal((await writer.flush(t.signal)).durableUpTo, 8);
  await writer.abandon();
  const [file, ...rest] = fixture.disk.under('');
  assert.deepEqual(rest, []);
  assert.match(String(file), /^type=select-color\/date=2026-11-22\/hour=12\/select-color-0-0{19}5-[0-9a-f]{12}\.json$/);
});

test('the position passes no commit that is not finished', async (t) => {
  const fixture = new Fixture(t);
  const held = Promise.withResolvers<void>();
  const calls: string[] = [];
  const intercept: Intercept = async ({ name }, act) => {
    calls.push(name);
    if (name === 'finish') await held.promise;
    return act();
  };
  const writer = await fixture.writer(intercept, { roll: { records: 10 } });
  assert.equal((await fixture.write(writer, 0, 25)).durableUpTo, undefined);
  await until('the second commit could be finished', () => calls.filter((name) => name === 'close').length === 2);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(calls.filter((name) => name === 'finish').length, 1);
  assert.equal((await fixture.write(writer, 25, 25)).durableUpTo, undefined);
  held.resolve();
  assert.equal((await writer.flush(t.signal)).durableUpTo, 25);
  await writer.abandon();
  assert.equal(fixture.final.length, 3);
});

test("the position is the consumer group's: a new writer does not know of one", async (t) => {
  const fixture = new Fixture(t);
  const writer = await fixture.writer();
  await fixture.write(writer, 0, 3);
  await writer.flush(t.signal);
  await writer.abandon();
  assert.equal((await fixture.writer()).resumeOffset(), undefined);
});

test('killed after finishing and before the position moved: the same records again, in a file beside', async (t) => {
  const fixture = new Fixture(t);
  const killed = await fixture.writer();
  await fixture.write(killed, 0, 3);
  await killed.flush(t.signal);
  const again = await fixture.writer();
  await fixture.write(again, 0, 2);
  assert.equal((await again.flush(t.signal)).durableUpTo, 2);
  assert.equal(fixture.final.length, 2);
  assert.deepEqual(await fixture.ids(), ['event-0', 'event-0', 'event-1', 'event-1', 'event-2']);
});

test('what a killed writer left unfinished goes when the partition is taken again', async (t) => {
  const fixture = new Fixture(t);
  await fixture.write(await fixture.writer(), 0, 3);
  assert.notDeepEqual(fixture.disk.under('_millrace/tmp'), []);
  await fixture.writer();
  assert.deepEqual(fixture.disk.under(''), []);
});

test('a writer whose files were removed by the next owner does not call them durable', async (t) => {
  const fixture = new Fixture(t);
  const older = await fixture.writer();
  await fixture.write(older, 0, 3);
  const newer = await fixture.writer();
  await assert.rejects(older.flush(t.signal), { code: 'FILES_GONE', decision: 'retry' });
  await older.abandon();
  await fixture.write(newer, 0, 3);
  await newer.flush(t.signal);
  assert.deepEqual(await fixture.ids(), ['event-0', 'event-1', 'event-2']);
});

test('a failure at any call of the store loses nothing', async (t) => {
  const signal = t.signal;
  for (const happens of [false, true]) {
    for (let failing = 0; ; failing++) {
      const fixture = new Fixture(t);
      let calls = 0;
      const intercept: Intercept = async (call, act) => {
        if (calls++ !== failing) return act();
        if (happens) act();
        throw filesErrors.FILES_STORE_UNAVAILABLE(`no answer to ${call.name}`);
      };
      let durable = 0;
      try {
        const writer = await fixture.writer(intercept);
        for (let next = 0; next < 4; next += 2) {
          await fixture.write(writer, next, next + 2);
          durable = (await writer.flush(signal)).durableUpTo ?? durable;
        }
        await writer.abandon();
      } catch {
        // The next writer goes on from what was durable.
      }
      const stored = new Set(await fixture.ids());
      for (let offset = 0; offset < durable; offset++) assert.ok(stored.has(`event-${offset}`));
      const next = await fixture.writer();
      if (durable < 4) await fixture.write(next, durable, 4);
      await next.flush(signal);
      await next.abandon();
      assert.deepEqual([...new Set(await fixture.ids())], ['event-0', 'event-1', 'event-2', 'event-3']);
      assert.deepEqual(fixture.disk.under('_millrace'), []);
      if (failing > calls) break;
    }
  }
});

test('a store that does not answer for a while doubles nothing: what may have its name by then is finished', async (t) => {
  const fixture = new Fixture(t);
  let unanswered = 20;
  const intercept: Intercept = async ({ name }, act) => {
    if (name !== 'finish' || unanswered === 0) return act();
    // It happens, the first time, and nobody hears of it.
    if (unanswered-- === 20) act();
    throw filesErrors.FILES_STORE_UNAVAILABLE('no answer to finish');
  };
  const writer = await fixture.writer(intercept);
  await fixture.write(writer, 0, 3);
  assert.equal((await writer.flush(t.signal)).durableUpTo, 3);
  await writer.abandon();
  assert.equal(unanswered, 0);
  assert.deepEqual(await fixture.ids(), ['event-0', 'event-1', 'event-2']);
});

test('a path with manifests is not added to without them', async (t) => {
  const fixture = new Fixture(t);
  await fixture.sink('exactly-once').open(t.signal);
  await assert.rejects(fixture.sink().open(t.signal), { code: 'FILES_OWNER_MISMATCH', decision: 'stop' });
});
