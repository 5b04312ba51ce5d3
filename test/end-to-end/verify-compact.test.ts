import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, rmSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Client } from '../support/client.ts';
import { Program } from '../support/program.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const COMMAND = path.join(import.meta.dirname, '../../bin/millrace');
const EVENTS = 12;
const HOURS_AGO = 5 * 3_600_000;

test('what a program loaded is verified, merged, and verified again', { timeout: 120_000 }, async (t) => {
  const directory = temporaryDirectory(t);
  const millrace = (...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...words], {
      cwd: directory,
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, MILLRACE_CONFIG: undefined },
    });
    return { status, stdout, stderr };
  };
  const configuration = {
    collector: { acknowledge: 'delivered' },
    connectors: { files: { files: { compression: 'gzip', roll: { age: '100ms' } } } },
  };
  await using program = await Program.start({ directory, configuration });
  const files = () =>
    globSync('files/type=*/**/*.gz', { cwd: program.data }).map((name) => path.join(program.data, name));

  const client = new Client(program.collector, 1);
  t.after(() => client.close());
  const timestamp = new Date(Date.now() - HOURS_AGO).toISOString();
  for (let i = 0; i < EVENTS; i++) {
    const before = files().length;
    await client.send(JSON.stringify({ type: 'select-color', timestamp, number: i }));
    await until('the event is in a file', async () => files().length > before);
  }

  const busy = millrace('verify', 'files', '--json');
  assert.equal(busy.status, 3);
  assert.equal(JSON.parse(busy.stdout).error.code, 'LOG_BUSY');
  const small = files().length;
  // Beside the program that loads.
  const merged = millrace('compact', 'files', '--copy', '--json');
  assert.equal(merged.status, 0, merged.stdout);
  assert.ok(JSON.parse(merged.stdout).sources > 0);
  assert.deepEqual(JSON.parse(merged.stdout).refused, []);
  assert.ok(files().length < small);
  assert.equal(await program.stop(), 0);

  const { status, stdout } = millrace('verify', 'files', '--json');
  const found = JSON.parse(stdout);
  assert.equal(status, 0, stdout);
  assert.ok(found.sound);
  assert.equal(found.total.stored, EVENTS);

  assert.match(millrace('compact', 'files', '--dry-run').stdout, /^To merge: /);
  assert.equal(millrace('compact', 'files', '--before', 'soon').status, 2);
  assert.equal(millrace('compact', 'nobody').status, 2);
  rmSync(files()[0]!);
  assert.equal(millrace('verify', 'files').status, 1);
});
