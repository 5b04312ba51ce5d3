import assert from 'node:assert/strict';
import { cpSync, globSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import type { CompactOptions } from '../../src/sinks/files/compaction/compact.ts';
import { compactFiles } from '../../src/sinks/files/compaction/compact.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import type { FilesChanges } from '../support/files.ts';
import { A_COMMIT, GOOD, Loaded, RECORDS } from '../support/loaded-files.ts';
import { START } from '../support/records.ts';

const HOUR_MS = 3_600_000;

/** Five hours after the events of the tests. */
function optionsOf({ store, config }: Loaded, signal: AbortSignal): CompactOptions {
  return {
    ...{ store, config, signal, logger: silentLogger, beforeMs: 2 * HOUR_MS },
    clock: { ...systemClock, now: () => START + 5 * HOUR_MS },
    newId: () => crypto.randomUUID(),
  };
}

const COMPRESSIONS: readonly FilesChanges[] = [{}, { compression: 'gzip' }, { compression: 'zstd' }];
const CASES = COMPRESSIONS.flatMap((given) => [
  { given, joins: false },
  { given, joins: true },
]);

for (const { given, joins } of CASES) {
  const how = joins ? 'joined' : 'copied';

  test(`merges what is settled, and verify finds nothing wrong: ${JSON.stringify(given)}, ${how}`, async (t) => {
    const loaded = await Loaded.make(t, given);
    if (joins) loaded.letJoin();
    const options = optionsOf(loaded, t.signal);
    const before = loaded.files;

    assert.deepEqual(await compactFiles({ ...options, dryRun: true }), {
      folders: 1,
      sources: 2,
      merged: 1,
      bytes: 0,
      damaged: [],
      refused: [],
    });
    assert.deepEqual(loaded.files, before);

    const { bytes, ...found } = await compactFiles(options);
    assert.deepEqual(found, { folders: 1, sources: 2, merged: 1, damaged: [], refused: [] });
    // The file of the newest manifest stays for whoever has to finish it.
    assert.equal(loaded.files.length, 2);
    assert.ok(loaded.files.includes(before.at(-1)!));
    assert.equal(bytes, readFileSync(loaded.files.find((file) => file !== before.at(-1))!).length);
    assert.deepEqual(await loaded.findings(), GOOD);

    const after = loaded.files;
    assert.equal((await compactFiles(options)).sources, 0);
    assert.deepEqual(loaded.files, after);
    assert.deepEqual(globSync('_millrace/tmp/compact*/**/*', { cwd: loaded.root }), []);

    // What was in the newest file is merged with what comes later, and the merged file stays.
    await loaded.load(2 * A_COMMIT);
    assert.equal((await compactFiles(options)).sources, 2);
    assert.equal(loaded.files.length, 3);
    const all = RECORDS + 2 * A_COMMIT;
    assert.deepEqual(await loaded.findings(), { ...GOOD, to: all, records: all, stored: all });
  });
}

test('verify takes no source for a copy that a killed compaction left', async (t) => {
  const loaded = await Loaded.make(t);
  const kept = path.join(loaded.root, 'kept');
  const [one = ''] = loaded.files;
  cpSync(one, kept);
  await compactFiles(optionsOf(loaded, t.signal));
  cpSync(kept, one);
  assert.deepEqual(await loaded.findings(), GOOD);
});

test('verify beside a compaction says so, and never that a record is lost', async (t) => {
  let told = 0;
  for (let reads = 0; ; reads++) {
    const loaded = await Loaded.make(t);
    const { hasHappened } = loaded.meanwhile('read', reads, async () => {
      await compactFiles(optionsOf(loaded, t.signal));
    });
    try {
      assert.deepEqual(await loaded.findings(), GOOD);
      if (!hasHappened()) break;
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'FILES_MERGED_MEANWHILE');
      told++;
    }
  }
  assert.ok(told > 0);
});

test('verify beside a join says so or finds nothing wrong, at whichever reads it begins and ends', async (t) => {
  const told = new Set<string>();
  for (let renamed = 0, isOver = false; !isOver; renamed++) {
    for (let joined = 0; ; joined++) {
      const loaded = await Loaded.make(t);
      const joining = loaded.letJoin();
      const options = optionsOf(loaded, t.signal);
      let last = { hasHappened: () => false };
      const first = loaded.meanwhile('read', renamed, async () => {
        joining.refuses = true;
        assert.equal((await compactFiles(options)).refused.length, 1);
        joining.refuses = false;
        last = loaded.meanwhile('read', joined, async () => {
          await compactFiles(options);
        });
      });
      let outcome = 'sound';
      try {
        assert.deepEqual(await loaded.findings(), GOOD);
      } catch (error) {
        outcome = (error as { code?: string }).code ?? String(error);
      }
      told.add(outcome);
      isOver = !first.hasHappened();
      if (isOver || !last.hasHappened()) break;
    }
  }
  assert.deepEqual([...told].sort(), ['FILES_MERGED_MEANWHILE', 'sound']);
});

test('verify beside a join doubles nothing when it reads again what differs', async (t) => {
  for (let reads = 0; ; reads++) {
    const loaded = await Loaded.make(t);
    const joining = loaded.letJoin();
    joining.refuses = true;
    await compactFiles(optionsOf(loaded, t.signal));
    joining.refuses = false;
    const [one = ''] = loaded.files;
    writeFileSync(one, readFileSync(one, 'utf8').split('\n').slice(1).join('\n'));
    const { hasHappened } = loaded.meanwhile('read', reads, async () => {
      await compactFiles(optionsOf(loaded, t.signal));
    });
    try {
      const { lost, doubled } = await loaded.findings();
      assert.deepEqual({ lost, doubled }, { lost: 1, doubled: 0 });
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'FILES_MERGED_MEANWHILE');
    }
    if (!hasHappened()) break;
  }
});

