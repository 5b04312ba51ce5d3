import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import { makeDirectory } from './make-directory.ts';

test('a directory is made with its parents, and again without harm', (t) => {
  const directory = path.join(temporaryDirectory(t), 'a/b/c');
  makeDirectory(directory);
  makeDirectory(directory);
  assert.ok(statSync(directory).isDirectory());
});

test('what is in the way is the error', (t) => {
  const file = path.join(temporaryDirectory(t), 'file');
  writeFileSync(file, '');
  assert.throws(() => makeDirectory(file), { code: 'EEXIST' });
  assert.throws(() => makeDirectory(path.join(file, 'a/b')), { code: 'ENOTDIR' });
});

test('where nothing can be made, it ends', { skip: process.platform !== 'linux' && 'there is no /proc' }, () => {
  // In a process of its own, which can be ended if it does not.
  const module = path.join(import.meta.dirname, 'make-directory.ts');
  const script = `(await import(${JSON.stringify(module)})).makeDirectory('/proc/nope/below')`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.equal(status, 1);
  assert.match(stderr, /ENOENT/);
});
