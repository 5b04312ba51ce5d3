import assert from 'node:assert/strict';
import test from 'node:test';
import type { Intercept } from '../../../../test/support/gate.ts';
import { MemoryDisk, MemoryFileStore } from '../../../../test/support/memory-file-store.ts';
import type { Clock } from '../../../support/clock.ts';
import { silentLogger } from '../../../support/logger.ts';
import { Chain } from '../chain.ts';
import { filesErrors } from '../errors.ts';
import { DEFAULT_PATH } from '../layout.ts';
import { takeOwnership } from '../owner.ts';
import type { StandingFile } from '../standing.ts';
import { Merges, standingFile } from '../standing.ts';
import { compactFiles } from './compact.ts';
import { leftOverOf } from './runs.ts';

const { signal } = new AbortController();
/** Waiting takes no time. */
const clock: Clock = { now: () => Date.UTC(2026, 10, 22, 20), monotonic: () => 0, sleep: async () => {} };
const FOLDERS = ['type=x/date=2026-11-22/hour=12', 'type=x/date=2026-11-22/hour=13'];
const RECORDS = 8;
/** All in one folder. */
const FEW = 3;

/**
 * What happens to one call of the store: it is answered late (`pause`), it happens but the answer
 * is lost, it never happens, it happens later without an answer, or the program ends before or after it.
 */
const FATES = ['pause', 'lost', 'drop', 'queue', 'kill', 'kill-after'] as const;
type Fate = (typeof FATES)[number];

/** Lets one call of a store meet its fate. */
class Interruption {
  readonly #at: number;
  readonly #fate: Fate;
  readonly #reached = Promise.withResolvers<void>();
  readonly #resumed = Promise.withResolvers<void>();
  #calls = 0;
  #queued = () => {};

  constructor(at: number, fate: Fate) {
    this.#at = at;
    this.#fate = fate;
  }

  get wasReached(): boolean {
    return this.#calls > this.#at;
  }

