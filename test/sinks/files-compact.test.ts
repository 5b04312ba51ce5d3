import assert from 'node:assert/strict';
import { cpSync, globSync, readFileSync, rmSync, truncateSync } from 'node:fs';
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

for (const given of COMPRESSIONS) {
  test(`merges what is settled, and verify finds nothing wrong: ${JSON.stringify(given)}`, async (t) => {
    const loaded = await Loaded.make(t, given);
    const options = optionsOf(loaded, t.signal);
    const before = loaded.files;

    assert.deepEqual(await compactFiles({ ...options, dryRun: true }), {
      folders: 1,
      sources: 2,
      merged: 1,
      bytes: 0,
      damaged: [],
    });
    assert.deepEqual(loaded.files, before);

    const { bytes, ...found } = await compactFiles(options);
    assert.deepEqual(found, { folders: 1, sources: 2, merged: 1, damaged: [] });
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

test('verify finds what is lost with a merged file', async (t) => {
  const loaded = await Loaded.make(t);
  await compactFiles(optionsOf(loaded, t.signal));
  rmSync(loaded.files.find((file) => /\+\d+-\d+\+\d+\.json$/.test(file))!);
  const found = await loaded.findings();
  assert.equal(found.lost, 2 * A_COMMIT);
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
