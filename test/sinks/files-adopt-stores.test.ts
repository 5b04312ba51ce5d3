/** Adoption on real HDFS and S3: see adopt.test.ts beside the code for what it has to keep. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { groupOf } from '../../src/loader/connector.ts';
import { deadLetterTopic } from '../../src/log/dead-letter.ts';
import type { EmbeddedLog } from '../../src/log/embedded/open.ts';
import type { Producer } from '../../src/log/log.ts';
import type { AdoptFrom } from '../../src/sinks/files/adopt.ts';
import { adoptFiles } from '../../src/sinks/files/adopt.ts';
import { readBack } from '../../src/sinks/files/read-files.ts';
import { createFilesSink } from '../../src/sinks/files/sink.ts';
import type { FileStore } from '../../src/sinks/files/stores/file-store.ts';
import { verifyFiles } from '../../src/sinks/files/verify/verify.ts';
import type { PartitionWriter } from '../../src/sinks/sink.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import type { MakeStore } from '../engines/file-stores.ts';
import { FILE_STORES } from '../engines/file-stores.ts';
import type { FilesChanges } from '../support/files.ts';
import { filesConfigWith } from '../support/files.ts';
import { recordAt } from '../support/records.ts';
import { openTestLog } from '../support/test-log.ts';

const CONNECTOR = 'files';
const PARTITION = { topic: 'select-color', partition: 0 };
const BEFORE = 20;
const AFTER = 10;
const A_COMMIT = 5;
const AT_LEAST_ONCE = { guarantee: 'at-least-once' } as const;

/** A log, and a store that forgets what was loaded from it. */
class Fixture {
  readonly #t: TestContext;
  readonly #make: MakeStore;
  readonly #log: EmbeddedLog;
  readonly #producer: Producer;
  #sent = 0;

  private constructor(t: TestContext, make: MakeStore, log: EmbeddedLog) {
    this.#t = t;
    this.#make = make;
    this.#log = log;
    this.#producer = log.producer();
  }

  static async make(t: TestContext, make: MakeStore): Promise<Fixture> {
    const log = await openTestLog(t);
    for (const topic of [PARTITION.topic, deadLetterTopic(CONNECTOR)]) {
      await log.admin.createTopic(topic, { partitions: 1 });
    }
    return new Fixture(t, make, log);
  }

