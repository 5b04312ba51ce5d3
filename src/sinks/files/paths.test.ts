import assert from 'node:assert/strict';
import test from 'node:test';
import { chainPlaces, compactionPlaces, dataFileChain, dataFileName, mergedFileName } from './paths.ts';

const CHAIN = { connector: 'c0ffee00-uuid', topic: 'clicks', topicId: 'topic-id', partition: 3 };
const DATA = { first: 12, number: 7, index: 2, extension: '.json.gz' };
const MERGED = { first: 12, from: 3, to: 7, number: 9, extension: '.json' };
const FOLDER = 'type=x/hour=03';

test('the name of a data file tells its own chain which manifest is to commit it, with a window or without', () => {
  const { committedBy } = chainPlaces(CHAIN);
  for (const window of [undefined, Date.UTC(2026, 10, 22)]) {
    assert.equal(committedBy(`${FOLDER}/${dataFileName(CHAIN, { ...DATA, window })}`), 7);
  }
  for (const other of [{ partition: 4 }, { topicId: 'anew' }, { connector: 'other' }, { topic: 'click' }]) {
    assert.equal(committedBy(`${FOLDER}/${dataFileName({ ...CHAIN, ...other }, DATA)}`), undefined);
  }
  for (const stranger of ['', 'a.json', `${FOLDER}/part-0.json`, '_millrace/owner']) {
    assert.equal(committedBy(stranger), undefined);
  }
});

test('a merged file belongs to the chain of its folder, and to none of a partition', () => {
  const name = mergedFileName(dataFileChain(CHAIN), MERGED);
  assert.equal(compactionPlaces(FOLDER).committedBy(`${FOLDER}/${name}`), 9);
  assert.equal(compactionPlaces('').committedBy(name), 9);
  assert.equal(compactionPlaces(FOLDER).committedBy(`type=x/${name}`), undefined);
  assert.equal(compactionPlaces(FOLDER).committedBy(`${FOLDER}/${dataFileName(CHAIN, DATA)}`), undefined);
  assert.equal(chainPlaces(CHAIN).committedBy(`${FOLDER}/${name}`), undefined);
});
