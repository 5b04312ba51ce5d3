import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = path.join(import.meta.dirname, '../..');

const { strippedModules } = createRequire(import.meta.url)('../../bin/stripped.cjs') as {
  strippedModules(node: string, root: string): string | undefined;
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
    assert.equal(stripsTypes(root, [`--import=${strippedModules(process.execPath, root)}`], thread), 'false');
  });
}

test('modules are stripped again when what stands in one has changed, and only then', (t) => {
  const root = checkout(t);
  const first = strippedModules(process.execPath, root);
  const build = path.join(root, 'build', builds(root)[0]!);
  const made = statSync(build).ctimeMs;
  const module = path.join(root, 'src/support/clock.ts');
  const times = statSync(module);
  utimesSync(module, new Date('1985-10-26'), new Date('1985-10-26'));
  assert.equal(strippedModules(process.execPath, root), first);
  assert.equal(statSync(build).ctimeMs, made);

  writeFileSync(module, readFileSync(module, 'utf8').replace('Date.now()', 'Date.nah()'));
  utimesSync(module, times.atime, times.mtime);
  assert.notEqual(strippedModules(process.execPath, root), first, 'as long and as old as before');
  assert.equal(builds(root).length, 1);
});

test('a module that is no longer there stripped is loaded from its source', (t) => {
  const root = checkout(t);
  const flags = [`--import=${strippedModules(process.execPath, root)}`];
  rmSync(path.join(root, 'build', builds(root)[0]!, 'sinks'), { recursive: true });
  assert.equal(stripsTypes(root, flags, 'main'), 'true');
});

test('what a process that was killed had begun is removed, and nothing that is not ours', (t) => {
  const root = checkout(t);
  const [old, young, foreign] = ['unfinished-old', 'unfinished-young', 'mine'].map((name) => {
    const folder = path.join(root, 'build', name);
    mkdirSync(folder, { recursive: true });
    return folder;
  });
  utimesSync(old!, new Date('2001-01-01'), new Date('2001-01-01'));
  assert.notEqual(strippedModules(process.execPath, root), undefined);
  assert.deepEqual(
    [old, young, foreign].map((folder) => existsSync(folder!)),
    [false, true, true],
  );
});

test('several first starts at once make one', async (t) => {
  const root = checkout(t);
  const starts = Array.from({ length: 4 }, () =>
    promisify(execFile)(process.execPath, ['bin/millrace', '--version'], { cwd: root }),
  );
  const versions = new Set((await Promise.all(starts)).map(({ stdout }) => stdout));
  assert.deepEqual([versions.size, builds(root).length], [1, 1]);
});

test('where nothing can be written, or a module can not be read, nothing is held up', (t) => {
  const root = checkout(t);
  const starts = () => {
    assert.equal(strippedModules(process.execPath, root), undefined);
    const said = execFileSync(process.execPath, ['bin/millrace', 'up', '--help'], { cwd: root, encoding: 'utf8' });
    assert.match(said, /^Usage: millrace up/);
  };
  // A file, since root may write in any folder.
  writeFileSync(path.join(root, 'build'), '');
  starts();
  rmSync(path.join(root, 'build'));
  symlinkSync('nowhere', path.join(root, 'src/dangling.ts'));
  starts();
});

test('the program runs on stripped modules', (t) => {
  const root = checkout(t);
  execFileSync(process.execPath, ['bin/millrace', '--help'], { cwd: root });
  writeFileSync(path.join(root, 'build', builds(root)[0]!, 'main.ts'), `console.log('stripped');`);
  for (const words of [['up', '--help'], ['--version']]) {
    const said = execFileSync(process.execPath, ['bin/millrace', ...words], { cwd: root, encoding: 'utf8' });
    assert.equal(said.trim(), 'stripped');
  }
});