test('what a store refuses to join is named, stands as sound as before, and is joined later', async (t) => {
  const loaded = await Loaded.make(t);
  await loaded.load(3 * A_COMMIT);
  const joining = loaded.letJoin();
  joining.refuses = true;
  const options = (bytes: number) => {
    return { ...optionsOf(loaded, t.signal), config: { ...loaded.config, roll: { bytes, window: HOUR_MS } } };
  };
  const before = loaded.files;
  const small = options(5_000);
  const { refused, sources, merged } = await compactFiles(small);
  assert.deepEqual({ sources, merged }, { sources: 0, merged: 0 });
  const sound = { ...GOOD, to: 2 * RECORDS, records: 2 * RECORDS, stored: 2 * RECORDS };
  assert.deepEqual(await loaded.findings(), sound);
  // Only what was begun with stays: the others may be copied, or joined when nothing is in the way.
  assert.equal(loaded.files.length, before.length);
  assert.deepEqual(
    refused.map((file) => path.join(loaded.root, file)),
    before.slice(1, 1 + refused.length),
  );

  assert.deepEqual((await compactFiles(small)).refused, refused);
  const copied = await compactFiles({ ...small, copy: true });
  assert.deepEqual(copied.refused, []);
  assert.ok(copied.sources > 0);
  assert.ok(refused.every((file) => loaded.files.includes(path.join(loaded.root, file))));
  assert.deepEqual(await loaded.findings(), sound);

  joining.refuses = false;
  const dry = await compactFiles({ ...small, dryRun: true });
  const found = await compactFiles(small);
  assert.deepEqual([dry.sources, found.sources, found.refused], [refused.length, refused.length, []]);
  assert.ok(refused.every((file) => !loaded.files.includes(path.join(loaded.root, file))));
  assert.deepEqual(await loaded.findings(), sound);
});

for (const joins of [false, true]) {
  test(`verify finds what is lost with a merged file, ${joins ? 'joined' : 'copied'}`, async (t) => {
    const loaded = await Loaded.make(t);
    if (joins) loaded.letJoin();
    await compactFiles(optionsOf(loaded, t.signal));
    const merged = loaded.files.filter((file) => /\+\d+[-_]\d+\+\d+\.json$/.test(file));
    assert.deepEqual(
      merged.map((file) => file.includes('_', file.lastIndexOf('/'))),
      [joins],
    );
    rmSync(merged[0]!);
    const found = await loaded.findings();
    assert.equal(found.lost, 2 * A_COMMIT);
  });
}

test('an empty file is in the way of a join, and is left where it is', async (t) => {
  const loaded = await Loaded.make(t);
  loaded.letJoin();
  await loaded.load(2 * A_COMMIT);
  const [, empty = ''] = loaded.files;
  truncateSync(empty, 0);
  const { sources, damaged, refused } = await compactFiles(optionsOf(loaded, t.signal));
  assert.deepEqual({ sources, damaged, refused }, { sources: 2, damaged: [], refused: [] });
  assert.ok(loaded.files.includes(empty));
});

test('leaves the folders of hours alone that may not be over', async (t) => {
  const loaded = await Loaded.make(t);
  const options = optionsOf(loaded, t.signal);
  assert.equal((await compactFiles({ ...options, beforeMs: 5 * HOUR_MS })).sources, 0);
  assert.equal((await compactFiles({ ...options, beforeMs: 4 * HOUR_MS })).sources, 2);
});

test('leaves a damaged file as it is, and what lies on both sides of it apart', async (t) => {
  const loaded = await Loaded.make(t, { compression: 'gzip' });
  await loaded.load(2 * A_COMMIT);
  const { files } = loaded;
  truncateSync(files[2]!, 40);
  const found = await compactFiles(optionsOf(loaded, t.signal));
  assert.deepEqual(
    found.damaged.map((file) => path.join(loaded.root, file)),
    [files[2]],
  );
  assert.equal(found.sources, 2);
  assert.deepEqual(
    loaded.files.filter((file) => files.includes(file)),
    files.slice(2),
  );
  const { lost, corrupt } = await loaded.findings();
  assert.deepEqual({ lost, corrupt }, { lost: A_COMMIT, corrupt: 1 });
});

test('a merged file is ended by roll.bytes', async (t) => {
  const loaded = await Loaded.make(t);
  await loaded.load(3 * A_COMMIT);
  const [one = ''] = loaded.files;
  const bytes = Math.floor(readFileSync(one).length * 1.5);
  const options = optionsOf(loaded, t.signal);
  const { sources, merged } = await compactFiles({
    ...options,
    config: { ...loaded.config, roll: { bytes, window: HOUR_MS } },
  });
  assert.deepEqual({ sources, merged }, { sources: 4, merged: 2 });
  const all = RECORDS + 3 * A_COMMIT;
  assert.deepEqual(await loaded.findings(), { ...GOOD, to: all, records: all, stored: all });
});

for (const given of [{ format: 'parquet' }, { guarantee: 'at-least-once' }] as const) {
  test(`refuses what it can't merge: ${JSON.stringify(given)}`, async (t) => {
    const loaded = await Loaded.make(t, given);
    const before = loaded.files;
    await assert.rejects(compactFiles(optionsOf(loaded, t.signal)), { code: 'FILES_COMPACT_UNFIT' });
    assert.deepEqual(loaded.files, before);
  });
}
