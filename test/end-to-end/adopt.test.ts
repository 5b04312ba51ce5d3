import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { Client } from '../support/client.ts';
import { Program } from '../support/program.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const COMMAND = path.join(import.meta.dirname, '../../bin/millrace');
const BEFORE = 5;
const AFTER = 7;

const configurationWith = (folder: string) => ({
  collector: { acknowledge: 'delivered' },
  connectors: { files: { files: { store: { local: { path: folder } }, roll: { age: '100ms' } } } },
});

for (const { from, stored } of [
  { from: 'position', stored: AFTER },
  { from: 'earliest', stored: BEFORE + AFTER },
]) {
  test(`a connector that was given another path goes on there from ${from}, and verify knows it`, {
    timeout: 120_000,
  }, async (t) => {
    const directory = temporaryDirectory(t);
    const [old, other] = [path.join(directory, 'old'), path.join(directory, 'other')];
    const millrace = (...words: string[]) =>
      spawnSync(process.execPath, [COMMAND, ...words], {
        cwd: directory,
        encoding: 'utf8',
        timeout: 60_000,
        env: { ...process.env, MILLRACE_CONFIG: undefined },
      });
    const send = async (program: Program, count: number) => {
      const client = new Client(program.collector, 1);
      for (let i = 0; i < count; i++) await client.send(JSON.stringify({ type: 'select-color', number: i }));
      client.close();
    };
    {
      await using program = await Program.start({ directory, configuration: configurationWith(old) });
      await send(program, BEFORE);
      assert.equal(await program.stopWhenLoaded(), 0);
    }
    {
      await using program = await Program.start({ directory, configuration: configurationWith(other) });
      await send(program, AFTER);
      const said = await until('it stops', async () => {
        const { connectors } = await program.status();
        return connectors.find(({ state }) => state === 'FAILED')?.lastError;
      });
      assert.equal(said.code, 'FILES_CHAIN_MISSING');
      assert.equal(JSON.parse(millrace('adopt', 'files', '--json').stdout).error.code, 'LOG_BUSY');
      await program.stop();
    }
    assert.equal(millrace('adopt', 'files', '--from', 'somewhere').status, 2);
    const adopted = millrace('adopt', 'files', '--from', from, '--json');
    assert.equal(adopted.status, 0, adopted.stdout);
    assert.ok(JSON.parse(adopted.stdout).adopted.length > 0);
    assert.match(millrace('adopt', 'files').stdout, /^Nothing to adopt/);
    {
      await using program = await Program.start({ directory, configuration: configurationWith(other) });
      assert.equal(await program.stopWhenLoaded(), 0);
    }
    const verified = millrace('verify', 'files', '--json');
    assert.equal(verified.status, 0, verified.stdout);
    const { total } = JSON.parse(verified.stdout);
    assert.deepEqual([total.stored, total.records], [stored, stored]);
  });
}