  /** Runs until it is over, or stands still at that call. */
  async until(running: Promise<unknown>): Promise<void> {
    const stands = this.#fate === 'pause' || this.#fate.startsWith('kill');
    await Promise.race([running.catch(() => {}), ...(stands ? [this.#reached.promise] : [])]);
  }

  /** What is still on its way arrives, and whoever was paused goes on. */
  async resume(running: Promise<unknown>): Promise<void> {
    this.#queued();
    this.#resumed.resolve();
    if (!this.#fate.startsWith('kill') || !this.wasReached) await running.catch(() => {});
  }

  readonly intercept: Intercept = async (_call, act) => {
    if (this.#calls++ !== this.#at) return act();
    this.#reached.resolve();
    switch (this.#fate) {
      case 'pause':
        await this.#resumed.promise;
        return act();
      case 'kill':
        return new Promise(() => {});
      case 'kill-after':
        act();
        return new Promise(() => {});
      case 'lost':
        act();
        break;
      case 'queue':
        this.#queued = () => quietly(act);
        break;
      default:
    }
    throw filesErrors.FILES_STORE_UNAVAILABLE('no answer');
  };
}

/** Calls that change what stands. */
const CHANGES = new Set(['finish', 'concat', 'remove']);

/** How two compactions merge, the one that meets its fate and any other: by copying, or by joining where files lie. */
const WAYS = [
  { first: 'copy', others: 'copy' },
  { first: 'join', others: 'join' },
  { first: 'join', others: 'copy' },
  { first: 'copy', others: 'join' },
] as const;
type Way = (typeof WAYS)[number]['first'];

/** A folder of files, one a record, that one partition is loaded into. */
class Model {
  readonly #disk = new MemoryDisk();
  /** Whether nothing is copied, so that no record may ever stand twice. */
  readonly #joinsOnly: boolean;
  #ids = 0;
  #records = 0;
  /** Of the records, those whose loading is over. */
  #kept = 0;

  private constructor(joinsOnly: boolean) {
    this.#joinsOnly = joinsOnly;
  }

  static async make({ first, others }: (typeof WAYS)[number], records = RECORDS): Promise<Model> {
    const model = new Model(first === 'join' && others === 'join');
    await model.load(records);
    return model;
  }

  /** Whether the store refuses to join files, as HDFS does with those in a snapshot. */
  refuseToJoin(refuses: boolean): void {
    this.#disk.refusesToJoin = refuses;
  }

  compact(way: Way, intercept?: Intercept) {
    return compactFiles({
      store: this.#storeOf(intercept),
      copy: way === 'copy',
      config: {
        ...{ guarantee: 'exactly-once', format: 'json', path: DEFAULT_PATH, timezone: 'UTC' },
        roll: { bytes: 5, window: 3_600_000 },
      },
      ...{ beforeMs: 3_600_000, clock, logger: silentLogger, newId: this.#newId, signal },
    });
  }

  /** Loads up to so many more records, as a loader that takes the partition. */
  async load(count: number, intercept?: Intercept): Promise<void> {
    this.#records += count;
    const store = this.#storeOf(intercept);
    const connector = await takeOwnership(store, { connector: 'files', logId: 'log' }, this.#newId, signal);
    const identity = { connector, topic: 'topic', topicId: 'topic-id', partition: 0 };
    const chain = new Chain(store, identity, { clock, logger: silentLogger, newId: this.#newId, manifestsKept: 2 });
    const assignment = await chain.assign(() => {}, signal);
    for (let offset = (assignment.end ?? -1) + 1, k = 0; offset < this.#records; offset++, k++) {
      const name = assignment.fileName({ first: offset, index: 0, extension: '.json' });
      const final = `${FOLDERS[Math.floor(offset / 3) % 2]}/${name}`;
      const staged = await store.stage({ temporary: assignment.temporaryPath(k), final });
      await staged.write(Buffer.from(`${offset}\n`), signal);
      const sealed = await staged.seal(signal);
      await staged.close(signal);
      const files = [{ ...sealed, records: 1, first: offset, last: offset }];
      await assignment.commit({ kind: 'data', resume: offset, end: offset, refused: 0, files }, signal);
      this.#kept = Math.max(this.#kept, offset + 1);
    }
  }

  /** Each record that a finished commit holds stands in one file that is not replaced. */
  verify(least: number, most: number): void {
    const merges = new Merges(this.#files);
    const stored = this.#recordsOf(this.#files.filter((file) => !merges.isReplaced(file)));
    assert.ok(stored.length >= least && stored.length <= most, `${stored.length} of ${least} to ${most}`);
    assert.deepEqual(
      stored,
      stored.map((_, offset) => offset),
    );
  }

  /** Nothing is left of any merge. */
  verifyMerged(): void {
    const merges = new Merges(this.#files);
    assert.deepEqual(
      this.#files.filter((file) => merges.isHeld(file)),
      [],
    );
    assert.deepEqual(this.#disk.under('_millrace/tmp'), []);
    assert.ok(this.#files.some(({ merged }) => merged));
  }

  /** What was joined in part, and the rest beside it. */
  get leftOver() {
    return leftOverOf(this.#files);
  }

  /** A store that looks after each change whether all is well. */
  #storeOf(intercept: Intercept = async (_call, act) => act()): MemoryFileStore {
    const watched: Intercept = (call, act) =>
      intercept(call, () => {
        try {
          return act();
        } finally {
          if (this.#joinsOnly && CHANGES.has(call.name)) this.#verifyMoment();
        }
      });
    return new MemoryFileStore(this.#disk, watched, { joins: true });
  }

  /** Whoever reads all that stands finds each record once, whatever it is called. */
  #verifyMoment(): void {
    const stored = this.#recordsOf(this.#files);
    assert.ok(stored.length >= this.#kept, `${stored.length} of ${this.#kept}`);
    assert.deepEqual(
      stored,
      stored.map((_, offset) => offset),
    );
  }

  #recordsOf(files: readonly StandingFile[]): number[] {
    return files
      .flatMap(({ path }) => String(this.#disk.files.get(path)?.content).trimEnd().split('\n'))
      .map(Number)
      .sort((a, b) => a - b);
  }

  get #files(): StandingFile[] {
    return this.#disk.under('type=x').flatMap((path) => standingFile(path) ?? []);
  }

  readonly #newId = () => `id-${++this.#ids}`;
}

function quietly(act: () => unknown): void {
  try {
    act();
  } catch {
    // Nobody is there to hear it.
  }
}

for (const way of WAYS) {
  const ways = `${way.first}, others ${way.others}`;

  test(`every place to stop a compaction, while another one and a loader go on: ${ways}`, async () => {
    for (const fate of FATES) {
      for (let at = 0; ; at++) {
        const model = await Model.make(way);
        const interruption = new Interruption(at, fate);
        const first = model.compact(way.first, interruption.intercept);
        await interruption.until(first);
        if (!interruption.wasReached) {
          assert.ok(at > 40);
          break;
        }
        model.verify(RECORDS, RECORDS);
        await model.load(3);
        model.verify(RECORDS + 3, RECORDS + 3);
        await model.compact(way.others);
        model.verify(RECORDS + 3, RECORDS + 3);
        await interruption.resume(first);
        model.verify(RECORDS + 3, RECORDS + 3);
        // What arrives too late for all is removed with the next claim.
        await model.load(7);
        await model.compact(way.others);
        model.verify(RECORDS + 10, RECORDS + 10);
        model.verifyMerged();
      }
    }
  });

  test(`every pair of places to switch between two compactions: ${ways}`, async () => {
    for (let one = 0; ; one++) {
      for (let other = 0; ; other++) {
        const model = await Model.make(way, FEW);
        const interruptions = [new Interruption(one, 'pause'), new Interruption(other, 'pause')] as const;
        const first = model.compact(way.first, interruptions[0].intercept);
        await interruptions[0].until(first);
        if (!interruptions[0].wasReached) return;
        const second = model.compact(way.others, interruptions[1].intercept);
        await interruptions[1].until(second);
        model.verify(FEW, FEW);
        await interruptions[0].resume(first);
        model.verify(FEW, FEW);
        await interruptions[1].resume(second);
        model.verify(FEW, FEW);
        await model.compact(way.others);
        model.verify(FEW, FEW);
        model.verifyMerged();
        if (!interruptions[1].wasReached) break;
      }
    }
  });

  // A loader meets one compaction after the other.
  if (way.first !== way.others) continue;

  test(`every place to stop a loader, while a compaction goes on: ${ways}`, async () => {
    for (const fate of FATES) {
      for (let at = 0; ; at++) {
        const model = await Model.make(way);
        const interruption = new Interruption(at, fate);
        const loader = model.load(4, interruption.intercept);
        await interruption.until(loader);
        if (!interruption.wasReached) {
          assert.ok(at > 20);
          break;
        }
        await model.compact(way.first);
        model.verify(RECORDS, RECORDS + 4);
        await interruption.resume(loader);
        model.verify(RECORDS, RECORDS + 4);
        await model.load(2);
        await model.compact(way.others);
        model.verify(RECORDS + 6, RECORDS + 6);
        model.verifyMerged();
      }
    }
  });
}

test('every place to stop a join that is refused, and to let it through after all', async () => {
  for (const fate of FATES) {
    for (let at = 0; ; at++) {
      const model = await Model.make({ first: 'join', others: 'join' });
      model.refuseToJoin(true);
      const interruption = new Interruption(at, fate);
      const first = model.compact('join', interruption.intercept);
      await interruption.until(first);
      if (!interruption.wasReached) {
        assert.ok(at > 30);
        break;
      }
      model.verify(RECORDS, RECORDS);
      assert.ok((await model.compact('join')).refused.length > 0);
      const { leftOver } = model;
      assert.ok(leftOver.length > 0);
      // Whoever copies leaves it alone: what is on its way may still join it.
      await model.compact('copy');
      assert.deepEqual(model.leftOver, leftOver);
      model.verify(RECORDS, RECORDS);
      model.refuseToJoin(false);
      await interruption.resume(first);
      model.verify(RECORDS, RECORDS);
      await model.load(2);
      assert.deepEqual((await model.compact('join')).refused, []);
      model.verify(RECORDS + 2, RECORDS + 2);
      model.verifyMerged();
    }
  }
});
