import assert from 'node:assert/strict';
import test from 'node:test';
import { Merges, standingFile } from './standing.ts';

const FOLDER = 'type=x/hour=03';
const CHAIN = 'topic+id+connector+0';

function file(rest: string, folder = FOLDER) {
  const first = '0'.repeat(20);
  return standingFile(`${folder}/${CHAIN}+${first}+${rest}`)!;
}

test('a copy replaces what its name covers, and holds what is gone', () => {
  const covered = file('4+1-0.json');
  const merges = new Merges([covered, file('3-5+0.json')]);
  assert.equal(merges.isReplaced(covered), true);
  assert.equal(merges.isHeld(covered), true);
  assert.equal(merges.joinedWith(covered), undefined);
});

test('a joined file replaces nothing that stands, holds what is gone, and has a claim on what is left', () => {
  const [covered, joined] = [file('4+1-0.json'), file('3_5+0.json')];
  const merges = new Merges([covered, joined]);
  assert.equal(merges.isReplaced(covered), false);
  assert.equal(merges.isHeld(covered), true);
  assert.equal(merges.joinedWith(covered), joined);
});

test('a merged file says nothing of itself, nor of other numbers, folders and kinds', () => {
  for (const how of ['-', '_']) {
    const merged = file(`3${how}5+0.json`);
    const merges = new Merges([merged]);
    for (const other of [
      merged,
      file('2+1-0.json'),
      file('6+1-0.json'),
      file('4+1-0.json.gz'),
      file('4+1-0.json', 'type=x/hour=04'),
    ]) {
      assert.equal(merges.isHeld(other), false, other.path);
    }
  }
});
