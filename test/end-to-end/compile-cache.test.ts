import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = path.join(import.meta.dirname, '../..');

const { SERVER_FLAGS } = createRequire(import.meta.url)('../../bin/find-node.cjs') as {
  SERVER_FLAGS: Readonly<Record<'up' | 'load' | 'collect', readonly string[]>>;
};

/** Runs a script of CommonJS with a compile cache, and gives what it prints. */
function run(directory: string, script: string, flags: readonly string[] = []): string {
  const env = { ...process.env, NODE_COMPILE_CACHE: directory };
  return execFileSync(process.execPath, [...flags, '--eval', script], { cwd: ROOT, env, encoding: 'utf8' }).trim();
}

/** Whether a process that loads the code of a connector loads what strips types as well. */
function stripsTypes(directory: string, flags: readonly string[]): string {
  return run(
    directory,
    `import('./src/app/connector-worker.ts').then(async () => {
       await import('./src/log/kafka/open.ts');
       await import('./src/sinks/files/sink.ts');
       console.log(process.moduleLoadList.some((name) => name.includes('amaro')));
     })`,
    flags,
  );
}

/** Fills the cache for one command. */
function fill(directory: string, command: keyof typeof SERVER_FLAGS = 'load'): void {
  const flags = JSON.stringify(SERVER_FLAGS[command]);
  const words = `${JSON.stringify(directory)}, process.execPath, ${flags}`;
  run(directory, `require('./bin/compile-cache.cjs').fillCompileCache(${words})`);
}

for (const [command, flags] of Object.entries(SERVER_FLAGS)) {
  test(`once the cache is filled for "${command}", no thread of it strips types`, (t) => {
    const directory = temporaryDirectory(t);
    assert.equal(stripsTypes(temporaryDirectory(t), flags), 'true');
    fill(directory, command as keyof typeof SERVER_FLAGS);
    assert.equal(stripsTypes(directory, flags), 'false');
  });
}

test('the cache is filled again only when something changed', (t) => {
  const directory = temporaryDirectory(t);
  const stamps = () => readdirSync(directory).filter((name) => name.startsWith('millrace-'));
  fill(directory);
  const [stamp] = stamps();
  assert.ok(stamp !== undefined);
  const file = path.join(directory, stamp);
  const long = new Date('2001-01-01');
  utimesSync(file, long, long);
  fill(directory);
  assert.deepEqual(statSync(file).mtime, long);
  writeFileSync(file, 'of other modules');
  fill(directory);
  assert.notEqual(readFileSync(file, 'utf8'), 'of other modules');
  assert.equal(stamps().length, 1);
});

test('where there can be no cache, nothing is held up', (t) => {
  const file = path.join(temporaryDirectory(t), 'no-folder');
  writeFileSync(file, '');
  assert.equal(run(file, `console.log(require('./bin/compile-cache.cjs').compileCache())`), 'undefined');
  const env = { ...process.env, NODE_COMPILE_CACHE: file };
  const said = execFileSync(process.execPath, ['bin/millrace', 'up', '--help'], { cwd: ROOT, env, encoding: 'utf8' });
  assert.match(said, /^Usage: millrace up/);
});
