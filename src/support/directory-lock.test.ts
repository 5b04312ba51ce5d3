import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import { lockDirectory } from './directory-lock.ts';

/** Takes the lock and keeps nothing of it but the process itself. */
const HOLDER = `
  const { lockDirectory } = await import(process.argv[1]);
  console.log(lockDirectory(process.argv[2]) ? 'locked' : 'refused');
  globalThis.gc();
  setInterval(() => {}, 1000);
`;

test('a directory has one holder at a time', (t) => {
  const directory = path.join(temporaryDirectory(t), 'made', 'on demand');
  const lock = lockDirectory(directory);
  assert.ok(lock);
  assert.equal(lockDirectory(directory), undefined);
  lock.release();
  const next = lockDirectory(directory);
  assert.ok(next);
  next.release();
});

test('another process is refused, and a killed one frees the directory', async (t) => {
  const directory = temporaryDirectory(t);
  const file = path.join(import.meta.dirname, 'directory-lock.ts');
  const hold = async () => {
    const holder = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', HOLDER, file, directory]);
    t.after(() => holder.kill('SIGKILL'));
    const [answer] = await once(holder.stdout, 'data');
    return { holder, answer: String(answer).trim() };
  };
  const first = await hold();
  assert.equal(first.answer, 'locked');
  assert.equal(lockDirectory(directory), undefined);
  assert.equal((await hold()).answer, 'refused');
  first.holder.kill('SIGKILL');
  await once(first.holder, 'exit');
  const lock = lockDirectory(directory);
  assert.ok(lock);
  lock.release();
});

test('what is wrong with the directory itself is said', () => {
  assert.throws(() => lockDirectory('/dev/null/no'), { code: 'ENOTDIR' });
});
