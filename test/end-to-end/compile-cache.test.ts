import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = path.join(import.meta.dirname, '../..');

/** Runs a script of CommonJS with a compile cache, and gives what it prints. */
function run(directory: string, script: string): string {
  const env = { ...process.env, NODE_COMPILE_CACHE: directory };
  return execFileSync(process.execPath, ['--eval', script], { cwd: ROOT, env, encoding: 'utf8' }).trim();
}

/** Whether a process that loads the code of a connector loads what strips types as well. */
function stripsTypes(directory: string): string {
  return run(
    directory,
    `import('./src/app/connector-worker.ts').then(async () => {
       await import('./src/log/kafka/open.ts');
       await import('./src/sinks/files/sink.ts');
       console.log(process.moduleLoadList.some((name) => name.includes('amaro')));
     })`,
  );
}

const FILL = `require('./bin/compile-cache.cjs').fillCompileCache(process.execPath)`;

test('once the cache is filled, no thread strips types', (t) => {
  const directory = temporaryDirectory(t);
  assert.equal(stripsTypes(temporaryDirectory(t)), 'true');
  run(directory, FILL);
  assert.equal(stripsTypes(directory), 'false');
});

test('the cache is filled again only when something changed', (t) => {
  const directory = temporaryDirectory(t);
  const stamps = () => readdirSync(directory).filter((name) => name.startsWith('millrace-'));
  run(directory, FILL);
  const [stamp] = stamps();
  assert.ok(stamp !== undefined);
  const file = path.join(directory, stamp);
  const long = new Date('2001-01-01');
  utimesSync(file, long, long);
  run(directory, FILL);
  assert.deepEqual(statSync(file).mtime, long);
  writeFileSync(file, 'of other modules');
  run(directory, FILL);
  assert.notEqual(readFileSync(file, 'utf8'), 'of other modules');
  assert.equal(stamps().length, 1);
});

test('a cache that can not be written holds up nothing', (t) => {
  const file = path.join(temporaryDirectory(t), 'no-folder');
  writeFileSync(file, '');
  assert.equal(run(file, `${FILL}; console.log('went on')`), 'went on');
});
