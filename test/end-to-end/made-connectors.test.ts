/** Commands know connectors that were made at run time as those of the file. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { kafkaTest } from '../engines/kafka-test.ts';
import { Client, sampleEvent } from '../support/client.ts';
import { Program } from '../support/program.ts';
import { idsInTable } from '../support/read-back.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const COMMAND = path.join(import.meta.dirname, '../../bin/millrace');
const EVENTS = 10;
const DAY = ['--from', '2026-01-01T00:00:00Z', '--to', '2100-01-01T00:00:00Z'];

interface Scene {
  readonly program: Program;
  millrace(...words: string[]): { readonly status: number | null; readonly answer: Answer };
}

interface Answer {
  readonly sound?: boolean;
  readonly total?: Readonly<Record<string, number>>;
  readonly replayed?: number;
  readonly written?: number;
  readonly error?: { readonly code: string };
  readonly adopted?: readonly unknown[];
  readonly length?: number;
}

function commandIn(directory: string, file: string): Scene['millrace'] {
  return (...words) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...words, '--json', '--config', file], {
      cwd: directory,
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, MILLRACE_CONFIG: undefined },
    });
    assert.notEqual(stdout, '', stderr);
    return { status, answer: JSON.parse(stdout) as Answer };
  };
}

async function everyCommand(t: TestContext, { program, millrace }: Scene, suffix = ''): Promise<void> {
  const [files, rows] = [`files${suffix}`, `rows${suffix}`];
  const create = async (name: string, config: object) => {
    await until(`${name} is made`, async () => {
      const body = JSON.stringify({ 'topics.regex': 'select-.*|web-.*', ...config });
      const headers = { 'content-type': 'application/json', connection: 'close' };
      const answer = await fetch(`${program.operations}/connectors/${name}/config`, { method: 'PUT', headers, body });
      return answer.ok;
    });
  };
  await create(files, { 'connector.class': 'FilesSink', 'roll.age': '100ms' });
  await create(rows, { 'connector.class': 'TableSink', 'sqlite.path': 'search.db' });
  const client = new Client(program.collector, 1);
  t.after(() => client.close());
  const ids = Array.from({ length: EVENTS }, () => randomUUID());
  const events = ids.map((id, index) => sampleEvent(id, index));
  // The store has it once already, as another one.
  const taken = { ...sampleEvent(ids[0]!, 0), colorName: 'another' };
  for (const event of [...events, taken]) await client.send(JSON.stringify(event));
  const status = async (name: string) => (await program.status()).connectors.find((one) => one.name === name);
  await until('all is loaded, but one', async () => (await status(rows))?.deadLettered === 1);
  await program.hasLoaded([files]);

  // Beside the program.
  assert.equal(millrace('deadletters', 'list', '--of', rows).answer.length, 1);
  assert.equal(millrace('deadletters', 'replay', rows).answer.replayed, 1);
  await until('it was refused once more', async () => (await status(rows))?.deadLettered === 2);
  await program.hasLoaded([rows]);
  const database = path.join(program.data, 'connect', rows, 'search.db');
  const lose = (id: string) => {
    const table = new DatabaseSync(database, { timeout: 5_000 });
    table.prepare('DELETE FROM event WHERE id = ?').run(id);
    table.close();
  };
  lose(ids[1]!);
  assert.equal(millrace('replay', rows, ...DAY).answer.written, 1);
  assert.equal(millrace('verify', 'nobody').status, 2);
  assert.equal(await program.stop(), 0);

  // Without it.
  const verified = ['lost', 'doubled', 'unexpected', 'corrupt'];
  for (const name of [files, rows]) {
    const { status: code, answer } = millrace('verify', name);
    assert.equal(code, 0, JSON.stringify(answer));
    assert.deepEqual(
      verified.map((sum) => answer.total?.[sum]),
      [0, 0, 0, 0],
    );
    assert.equal(answer.total?.['stored'], name === rows ? EVENTS : EVENTS + 1);
  }
  lose(ids[2]!);
  assert.equal(millrace('verify', rows).answer.total?.['lost'], 1);
  assert.equal(millrace('replay', rows, ...DAY).answer.written, 1);
  assert.equal(millrace('verify', rows).status, 0);
  assert.deepEqual([...idsInTable(path.dirname(database)).keys()].sort(), [...ids].sort());
  assert.equal(millrace('compact', files, '--dry-run').status, 0);
  assert.deepEqual(millrace('adopt', files).answer.adopted, []);
  assert.equal(millrace('deadletters', 'list', '--of', rows).answer.length, 2);
  assert.equal(millrace('compact', rows).status, 2);
}

test('commands know connectors made at run time, on the embedded log', { timeout: 200_000 }, async (t) => {
  const directory = temporaryDirectory(t);
  const program = await Program.start({ directory, configuration: { connectors: {} } });
  t.after(() => program.kill());
  const millrace = commandIn(directory, path.join(directory, 'millrace.yaml'));
  await everyCommand(t, { program, millrace });
});

kafkaTest('commands know connectors made at run time, on Kafka', async ({ brokers }, t) => {
  const directory = temporaryDirectory(t);
  const group = `g-${randomUUID().slice(0, 8)}`;
  const configuration = { log: { kafka: { brokers } }, connect: { group }, connectors: {} };
  const program = await Program.start({ directory, configuration });
  t.after(() => program.kill());
  const millrace = commandIn(directory, path.join(directory, 'millrace.yaml'));
  await everyCommand(t, { program, millrace }, `-${group}`);
});
