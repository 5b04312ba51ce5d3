import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import fc from 'fast-check';
import type { LogRecord, TopicPartition } from '../../src/log/log.ts';
import type { PartitionWriter, Refusal, Sink, SinkContext } from '../../src/sinks/sink.ts';
import { freeBuffer } from '../../src/support/free-buffer.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { TestAdmin } from '../support/admin.ts';
import { TestClock } from '../support/clock.ts';
import { recordAt, START } from '../support/records.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** One store that outlives the sinks that write to it. */
export interface SinkHarness {
  /** A sink over the store, as a process that starts would make it. */
  create(context: SinkContext): Sink;
  /** What a reader of the store sees now. */
  readBack(): Promise<readonly { readonly id: string }[]>;
  /** Takes an event out of the store, past our own code; only where a sink can load again what it loaded before. */
  remove?(id: string): Promise<void>;
  /** A value that the sink refuses. */
  readonly refused: Uint8Array;
  /** Whether a call that was cut off may leave its records in the store a second time. */
  readonly mayDouble?: boolean;
  /** Frees what the harness holds. */
  close?(): Promise<void>;
}

const PARTITION: TopicPartition = { topic: 'select-color', partition: 0 };

function records(from: number, count: number): LogRecord[] {
  return Array.from({ length: count }, (_, i) => recordAt(from + i));
}

interface DeadLetter extends Refusal {
  readonly offset: number;
  readonly key: string | undefined;
  readonly value: Buffer;
}

/** Bytes of their own, which can be freed. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}

/** A writer whose records are freed as soon as it says that they may be: what it reads of them later is empty. */
function freeing(writer: PartitionWriter): PartitionWriter {
  if (!writer.copies) return writer;
  return {
    copies: true,
    resumeOffset: () => writer.resumeOffset(),
    write: async (given, signal, leaderEpoch) => {
      const own = given.map((record) => ({
        ...record,
        value: ownBytes(record.value),
        ...(record.key && { key: ownBytes(record.key) }),
      }));
      const progress = await writer.write(own, signal, leaderEpoch);
      for (const { key, value } of own) for (const bytes of [key, value]) if (bytes) freeBuffer(bytes);
      return progress;
    },
    flush: (signal) => writer.flush(signal),
    flushDueAt: () => writer.flushDueAt(),
    get underway() {
      return writer.underway;
    },
    abandon: () => writer.abandon(),
  };
}

/** What the loader does around a sink, in a straight line. */
class Bench {
  readonly clock = new TestClock(START);
  readonly admin = new TestAdmin();
  readonly deadLetters: DeadLetter[] = [];
  readonly signal = new AbortController().signal;
  readonly refused: Uint8Array;
  readonly mayDouble: boolean;
  readonly #harness: SinkHarness;
  readonly #dataDirectory: string;
  /** Called before a dead letter counts as kept. */
  beforeDeadLetter: () => Promise<void> = async () => {};

  constructor(harness: SinkHarness, dataDirectory: string) {
    this.#harness = harness;
    this.refused = harness.refused;
    this.mayDouble = harness.mayDouble ?? false;
    this.#dataDirectory = dataDirectory;
  }

  get remove(): SinkHarness['remove'] {
    return this.#harness.remove;
  }

  async start(): Promise<{ sink: Sink; writer: PartitionWriter }> {
    const sink = this.#harness.create({
      connector: 'test',
      admin: this.admin,
      clock: this.clock,
      logger: silentLogger,
      dataDirectory: this.#dataDirectory,
      deadLetters: {
        put: async (_partition, { offset, key, value }, refusal) => {
          await this.beforeDeadLetter();
          this.deadLetters.push({
            offset,
            key: key && Buffer.from(key).toString(),
            value: Buffer.from(value),
            ...refusal,
          });
        },
      },
    });
    await sink.open(this.signal);
    return { sink, writer: freeing(await sink.partition(PARTITION, this.signal)) };
  }

  async ids(): Promise<string[]> {
    const numberOf = (id: string) => Number(id.slice('event-'.length));
    const stored = await this.#harness.readBack();
    return stored.map(({ id }) => id).sort((a, b) => numberOf(a) - numberOf(b));
  }
}

function idsUpTo(end: number): string[] {
  return records(0, end).map(({ offset }) => `event-${offset}`);
}

