import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { temporaryDirectory } from '../test/support/temporary.ts';

const root = path.join(import.meta.dirname, '..');
const { isNewEnough, nodePackageDirectories } = createRequire(import.meta.url)('../bin/find-node.cjs') as {
  isNewEnough(version: string): boolean;
  nodePackageDirectories(root: string): string[];
};

/** A checkout in which `npm` is a script that writes down what it was asked and fails on demand. */
function checkout(t: TestContext) {
  const directory = temporaryDirectory(t);
  for (const name of ['scripts/install.cjs', 'bin/find-node.cjs', 'package-lock.json']) {
    cpSync(path.join(root, name), path.join(directory, name));
  }
  const npm = path.join(directory, 'npm.cjs');
  const calls = path.join(directory, 'calls');
  const platformPackage = path.basename(nodePackageDirectories(directory)[0] ?? '');
  writeFileSync(
    npm,
    `const fs = require('node:fs');
     fs.appendFileSync(${JSON.stringify(calls)}, process.argv.slice(2).join(' ') + '\\n');
     if (process.env.NPM_FAILS) process.exit(1);
     fs.rmSync('node_modules', { recursive: true, force: true });
     fs.mkdirSync('node_modules/${platformPackage}/bin', { recursive: true });
     fs.writeFileSync('node_modules/${platformPackage}/bin/node', '');`,
  );
  return {
    directory,
    install: (extent: string, environment: Record<string, string> = {}) =>
      spawnSync(process.execPath, [path.join(directory, 'scripts/install.cjs'), extent], {
        env: { ...process.env, npm_execpath: npm, ...environment },
        encoding: 'utf8',
      }),
    calls: () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []),
  };
}

test('packages are installed once, and again when the lock file or the extent asks for it', (t) => {
  const { directory, install, calls } = checkout(t);
  assert.equal(install('run-time').status, 0);
  assert.match(calls()[0] ?? '', /^ci .*--ignore-scripts.*--omit=dev/);
  assert.equal(install('run-time').status, 0);
  assert.equal(calls().length, 1);

  assert.equal(install('all').status, 0);
  assert.equal(calls().length, 2);
  assert.doesNotMatch(calls()[1] ?? '', /omit/);
  assert.equal(install('run-time').status, 0);
  assert.equal(calls().length, 2, 'all holds what is needed at run time');

  writeFileSync(path.join(directory, 'package-lock.json'), '{}');
  assert.equal(install('run-time').status, 0);
  assert.equal(calls().length, 3);
});

test('the packaged Node is linked where npm did not', (t) => {
  const { directory, install } = checkout(t);
  install('run-time');
  const link = readlinkSync(path.join(directory, 'node_modules/.bin/node'));
  assert.ok(existsSync(path.resolve(directory, 'node_modules/.bin', link)));
});

test('an install that failed says so and is tried again', (t) => {
  const { install, calls } = checkout(t);
  const failed = install('run-time', { NPM_FAILS: '1' });
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /could not be installed/);
  assert.equal(install('run-time').status, 0);
  assert.equal(calls().length, 2);
});

test('a wrong word is a usage fault', (t) => {
  const { install, calls } = checkout(t);
  assert.equal(install('everything').status, 2);
  assert.deepEqual(calls(), []);
});

test('versions of Node are compared as numbers', () => {
  for (const version of ['26.10.0', '26.12.1', '27.0.0', '100.0.0']) assert.equal(isNewEnough(version), true, version);
  for (const version of ['9.0.0', '20.19.1', '25.99.99', '26.9.0']) assert.equal(isNewEnough(version), false, version);
});

interface LockedPackage {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
  readonly resolved?: string;
}

test('the lock file installs everywhere: each optional package named, no address, no install script', () => {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, LockedPackage>>;
  };
  const missing = Object.values(packages)
    .flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
    .filter((name) => !Object.keys(packages).some((place) => place.endsWith(`node_modules/${name}`)));
  assert.deepEqual(missing, []);
  assert.deepEqual(
    Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined),
    [],
  );
  assert.deepEqual(
    Object.entries(packages).filter(([, { hasInstallScript, dev }]) => hasInstallScript && !dev),
    [],
  );
});

test('bin/millrace passes the exit code and the signals of the program on', async (t) => {
  const directory = temporaryDirectory(t);
  for (const name of ['bin', 'package.json']) {
    cpSync(path.join(root, name), path.join(directory, name), { recursive: true });
  }
  mkdirSync(path.join(directory, 'src'));
  symlinkSync(path.join(root, 'node_modules'), path.join(directory, 'node_modules'));
  writeFileSync(
    path.join(directory, 'src/main.ts'),
    `const alive: NodeJS.Timeout = setInterval(() => {}, 1_000);
     process.on('SIGTERM', () => { clearInterval(alive); process.exitCode = 7; });
     console.log('up', process.argv.slice(2).join(' '));`,
  );
  const program = spawn(process.execPath, [path.join(directory, 'bin/millrace'), 'up', '--quiet'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => program.kill('SIGKILL'));
  const [said] = (await program.stdout.take(1).toArray()) as [Buffer];
  assert.equal(said.toString().trim(), 'up up --quiet');
  program.kill('SIGTERM');
  const code = await new Promise((resolve) => program.once('exit', resolve));
  assert.equal(code, 7);
});
