import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { TestAdmin } from '../../../test/support/admin.ts';
import { TestClock } from '../../../test/support/clock.ts';
import type { FilesChanges } from '../../../test/support/files.ts';
import { filesConfigWith } from '../../../test/support/files.ts';
import type { Intercept } from '../../../test/support/gate.ts';
import { FATES, Gate, UnderWay } from '../../../test/support/gate.ts';
import { MemoryDisk, MemoryFileStore } from '../../../test/support/memory-file-store.ts';
import { recordAt, START } from '../../../test/support/records.ts';
import { silentLogger } from '../../support/logger.ts';
import type { PartitionWriter } from '../sink.ts';
import type { AdoptFrom } from './adopt.ts';
import { adoptFiles } from './adopt.ts';
import { decodeManifest } from './manifest.ts';
import { readBack } from './read-files.ts';
import { createFilesSink } from './sink.ts';

const PARTITION = { topic: 'select-color', partition: 0 };
const CONNECTOR = 'files';

/** A path that loses what it knew, and a log that says how far the connector was. */
class Fixture {
  readonly admin = new TestAdmin();
  readonly disk = new MemoryDisk();
  readonly clock = new TestClock(START);
  readonly signal: AbortSignal;

  constructor(t: TestContext, position: number) {
    this.signal = t.signal;
    this.position = position;
  }

  set position(offset: number) {
    this.admin.positions = [{ ...PARTITION, offset }];
  }

  get paths(): string[] {
    return this.disk.under('');
  }

  adopt(from: AdoptFrom = 'position', intercept?: Intercept) {
    return adoptFiles({
      store: new MemoryFileStore(this.disk, intercept),
      ...{ admin: this.admin, connector: CONNECTOR, topics: [PARTITION.topic], from, signal: this.signal },
      ...{ clock: this.clock, logger: silentLogger, newId: () => crypto.randomUUID() },
    });
  }

  async writer(config: FilesChanges = {}): Promise<PartitionWriter> {
    const sink = createFilesSink(
      filesConfigWith(config),
      {
        ...{ connector: CONNECTOR, admin: this.admin, clock: this.clock, logger: silentLogger },
        ...{ deadLetters: { put: async () => {} }, dataDirectory: '' },
      },
      { namedTypes: [PARTITION.topic], store: new MemoryFileStore(this.disk) },
    );
    await sink.open(this.signal);
    return sink.partition(PARTITION, this.signal);
  }

  /** Loads so many records in two commits, from where the store says. */
  async load(count: number, config: FilesChanges = {}): Promise<void> {
    const writer = await this.writer(config);
    const first = writer.resumeOffset() ?? 0;
    const records = Array.from({ length: count }, (_, i) => recordAt(first + i));
    const half = count >> 1;
    for (const part of [records.slice(0, half), records.slice(half)]) {
      await writer.write(part, this.signal);
      await writer.flush(this.signal);
    }
    await writer.abandon();
  }

  /** Removes what stands below a folder, as nobody should. */
  lose(folder: string): void {
    for (const file of this.disk.under(folder)) this.disk.files.delete(file);
  }

