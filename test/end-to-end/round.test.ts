import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { kafkaTest } from '../engines/kafka-test.ts';
import { consoleConsume } from '../engines/kafka-tools.ts';
import { Program } from '../support/program.ts';
import { idsInFiles, idsInTable } from '../support/read-back.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

interface Page {
  readonly events: readonly Record<string, unknown>[];
}

async function find(program: Program, question: string): Promise<readonly Record<string, unknown>[]> {
  const response = await fetch(`${program.operations}/api/events?${question}`);
  assert.equal(response.status, 200, await response.clone().text());
  return ((await response.json()) as Page).events;
}

const ROUND =
  'an event goes from the API to both stores, is found by time, type, text and colour, and survives a restart';

test(`embedded: ${ROUND}`, (t) => round(t, {}));

kafkaTest(`Kafka: ${ROUND}`, async ({ brokers }, t) => {
  await round(t, { log: { kafka: { brokers } } });
  // What a person reads with Kafka's own tool is the event itself.
  const lines = await consoleConsume(brokers, 'select-color', { max: 1 });
  assert.equal((JSON.parse(lines[0]!) as { userName: string }).userName, '김 Ada');
});

async function round(t: TestContext, configuration: Readonly<Record<string, unknown>>): Promise<void> {
  const directory = temporaryDirectory(t);
  const program = await Program.start({ directory, configuration });
  t.after(() => program.kill());
  const from = Date.now() - 60_000;

  const selected = await fetch(`${program.collector}/api/select?color=teal&user=${encodeURIComponent('김 Ada')}`, {
    headers: { 'user-agent': 'round/1.0' },
  });
  assert.ok(selected.ok, String(selected.status));
  const posted = await fetch(`${program.collector}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ id: 'round-1', type: 'page-view', page: '/start' }, { page: 'no type' }]),
  });
  assert.equal(posted.status, 200);
  const { results } = (await posted.json()) as { results: { status: string; id?: string }[] };
  assert.deepEqual(
    results.map(({ status }) => status),
    ['accepted', 'rejected'],
  );
  assert.equal(results[0]?.id, 'round-1');

  for (const question of [
    `from=${from}`,
    'type=select-color',
    'text=ada',
    `text=${encodeURIComponent('김*')}`,
    'where=colorName:teal',
  ]) {
    const found = await until(`it is found by ${question}`, async () => {
      const events = await find(program, question);
      return events.find((event) => event['colorName'] === 'teal');
    });
    assert.equal(found['userName'], '김 Ada');
    assert.equal(found['userAgent'], 'round/1.0');
    assert.equal(found['type'], 'select-color');
  }
  assert.deepEqual(await find(program, 'text=nowhere'), []);
  await program.hasLoaded();
  const { accounting, connectors } = await program.status();
  assert.ok(connectors.every(({ state }) => state === 'RUNNING'));
  assert.equal(accounting.accepted, 2);
  assert.equal(accounting.delivered, 2);

  assert.equal(await program.stop(), 0);
  assert.ok(!existsSync(path.join(program.data, 'search.db-wal')), 'a stopped search.db is whole by itself');
  const inFiles = await idsInFiles(program.data);
  assert.equal(inFiles.size, 2);
  assert.deepEqual(new Set(inFiles.keys()), new Set(idsInTable(program.data).keys()));

  const again = await Program.start({ directory, configuration });
  t.after(() => again.kill());
  assert.equal((await find(again, 'type=page-view')).length, 1);
}

test('a second program on the same data says so and leaves the first alone', async (t) => {
  const directory = temporaryDirectory(t);
  const program = await Program.start({ directory });
  t.after(() => program.kill());
  const command = path.join(import.meta.dirname, '../../bin/millrace');
  const second = spawn(process.execPath, [command, 'up', '--json', '--config', path.join(directory, 'millrace.yaml')]);
  const said = second.stdout.toArray();
  const [code] = await once(second, 'exit');
  assert.equal(code, 1);
  assert.equal(JSON.parse(Buffer.concat(await said).toString()).error.code, 'LOG_IN_USE');
  assert.equal((await fetch(`${program.collector}/healthz`)).status, 200);
});
