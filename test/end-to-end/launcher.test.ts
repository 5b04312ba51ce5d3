import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const { isNewEnough } = createRequire(import.meta.url)('../../bin/find-node.cjs') as {
  isNewEnough(version: string): boolean;
};

const COMMAND = path.join(import.meta.dirname, '../../bin/millrace');
/** The machine's own Node, which may be older than the one that runs Millrace. */
const ENVIRONMENT = {
  ...process.env,
  PATH: (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((directory) => !directory.includes('node_modules'))
    .join(path.delimiter),
};

function olderNode(): string | undefined {
  const { stdout } = spawnSync('node', ['-p', 'process.execPath + " " + process.versions.node'], {
    env: ENVIRONMENT,
    encoding: 'utf8',
  });
  const [file, version] = (stdout ?? '').trim().split(' ');
  return version && !isNewEnough(version) ? file : undefined;
}

const older = olderNode();

test('a launcher that is killed takes the program along', {
  skip: older ? false : "the machine's Node runs Millrace itself",
}, async (t) => {
  const directory = temporaryDirectory(t);
  const file = path.join(directory, 'millrace.yaml');
  const listen = '127.0.0.1:0';
  writeFileSync(
    file,
    JSON.stringify({ data: path.join(directory, 'data'), collector: { listen }, operations: { listen } }),
  );
  const launcher = spawn(older!, [COMMAND, 'up', '--json', '--config', file], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => launcher.kill('SIGKILL'));
  const [line] = await once(createInterface({ input: launcher.stdout }), 'line', {
    signal: AbortSignal.timeout(30_000),
  });
  const { collector } = JSON.parse(String(line)) as { collector: string };
  const children = spawnSync('ps', ['-o', 'pid=', '--ppid', String(launcher.pid)], { encoding: 'utf8' }).stdout;
  const child = Number(children.trim());
  assert.ok(child > 0, `the launcher has one child: ${children}`);
  t.after(() => isAlive(child) && process.kill(child, 'SIGKILL'));

  launcher.kill('SIGKILL');
  await until('the program is gone', () => !isAlive(child));
  await assert.rejects(fetch(collector, { signal: AbortSignal.timeout(5_000) }));
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