/** The suite that every sink passes. */
export function sinkContract(
  name: string,
  make: (t: TestContext, directory: string) => Promise<SinkHarness | undefined>,
): void {
  const contract = (what: string, run: (bench: Bench, t: TestContext) => Promise<void>) =>
    test(`${name}: ${what}`, async (t) => {
      const directory = temporaryDirectory(t);
      const harness = await make(t, directory);
      if (!harness) return;
      try {
        await run(new Bench(harness, directory), t);
      } finally {
        await harness.close?.();
      }
    });

  contract('what was flushed is there, once', async (bench) => {
    const { sink, writer } = await bench.start();
    await writer.write(records(0, 100), bench.signal);
    const progress = await writer.flush(bench.signal);
    assert.equal(progress.durableUpTo, 100);
    assert.deepEqual(await bench.ids(), idsUpTo(100));
    await writer.abandon();
    await sink.close();
  });

  contract('a reload brings back what is missing, and nobody notices', async (bench) => {
    const { sink, writer } = await bench.start();
    assert.equal(sink.reload !== undefined, bench.remove !== undefined);
    if (!sink.reload || !bench.remove) return sink.close();
    await writer.write(records(0, 50), bench.signal);
    await writer.flush(bench.signal);
    for (const id of ['event-0', 'event-7', 'event-49']) await bench.remove(id);
    assert.equal((await bench.ids()).length, 47);

    for (const missing of [3, 0]) {
      const again = await sink.reload(PARTITION, bench.signal);
      assert.equal(again.resumeOffset(), undefined);
      let duplicates = 0;
      const refused = { ...recordAt(50), value: bench.refused };
      for (const part of [records(0, 20), records(30, 20), [refused]]) {
        duplicates += (await again.write(part, bench.signal)).duplicates;
      }
      const progress = await again.flush(bench.signal);
      assert.equal(progress.durableUpTo, 51);
      assert.equal(duplicates + progress.duplicates, 40 - missing);
      await again.abandon();
      assert.deepEqual(await bench.ids(), idsUpTo(50));
    }
    assert.deepEqual(
      bench.deadLetters.map(({ offset }) => offset),
      [50, 50],
    );

    // The writer before them goes on, and so does the one after it.
    await writer.write(records(50, 10), bench.signal);
    assert.equal((await writer.flush(bench.signal)).durableUpTo, 60);
    assert.deepEqual(await bench.ids(), idsUpTo(60));
    await writer.abandon();
    await sink.close();
    const next = await bench.start();
    assert.equal(next.writer.resumeOffset() ?? 60, 60);
    await next.writer.abandon();
    await next.sink.close();
  });

  contract('a flush is due after a write and no more after the flush', async (bench) => {
    const { sink, writer } = await bench.start();
    assert.equal(writer.flushDueAt(), undefined);
    const { durableUpTo } = await writer.write(records(0, 10), bench.signal);
    const isLookedAfter = writer.flushDueAt() !== undefined || writer.underway !== undefined;
    if (durableUpTo !== 10) assert.ok(isLookedAfter, 'records wait, and nobody will flush them');
    await writer.flush(bench.signal);
    assert.equal(writer.flushDueAt(), undefined);
    await writer.abandon();
    await sink.close();
  });

  contract('a position is altered where no record is stored twice by it', async (bench) => {
    const { sink, writer } = await bench.start();
    if (!sink.alterPosition || bench.mayDouble) {
      await writer.abandon();
      return sink.close();
    }
    await writer.write(records(0, 60), bench.signal);
    await writer.flush(bench.signal);
    const isKeyed = bench.remove !== undefined;
    const to = isKeyed ? 30 : 70;
    if (!isKeyed) {
      const code = { code: 'FILES_REWIND_WOULD_DOUBLE' };
      await assert.rejects(sink.alterPosition(PARTITION, 59, bench.signal), code);
      await assert.rejects(sink.alterPosition(PARTITION, undefined, bench.signal), code);
      await writer.write(records(60, 5), bench.signal);
      assert.equal((await writer.flush(bench.signal)).durableUpTo, 65, 'a refusal fences nobody off');
    }
    await sink.alterPosition(PARTITION, to, bench.signal);
    await assert.rejects(async () => {
      await writer.write(records(65, 5), bench.signal);
      await writer.flush(bench.signal);
    }, 'the writer of before would move the position back');
    await writer.abandon();

    const next = await sink.partition(PARTITION, bench.signal);
    assert.equal(next.resumeOffset(), to);
    await next.write(records(to, 75 - to), bench.signal);
    assert.equal((await next.flush(bench.signal)).durableUpTo, 75);
    const passedOver = isKeyed ? [] : [65, 66, 67, 68, 69].map((offset) => `event-${offset}`);
    assert.deepEqual(
      await bench.ids(),
      idsUpTo(75).filter((id) => !passedOver.includes(id)),
    );
    await next.abandon();
    await sink.alterPosition(PARTITION, 75, bench.signal);
    if (isKeyed) await sink.alterPosition(PARTITION, undefined, bench.signal);
    const last = await sink.partition(PARTITION, bench.signal);
    assert.equal(last.resumeOffset(), isKeyed ? undefined : 75);
    await last.abandon();
    await sink.close();
  });

  contract('a flush of nothing is harmless', async (bench) => {
    const { sink, writer } = await bench.start();
    await writer.flush(bench.signal);
    await writer.write([], bench.signal);
    await writer.flush(bench.signal);
    assert.deepEqual(await bench.ids(), []);
    await writer.abandon();
    await sink.close();
  });

  contract('a restart goes on where the store says', async (bench) => {
    const first = await bench.start();
    await first.writer.write(records(0, 30), bench.signal);
    const { durableUpTo } = await first.writer.flush(bench.signal);
    await first.writer.abandon();
    await first.sink.close();

    const second = await bench.start();
    const resume = second.writer.resumeOffset() ?? durableUpTo ?? 0;
    assert.equal(resume, 30);
    await second.writer.write(records(resume, 30), bench.signal);
    await second.writer.flush(bench.signal);
    assert.deepEqual(await bench.ids(), idsUpTo(60));
    await second.writer.abandon();
    await second.sink.close();
  });

  contract('records that come again are stored once, and counted', async (bench) => {
    const { sink, writer } = await bench.start();
    let duplicates = 0;
    duplicates += (await writer.write(records(0, 20), bench.signal)).duplicates;
    duplicates += (await writer.flush(bench.signal)).duplicates;
    assert.equal(duplicates, 0);
    duplicates += (await writer.write(records(10, 20), bench.signal)).duplicates;
    duplicates += (await writer.flush(bench.signal)).duplicates;
    assert.equal(duplicates, 10);
    assert.deepEqual(await bench.ids(), idsUpTo(30));
    await writer.abandon();
    await sink.close();
  });

  contract('an event that stands in the log twice is counted', async (bench) => {
    const { sink, writer } = await bench.start();
    let duplicates = 0;
    duplicates += (await writer.write(records(0, 10), bench.signal)).duplicates;
    duplicates += (await writer.flush(bench.signal)).duplicates;
    duplicates += (await writer.write([{ ...recordAt(3), offset: 10 }, recordAt(11)], bench.signal)).duplicates;
    duplicates += (await writer.flush(bench.signal)).duplicates;
    assert.equal(duplicates, 1);
    assert.deepEqual([...new Set(await bench.ids())], [...idsUpTo(10), 'event-11']);
    await writer.abandon();
    await sink.close();
  });

  contract('gaps in the offsets are nothing special', async (bench) => {
    const { sink, writer } = await bench.start();
    await writer.write([recordAt(3), recordAt(7), recordAt(50)], bench.signal);
    const { durableUpTo } = await writer.flush(bench.signal);
    assert.equal(durableUpTo, 51);
    assert.deepEqual(await bench.ids(), ['event-3', 'event-7', 'event-50']);
    await writer.abandon();
    await sink.close();
  });

  contract('what was not flushed before abandon can be written again', async (bench) => {
    const first = await bench.start();
    const { durableUpTo } = await first.writer.write(records(0, 10), bench.signal);
    await first.writer.abandon();
    await first.writer.abandon();
    const writer = await first.sink.partition(PARTITION, bench.signal);
    const resume = writer.resumeOffset() ?? durableUpTo ?? 0;
    await writer.write(records(resume, 20 - resume), bench.signal);
    await writer.flush(bench.signal);
    assert.deepEqual(await bench.ids(), idsUpTo(20));
    await writer.abandon();
    await first.sink.close();
  });

  contract('an aborted call stores nothing twice and loses nothing', async (bench) => {
    const { sink, writer } = await bench.start();
    await writer.write(records(0, 10), bench.signal);
    await writer.flush(bench.signal);
    await assert.rejects(writer.write(records(10, 10), AbortSignal.abort()));
    await writer.abandon();
    const again = await sink.partition(PARTITION, bench.signal);
    const resume = again.resumeOffset() ?? 10;
    await again.write(records(resume, 20 - resume), bench.signal);
    await again.flush(bench.signal);
    assert.deepEqual(await bench.ids(), idsUpTo(20));
    await again.abandon();
    await sink.close();
  });

  contract('abandoned at any point, nothing is lost or doubled', async (bench) => {
    let written = 0;
    let durable = 0;
    const step = fc.record({
      writes: fc.array(fc.integer({ min: 1, max: 25 }), { maxLength: 4 }),
      flush: fc.constantFrom('no', 'awaited', 'under way'),
      restart: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        let { sink, writer } = await bench.start();
        for (const { writes, flush, restart } of steps) {
          let next = writer.resumeOffset() ?? durable;
          assert.ok(next >= durable, 'the store forgot what it had called durable');
          for (const count of writes) {
            const progress = await writer.write(records(next, count), bench.signal);
            next += count;
            durable = Math.max(durable, progress.durableUpTo ?? 0);
          }
          written = Math.max(written, next);
          const flushed = flush === 'no' ? undefined : writer.flush(bench.signal);
          if (flush === 'awaited') durable = Math.max(durable, (await flushed)?.durableUpTo ?? 0);
          await Promise.all([flushed?.catch(() => {}), writer.abandon()]);
          if (restart) {
            await sink.close();
            ({ sink, writer } = await bench.start());
          } else {
            writer = await sink.partition(PARTITION, bench.signal);
          }
        }
        const resume = writer.resumeOffset() ?? durable;
        if (written > resume) await writer.write(records(resume, written - resume), bench.signal);
        durable = (await writer.flush(bench.signal)).durableUpTo ?? durable;
        await writer.abandon();
        await sink.close();
        const ids = await bench.ids();
        assert.deepEqual(bench.mayDouble ? [...new Set(ids)] : ids, idsUpTo(written));
      }),
      { numRuns: 15 },
    );
  });

  contract('a refused record is a dead letter before the position moves past it', async (bench) => {
    const { sink, writer } = await bench.start();
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    bench.beforeDeadLetter = () => held;
    let settled = false;
    const bad = { ...recordAt(1), key: Buffer.from('key'), value: bench.refused };
    const done = (async () => {
      await writer.write([recordAt(0), bad, recordAt(2)], bench.signal);
      const progress = await writer.flush(bench.signal);
      settled = true;
      return progress;
    })();
    // Whatever the sink can do without the dead letter, it does in these turns.
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    assert.equal(settled, false);
    release();
    assert.equal((await done).durableUpTo, 3);
    assert.deepEqual(
      bench.deadLetters.map(({ offset, key, value }) => ({ offset, key, value })),
      [{ offset: 1, key: 'key', value: Buffer.from(bench.refused) }],
    );
    assert.ok(bench.deadLetters[0]?.reason);
    assert.deepEqual(await bench.ids(), ['event-0', 'event-2']);
    await writer.abandon();
    await sink.close();
  });

  contract('refused records alone move the position too', async (bench) => {
    const { sink, writer } = await bench.start();
    const bad = records(0, 5).map((record) => ({ ...record, value: bench.refused }));
    await writer.write(bad, bench.signal);
    assert.equal((await writer.flush(bench.signal)).durableUpTo, 5);
    assert.equal(bench.deadLetters.length, 5);
    assert.deepEqual(await bench.ids(), []);
    await writer.abandon();
    await sink.close();
  });

  contract('a dead letter that is not kept keeps the position back', async (bench) => {
    const { sink, writer } = await bench.start();
    bench.beforeDeadLetter = async () => {
      throw new Error('the dead letters are not reachable');
    };
    const bad = { ...recordAt(0), value: bench.refused };
    await assert.rejects(async () => {
      await writer.write([bad], bench.signal);
      await writer.flush(bench.signal);
    });
    await writer.abandon();
    const again = await sink.partition(PARTITION, bench.signal);
    assert.equal(again.resumeOffset() ?? 0, 0);
    await again.abandon();
    await sink.close();
  });

  contract('partitions do not touch each other', async (bench) => {
    const { sink, writer } = await bench.start();
    const other = await sink.partition({ topic: PARTITION.topic, partition: 1 }, bench.signal);
    await writer.write(records(0, 5), bench.signal);
    await other.write(records(5, 5), bench.signal);
    assert.equal((await writer.flush(bench.signal)).durableUpTo, 5);
    await other.abandon();
    assert.deepEqual(await bench.ids(), idsUpTo(5));
    await writer.abandon();
    await sink.close();
  });
}
