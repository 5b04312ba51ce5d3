import assert from 'node:assert/strict';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { isSound } from '../../src/sinks/verification.ts';
import type { FilesChanges } from '../support/files.ts';
import { A_COMMIT, GOOD, Loaded, RECORDS, TO } from '../support/loaded-files.ts';

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

for (const guarantee of ['exactly-once', 'at-least-once'] as const) {
  test(`verify finds the same when it holds few records at once, ${guarantee}`, async (t) => {
    const loaded = await Loaded.make(t, { guarantee });
    const [one = '', two = '', three = ''] = loaded.files;
    write(one, lines(one).slice(2));
    write(two, [...lines(two), ...lines(two).slice(3), '{"id":"of nobody"}', '{"id":"of nobody else"}']);
    rmSync(three);
    const all = await loaded.findings();
    assert.ok(all.lost > 2 && all.doubled > 2 && all.unexpected === 2);
    for (const mostHeld of [1, 5, 7]) assert.deepEqual(await loaded.findings(mostHeld), all);
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
      const { hasHappened } = loaded.meanwhile('list', listings, () => loaded.load(A_COMMIT));
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
