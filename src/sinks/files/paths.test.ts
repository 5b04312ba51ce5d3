import assert from 'node:assert/strict';
import test from 'node:test';
import {
  chainPlaces,
  compactionPlaces,
  dataFileChain,
  dataFileName,
  joinedFileName,
  mergedFileName,
  parseDataFileName,
} from './paths.ts';

const CHAIN = { connector: 'c0ffee00-uuid', topic: 'clicks', topicId: 'topic-id', partition: 3 };
const DATA = { first: 12, number: 7, claim: 5, index: 2, extension: '.json.gz' };
const MERGED = { first: 12, from: 3, to: 7, number: 9, extension: '.json' };
const FOLDER = 'type=x/hour=03';

test('the name of a data file tells its own chain whether it is of an older claim, with a window or without', () => {
  const { isStray } = chainPlaces(CHAIN);
  for (const window of [undefined, Date.UTC(2026, 10, 22)]) {
    const file = `${FOLDER}/${dataFileName(CHAIN, { ...DATA, window })}`;
    assert.deepEqual([isStray(file, 5), isStray(file, 6)], [false, true]);
  }
  for (const other of [{ partition: 4 }, { topicId: 'anew' }, { connector: 'other' }, { topic: 'click' }]) {
    assert.equal(isStray(`${FOLDER}/${dataFileName({ ...CHAIN, ...other }, DATA)}`, 100), false);
  }
  for (const stranger of ['', 'a.json', `${FOLDER}/part-0.json`, '_millrace/owner']) {
    assert.equal(isStray(stranger, 100), false);
  }
});

test('what the name of a data file tells is read back', () => {
  const parsed = parseDataFileName(dataFileName(CHAIN, DATA));
  assert.deepEqual(parsed, {
    ...{ chain: dataFileChain(CHAIN), first: 12, from: 7, to: 7, merged: false, joined: false },
    ...{ claim: 5, last: 2, extension: '.json.gz' },
  });
});

test('a merged file belongs to the chain of its folder, and to none of a partition', () => {
  const name = mergedFileName(dataFileChain(CHAIN), MERGED);
  const { isStray } = compactionPlaces(FOLDER);
  assert.deepEqual([isStray(`${FOLDER}/${name}`, 8), isStray(`${FOLDER}/${name}`, 9)], [false, true]);
  assert.equal(compactionPlaces('').isStray(name, 9), true);
  assert.equal(isStray(`type=x/${name}`, 100), false);
  assert.equal(isStray(`${FOLDER}/${dataFileName(CHAIN, DATA)}`, 100), false);
  assert.equal(chainPlaces(CHAIN).isStray(`${FOLDER}/${name}`, 100), false);
});

test('the name of a joined file begins as that of its first, and is told from that of a copy', () => {
  for (const window of [undefined, Date.UTC(2026, 10, 22)]) {
    const name = dataFileName(CHAIN, { ...DATA, window });
    const head = parseDataFileName(name)!;
    const joined = joinedFileName(head, { to: 9, number: 4 });
    const time = window === undefined ? {} : { window: '20261122T000000Z' };
    assert.deepEqual(parseDataFileName(joined), {
      ...{ chain: dataFileChain(CHAIN), ...time, first: 12, from: 7, to: 9, merged: true, joined: true },
      ...{ last: 4, extension: '.json.gz' },
    });
    // In a listing by pages it stands where its first one did.
    assert.ok(name < joined);
    assert.equal(joined.split('+7')[0], name.split('+7')[0]);
  }
  const copied = parseDataFileName(mergedFileName(dataFileChain(CHAIN), MERGED));
  assert.deepEqual([copied?.merged, copied?.joined], [true, false]);
});
