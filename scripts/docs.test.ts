import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { referenceDocs } from './docs.ts';

test('the reference docs are what the definitions say', async () => {
  for (const [file, text] of Object.entries(await referenceDocs())) {
    const written = readFileSync(path.join(import.meta.dirname, '..', file), 'utf8');
    assert.ok(written === text, `${file} is old: run "node scripts/docs.ts"`);
  }
});
