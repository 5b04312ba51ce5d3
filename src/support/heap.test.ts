import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';

const MODULE = new URL('./heap.ts', import.meta.url).href;
/** What was allocated in a turn of the event loop that is over is held by nothing. */
const PROGRAM = `
  import { setImmediate } from 'node:timers/promises';
  import { shrinkHeap } from ${JSON.stringify(MODULE)};
  const dropped = (() => new WeakRef(Array.from({ length: 1_000 }, String)))();
  await setImmediate();
  shrinkHeap();
  console.log(dropped.deref() === undefined ? 'collected' : 'kept');
`;

for (const [flags, outcome] of [
  [['--expose-gc'], 'collected'],
  [[], 'kept'],
] as const) {
  test(`with ${flags[0] ?? 'no flag'}, what nothing holds is ${outcome}`, () => {
    const words = [...flags, '--input-type=module', '--eval', PROGRAM];
    assert.equal(execFileSync(process.execPath, words, { encoding: 'utf8' }).trim(), outcome);
  });
}
