import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { STEPS } from './calls.ts';
import { DIFFERENCES } from './differences.ts';
import { NORMALISATIONS } from './normalisations.ts';

test('docs/connect.md lists what is made alike, and each difference', () => {
  const docs = readFileSync(new URL('../../../docs/connect.md', import.meta.url), 'utf8');
  const listed = docs.slice(docs.indexOf('Made alike before:')).match(/(?<=^- ).*$/gm) ?? [];
  assert.deepEqual(listed, [...NORMALISATIONS.map(({ says }) => says), ...DIFFERENCES.map(({ reason }) => reason)]);
  const calls = STEPS.filter((step) => 'method' in step).length;
  assert.ok(docs.includes(`the same ${calls} calls`), `${calls} calls`);
});