  /** Sends so many records, and loads what the store says is next; the position of the group follows. */
  async load(count: number, given: FilesChanges = {}): Promise<void> {
    const records = Array.from({ length: count }, (_, i) => recordAt(this.#sent + i));
    await this.#producer.send(PARTITION, records);
    this.#sent += count;
    await using stack = new AsyncDisposableStack();
    const writer = await this.writer(stack, given);
    for (let offset = writer.resumeOffset() ?? (await this.position()); offset < this.#sent; ) {
      const batch = (await this.#log.read({ ...PARTITION, offset })).records.slice(0, A_COMMIT);
      await writer.write(batch, this.#t.signal);
      await writer.flush(this.#t.signal);
      offset += batch.length;
    }
    await this.moveTo(this.#sent);
  }

  /** A writer as a start of the connector makes it; it is ended with the stack. */
  async writer(stack: AsyncDisposableStack, given: FilesChanges = {}): Promise<PartitionWriter> {
    const sink = createFilesSink(
      filesConfigWith(given),
      {
        ...{ connector: CONNECTOR, admin: this.#log.admin, clock: systemClock, logger: silentLogger },
        ...{ deadLetters: { put: async () => {} }, dataDirectory: '' },
      },
      { namedTypes: [PARTITION.topic], store: this.#make() },
    );
    stack.defer(() => sink.close());
    await sink.open(this.#t.signal);
    return stack.adopt(await sink.partition(PARTITION, this.#t.signal), (writer) => writer.abandon());
  }

  async position(): Promise<number> {
    const [position] = await this.#log.admin.committed(groupOf(CONNECTOR));
    return position?.offset ?? 0;
  }

  async moveTo(offset: number): Promise<void> {
    await this.#log.admin.alterPositions(groupOf(CONNECTOR), [{ ...PARTITION, offset }]);
  }

  async refusesToStart(message?: string): Promise<void> {
    await using stack = new AsyncDisposableStack();
    await assert.rejects(this.writer(stack), { code: 'FILES_CHAIN_MISSING' }, message);
  }

  /** As `millrace adopt` does. */
  adopt(from: AdoptFrom = 'position') {
    return this.#opened((store) =>
      adoptFiles({
        ...{ store, admin: this.#log.admin, connector: CONNECTOR, topics: [PARTITION.topic], from },
        ...{ clock: systemClock, logger: silentLogger, newId: () => crypto.randomUUID(), signal: this.#t.signal },
      }),
    );
  }

  /** Removes a folder, as nobody should. */
  lose(folder: string): Promise<void> {
    return this.#opened((store) => store.remove(folder, this.#t.signal));
  }

  /** The offsets of all records in files, in order. */
  offsets(): Promise<number[]> {
    return this.#opened(async (store) => {
      const lines = await Array.fromAsync(readBack(store, this.#t.signal));
      return lines
        .map((line) => Number((JSON.parse(line.toString()) as { id: string }).id.slice('event-'.length)))
        .sort((a, b) => a - b);
    });
  }

  /** What verify finds of the partition. */
  verify() {
    return this.#opened(async (store) => {
      const found = await verifyFiles({
        ...{ log: this.#log, store, connector: CONNECTOR, topics: [PARTITION.topic], guarantee: 'exactly-once' },
        signal: this.#t.signal,
      });
      const { from, to, stored, lost, doubled, unexpected, corrupt } = found.find(
        ({ topic }) => topic === PARTITION.topic,
      )!;
      return { from, to, stored, lost, doubled, unexpected, corrupt };
    });
  }

  async #opened<T>(work: (store: FileStore) => Promise<T>): Promise<T> {
    await using stack = new AsyncDisposableStack();
    const store = stack.adopt(this.#make(), (store) => store.close());
    await store.open(this.#t.signal);
    return await work(store);
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** Why a store may know nothing of what a connector has loaded. */
const BEFORE_ADOPTION: Readonly<Record<string, (fixture: Fixture) => Promise<void>>> = {
  'whose "_millrace" was lost': async (fixture) => {
    await fixture.load(BEFORE);
    await fixture.lose('_millrace');
  },
  'that loaded at least once until now': (fixture) => fixture.load(BEFORE, AT_LEAST_ONCE),
};

for (const [name, start] of Object.entries(FILE_STORES)) {
  const storeTest = (what: string, body: (fixture: Fixture) => Promise<void>) =>
    test(`on ${name} ${what}`, async (t) => {
      const make = await start(t);
      if (make) await body(await Fixture.make(t, make));
    });

  for (const [what, happen] of Object.entries(BEFORE_ADOPTION)) {
    storeTest(`a connector ${what} goes on at its position, and has each record once`, async (fixture) => {
      await happen(fixture);
      await fixture.refusesToStart();
      const adopted = { ...PARTITION, next: BEFORE, missing: [] };
      assert.deepEqual(await fixture.adopt(), [adopted]);
      assert.deepEqual(await fixture.adopt(), [], 'it is known now');
      await fixture.load(AFTER);
      await fixture.load(AFTER);
      assert.deepEqual(await fixture.adopt('earliest'), [], 'it is known now');
      const end = BEFORE + 2 * AFTER;
      assert.deepEqual(await fixture.offsets(), range(0, end));
      assert.deepEqual(await fixture.verify(), {
        ...{ from: BEFORE, to: end, stored: 2 * AFTER, lost: 0, doubled: 0, unexpected: 0, corrupt: 0 },
      });
    });
  }

  storeTest('adopted twice at once, a chain is begun once', async (fixture) => {
    await fixture.load(BEFORE);
    await fixture.lose('_millrace');
    await Promise.allSettled([fixture.adopt(), fixture.adopt()]);
    await fixture.adopt();
    await fixture.load(AFTER);
    assert.deepEqual(await fixture.offsets(), range(0, BEFORE + AFTER));
  });

  storeTest('nothing is begun beside files that hold what comes next', async (fixture) => {
    const refused = { code: 'FILES_ADOPT_WOULD_DOUBLE', decision: 'refuse' };
    await fixture.load(BEFORE);
    await fixture.lose('_millrace/commits');
    await assert.rejects(fixture.adopt(), refused, 'new files would get names like those that stand there');
    await fixture.lose('_millrace');
    await assert.rejects(fixture.adopt('earliest'), refused);
    await fixture.moveTo(BEFORE - A_COMMIT);
    await assert.rejects(fixture.adopt(), refused);
    await fixture.refusesToStart('a refusal begins nothing');
    await fixture.moveTo(BEFORE);
    assert.equal((await fixture.adopt()).length, 1);
    await fixture.load(AFTER);
    assert.deepEqual(await fixture.offsets(), range(0, BEFORE + AFTER));
  });

  storeTest('files that were loaded at least once are not loaded once more', async (fixture) => {
    await fixture.load(BEFORE, AT_LEAST_ONCE);
    await fixture.moveTo(BEFORE - A_COMMIT);
    for (const from of ['position', 'earliest'] as const) {
      await assert.rejects(fixture.adopt(from), { code: 'FILES_ADOPT_WOULD_DOUBLE' });
    }
    await fixture.refusesToStart('a refusal begins nothing');
  });
}
