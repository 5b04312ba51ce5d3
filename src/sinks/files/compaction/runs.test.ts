import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { standingFile } from '../standing.ts';
import { leftOverOf, runsOf } from './runs.ts';

const FOLDER = 'type=x/hour=03';

/** A file of the manifest with this number, or one that was merged. */
function file(numbers: string, first = Number.parseInt(numbers, 10)) {
  const rest = /[-_]/.test(numbers) ? '0' : '1-0';
  return standingFile(`${FOLDER}/topic+id+connector+0+${String(first).padStart(20, '0')}+${numbers}+${rest}.json`)!;
}

function runs(files: readonly string[], excluded: readonly string[] = []) {
  const found = runsOf(
    files.map((numbers) => file(numbers)),
    {
      settledBefore: () => 10,
      extensions: ['.json'],
      excluded: new Set(excluded.map((numbers) => file(numbers).path)),
    },
  );
  return found.map((run) => run.flat().map(({ from }) => from));
}

test('a run is ended by a merged file of either kind, by an excluded one, and by what is not settled', () => {
  assert.deepEqual(runs(['1', '2', '3']), [[1, 2, 3]]);
  for (const merged of ['3-4', '3_4']) {
    const apart = ['1', '2', merged, '5', '6', '10'];
    assert.deepEqual(runs(apart), [
      [1, 2],
      [5, 6],
    ]);
  }
  assert.deepEqual(runs(['1', '2', '3', '4', '5'], ['3']), [
    [1, 2],
    [4, 5],
  ]);
});

test('what is left over of a merge is not free, whichever way it was merged', () => {
  for (const merged of ['1-5', '1_5']) assert.deepEqual(runs([merged, '1', '3', '4', '5', '6', '7']), [[6, 7]]);
});

test('what is left over of a join belongs to it, in the order of offsets', () => {
  const [joined, copied] = [file('1_4'), file('5-9')];
  const found = leftOverOf([file('4'), file('2', 22), file('2', 21), joined, copied, file('6'), file('10')]);
  assert.equal(found.length, 1);
  assert.equal(found[0]!.joined, joined);
  assert.deepEqual(
    found[0]!.files.map(({ path: file }) => Number(path.posix.basename(file).split('+')[4])),
    [21, 22, 4],
  );
});