  async offsets(): Promise<number[]> {
    const lines = await Array.fromAsync(readBack(new MemoryFileStore(this.disk), this.signal));
    return lines
      .map((line) => Number((JSON.parse(line.toString()) as { id: string }).id.slice('event-'.length)))
      .sort((a, b) => a - b);
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

test('what stops for want of manifests goes on at the position in the log, once it is adopted', async (t) => {
  const fixture = new Fixture(t, 10);
  await assert.rejects(fixture.writer(), { code: 'FILES_CHAIN_MISSING' });
  assert.deepEqual(await fixture.adopt(), [{ ...PARTITION, next: 10, missing: [] }]);
  await fixture.load(6);
  assert.deepEqual(await fixture.offsets(), range(10, 16));
  assert.deepEqual(await fixture.adopt(), [], 'it is known now');
  assert.deepEqual(await fixture.adopt('earliest'), [], 'it is known now');
});

test('or at the first record that the log still has', async (t) => {
  for (const startOffset of [0, 4]) {
    const fixture = new Fixture(t, 10);
    fixture.admin.bounds = [{ ...PARTITION, startOffset, endOffset: 20 }];
    assert.deepEqual(await fixture.adopt('earliest'), [{ ...PARTITION, next: startOffset, missing: [] }]);
    const writer = await fixture.writer();
    assert.equal(writer.resumeOffset(), startOffset);
    await writer.abandon();
  }
});

test('what was never loaded needs no adoption', async (t) => {
  const fixture = new Fixture(t, 0);
  assert.deepEqual(await fixture.adopt(), []);
  const writer = await fixture.writer();
  assert.equal(writer.resumeOffset(), undefined);
  await writer.abandon();
});

test('files of the last commit that their owner took away are passed over once a person says so', async (t) => {
  const fixture = new Fixture(t, 0);
  await fixture.load(10);
  fixture.position = 10;
  assert.deepEqual(await fixture.adopt(), [], 'nothing is missing');
  const taken = fixture.disk.under('type=select-color').at(-1)!;
  fixture.disk.files.delete(taken);
  await assert.rejects(fixture.writer(), { code: 'FILES_DATA_MISSING', decision: 'stop' });
  assert.deepEqual(await fixture.adopt(), [{ ...PARTITION, next: 10, missing: [taken] }]);
  assert.deepEqual(await fixture.adopt(), [], 'it is passed over now');
  await fixture.load(4);
  assert.deepEqual(await fixture.offsets(), [...range(0, 5), ...range(10, 14)]);
});

test('every manifest from then on says where the chain begins', async (t) => {
  const fixture = new Fixture(t, 10);
  await fixture.adopt();
  await fixture.load(4);
  await fixture.load(4);
  const manifests = fixture.disk.under('_millrace/commits');
  const begins = manifests.map((file) => decodeManifest(file, fixture.disk.files.get(file)!.content).since);
  assert.deepEqual(begins, [undefined, ...begins.slice(1).map(() => 10)], 'the first is the claim before the gap');
  assert.ok(manifests.length > 6);
});

test('a position beyond the end of the log is not adopted; the start of the log is', async (t) => {
  const fixture = new Fixture(t, 10);
  fixture.admin.bounds = [{ ...PARTITION, startOffset: 0, endOffset: 9 }];
  await assert.rejects(fixture.adopt(), { code: 'FILES_AHEAD_OF_LOG' });
  assert.deepEqual(await fixture.adopt('earliest'), [{ ...PARTITION, next: 0, missing: [] }]);
});

test('a topic made anew is not adopted: the position is one in the old one', async (t) => {
  const fixture = new Fixture(t, 0);
  await fixture.load(4);
  fixture.position = 4;
  fixture.admin.descriptions = [{ name: PARTITION.topic, id: 'topic-2', partitions: 2 }];
  await assert.rejects(fixture.adopt(), { code: 'FILES_TOPIC_RECREATED' });
});

test('beside files that stay, only where none of them holds what comes next', async (t) => {
  const fixture = new Fixture(t, 0);
  await fixture.load(20);
  fixture.lose('_millrace');
  fixture.position = 10;
  await assert.rejects(fixture.adopt(), { code: 'FILES_ADOPT_WOULD_DOUBLE', decision: 'refuse' });
  await assert.rejects(fixture.adopt('earliest'), { code: 'FILES_ADOPT_WOULD_DOUBLE' });
  await assert.rejects(fixture.writer(), { code: 'FILES_CHAIN_MISSING' }, 'a refusal begins nothing');
  fixture.position = 20;
  await fixture.adopt();
  await fixture.load(10);
  assert.deepEqual(await fixture.offsets(), range(0, 30));
});

test('not where manifests alone were lost: new files would get names like those that stand there', async (t) => {
  const fixture = new Fixture(t, 0);
  await fixture.load(10);
  fixture.lose('_millrace/commits');
  fixture.position = 10;
  await assert.rejects(fixture.adopt(), { code: 'FILES_ADOPT_WOULD_DOUBLE' });
});

test('not beside merged files, which do not say where they end', async (t) => {
  const fixture = new Fixture(t, 10);
  fixture.disk.create('type=a/select-color+topic-1+0123abcd+0+00000000000000000000+1-5+0.json');
  await assert.rejects(fixture.adopt(), { code: 'FILES_ADOPT_WOULD_DOUBLE' });
});

test('what was loaded at least once stays, and what comes next stands in one file', async (t) => {
  const fixture = new Fixture(t, 0);
  await fixture.load(10, { guarantee: 'at-least-once' });
  fixture.position = 5;
  await assert.rejects(fixture.adopt(), { code: 'FILES_ADOPT_WOULD_DOUBLE' });
  fixture.position = 10;
  await assert.rejects(fixture.writer(), { code: 'FILES_CHAIN_MISSING' });
  await fixture.adopt();
  await fixture.load(10);
  assert.deepEqual(await fixture.offsets(), range(0, 20));
});

test('files of other partitions and topics are none of its business', async (t) => {
  const fixture = new Fixture(t, 10);
  for (const chain of [
    'select-color+topic-1+0123abcd+1',
    'select-color+topic-0+0123abcd+0',
    'other+topic-1+0123abcd+0',
  ])
    fixture.disk.create(`type=a/${chain}+00000000000000000090+1+0-0.json`);
  fixture.disk.create('type=a/select-color-1-00000000000000000090-0123456789ab.json');
  assert.deepEqual(await fixture.adopt(), [{ ...PARTITION, next: 10, missing: [] }]);
});

test('cut off before, after and in any call of the store, it is done by the next one, and loading goes on', async (t) => {
  for (const fate of FATES.filter((fate) => fate !== 'go')) {
    for (let at = 0; ; at++) {
      const fixture = new Fixture(t, 10);
      const underWay = new UnderWay();
      const gate = new Gate(underWay);
      const adoption = fixture.adopt('position', gate.intercept).catch(() => {});
      gate.watch(adoption);
      for (let i = 0; i < at; i++) await gate.step();
      if ((await gate.next()) === undefined) {
        assert.ok(at > 10, `it made only ${at} calls`);
        break;
      }
      await gate.step(fate);
      // One that waits before it tries again is over, too: nobody turns its clock.
      const adopted = await fixture.adopt();
      underWay.deliver();
      assert.ok(adopted.every(({ next }) => next === 10));
      await fixture.load(4);
      assert.deepEqual(await fixture.offsets(), range(10, 14), `${fate} at ${at}`);
    }
  }
});

test('who comes late to adopt does not set back what was loaded meanwhile', async (t) => {
  const fixture = new Fixture(t, 10);
  const gate = new Gate(new UnderWay());
  const late = fixture.adopt('position', gate.intercept);
  gate.watch(late);
  // It has seen no files in the path, and goes on to claim.
  await gate.runTo('list', (path) => path === '');
  await gate.step();
  await fixture.adopt();
  await fixture.load(4);
  await gate.runToEnd();
  assert.deepEqual(await late, []);
  await fixture.load(4);
  assert.deepEqual(await fixture.offsets(), range(10, 18));
});

test('adopted twice at once, it is begun once', async (t) => {
  const fixture = new Fixture(t, 10);
  await Promise.allSettled([fixture.adopt(), fixture.adopt()]);
  await fixture.adopt();
  await fixture.load(4);
  assert.deepEqual(await fixture.offsets(), range(10, 14));
});
