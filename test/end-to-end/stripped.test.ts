import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = path.join(import.meta.dirname, '../..');

const { strip, strippedModules } = createRequire(import.meta.url)('../../bin/stripped.cjs') as {
  strip(node: string, root: string): void;
  strippedModules(root: string): string | undefined;
};

/** A checkout of the program, with the packages of this one. */
function checkout(t: TestContext): string {
  const root = temporaryDirectory(t);
  for (const folder of ['bin', 'src', 'pages']) {
    cpSync(path.join(ROOT, folder), path.join(root, folder), { recursive: true, preserveTimestamps: true });
  }
  cpSync(path.join(ROOT, 'package.json'), path.join(root, 'package.json'));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(root, 'node_modules'));
  return root;
}

const builds = (root: string) => readdirSync(path.join(root, 'build'));

/** What loads the code of a connector, in the main thread or another one, and says whether that loaded what strips types. */
const LOADING = `
  for (const file of ['app/connector-maker', 'log/kafka/open', 'sinks/files/sink']) await import(SRC + file + '.ts');
  console.log(process.moduleLoadList.some((name) => name.includes('amaro')));`;

function stripsTypes(root: string, flags: readonly string[], thread: 'main' | 'worker'): string {
  const script = `const SRC = ${JSON.stringify(`${pathToFileURL(root).href}/src/`)};${LOADING}`;
  const worker = `import { Worker } from 'node:worker_threads'; new Worker(new URL(${JSON.stringify(
    `data:text/javascript,${encodeURIComponent(script)}`,
  )}));`;
  const words = [...flags, '--input-type=module', '--eval', thread === 'main' ? script : worker];
  return execFileSync(process.execPath, words, { cwd: root, encoding: 'utf8' }).trim();
}

for (const thread of ['main', 'worker'] as const) {
  test(`a ${thread} thread that is given stripped modules strips none`, (t) => {
    const root = checkout(t);
    assert.equal(stripsTypes(root, [], thread), 'true');
    strip(process.execPath, root);
    assert.equal(stripsTypes(root, [`--import=${strippedModules(root)}`], thread), 'false');
  });
}

test('modules are stripped again when one has changed, and only then', (t) => {
  const root = checkout(t);
  assert.equal(strippedModules(root), undefined);
  strip(process.execPath, root);
  const [first = ''] = builds(root);
  const made = statSync(path.join(root, 'build', first)).ctimeMs;
  strip(process.execPath, root);
  assert.deepEqual(builds(root), [first]);
  assert.equal(statSync(path.join(root, 'build', first)).ctimeMs, made);

  writeFileSync(path.join(root, 'src/support/new.ts'), 'export const answer: number = 42;\n');
  assert.equal(strippedModules(root), undefined, 'what stands there is of other sources');
  strip(process.execPath, root);
  assert.equal(builds(root).length, 1);
  assert.notDeepEqual(builds(root), [first]);
});

test('a module that is no longer there stripped is loaded from its source', (t) => {
  const root = checkout(t);
  strip(process.execPath, root);
  const flags = [`--import=${strippedModules(root)}`];
  rmSync(path.join(root, 'build', builds(root)[0]!, 'sinks'), { recursive: true });
  assert.equal(stripsTypes(root, flags, 'main'), 'true');
});

test('what a process that was killed had begun does not stay', (t) => {
  const root = checkout(t);
  mkdirSync(path.join(root, 'build/unfinished-1'), { recursive: true });
  strip(process.execPath, root);
  assert.equal(builds(root).length, 1);
  assert.notEqual(strippedModules(root), undefined);
});

test('where nothing can be written, nothing is held up', (t) => {
  const root = checkout(t);
  // A file, since root may write in any folder.
  writeFileSync(path.join(root, 'build'), '');
  chmodSync(path.join(root, 'build'), 0o400);
  strip(process.execPath, root);
  assert.equal(strippedModules(root), undefined);
  const said = execFileSync(process.execPath, ['bin/millrace', 'up', '--help'], { cwd: root, encoding: 'utf8' });
  assert.match(said, /^Usage: millrace up/);
});

test('the program runs on stripped modules', (t) => {
  const root = checkout(t);
  execFileSync(process.execPath, ['bin/millrace', '--help'], { cwd: root });
  assert.equal(builds(root).length, 1);
  const main = path.join(root, 'build', builds(root)[0]!, 'main.ts');
  writeFileSync(main, `console.log('stripped');`);
  for (const words of [['up', '--help'], ['--version']]) {
    const said = execFileSync(process.execPath, ['bin/millrace', ...words], { cwd: root, encoding: 'utf8' });
    assert.equal(said.trim(), 'stripped');
  }
});
