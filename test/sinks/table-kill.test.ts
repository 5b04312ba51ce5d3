import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { temporaryDirectory } from '../support/temporary.ts';
import { BROKEN_EVERY, RECORDS, recordAt, STOLEN_EVERY } from './table-loader.ts';

const LOADER = path.join(import.meta.dirname, 'table-loader.ts');

/** Loads, and kills the loader at once when it has begun so many batches; whether it was killed. */
async function loadAndKill(directory: string, batches: number): Promise<boolean> {
  const child = spawn(process.execPath, [LOADER, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  let seen = 0;
  child.stdout.on('data', (data: Buffer) => {
    seen += data.toString().split('\n').length - 1;
    if (seen >= batches) child.kill('SIGKILL');
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...end) => resolve(end));
  });
  assert.ok(code === 0 || signal === 'SIGKILL', `the loader ended with ${code ?? signal}`);
  return signal === 'SIGKILL';
}

test('a loader killed again and again loses nothing and doubles nothing', async (t) => {
  const directory = temporaryDirectory(t);
  let kills = 0;
  while (await loadAndKill(directory, 3 + ((kills * 7) % 20))) kills++;
  assert.ok(kills >= 3, `it was killed only ${kills} times`);

  const database = new DatabaseSync(path.join(directory, 'search.db'), { readOnly: true });
  t.after(() => database.close());
  const offsets = Array.from({ length: RECORDS }, (_, offset) => offset);
  const broken = offsets.filter((offset) => offset % BROKEN_EVERY === 5);
  const stolen = offsets.filter((offset) => offset > 0 && offset % STOLEN_EVERY === 0 && !broken.includes(offset));
  const refused = new Set([...broken, ...stolen]);
  const values = database.prepare('SELECT value FROM event ORDER BY timestamp').all();
  const expected = offsets.filter((offset) => !refused.has(offset)).map((offset) => String(recordAt(offset).value));
  assert.deepEqual(
    values.map(({ value }) => value),
    expected,
  );
  const words = database.prepare('SELECT count(*) AS n FROM event_text WHERE event_text MATCH ?').get('"user"');
  assert.equal(words?.['n'], expected.length);
  assert.equal(database.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');

  // A dead letter may be kept twice, and never not at all.
  const letters = new Set(readFileSync(path.join(directory, 'dead-letters'), 'utf8').trim().split('\n'));
  const wanted = [
    ...broken.map((offset) => `${offset} RECORD_NOT_AN_EVENT`),
    ...stolen.map((offset) => `${offset} EVENT_ID_TAKEN`),
  ];
  assert.deepEqual(letters, new Set(wanted));
});
