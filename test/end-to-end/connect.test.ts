/** Connectors that are made at run time, in the real program over its real port. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { kafkaTest } from '../engines/kafka-test.ts';
import { Client, sampleEvent } from '../support/client.ts';
import { Connect, eventsOf, FILES, isEachOnce, TABLE } from '../support/connect.ts';
import { Program } from '../support/program.ts';
import type { Copies } from '../support/read-back.ts';
import { idsInFiles, idsInTable } from '../support/read-back.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

interface Offsets {
  readonly offsets: readonly { readonly offset: { readonly kafka_offset: number } }[];
}

interface Topics {
  readonly mine: { readonly topics: readonly string[] };
}

test('a connector made at run time loads, pauses, stops, outlives a restart, and ends', async (t) => {
  const directory = temporaryDirectory(t);
  let program = await Program.start({ directory });
  t.after(() => program.kill());
  const connect = new Connect(() => program);
  const stores = path.join(program.data, 'connect');
  const files = () => idsInFiles(path.join(stores, 'mine'));
  const table = async () => idsInTable(path.join(stores, 'rows'));
  const { sent, send } = eventsOf(t, program.collector);
  const hasAll = (what: string, copies: () => Promise<Copies>) =>
    until(`${what} has each event once`, async () => isEachOnce(await copies(), sent));

  await send(10);
  await connect.create('mine', FILES);
  await connect.create('rows', TABLE, { initial_state: 'PAUSED' });
  await hasAll('mine', files);
  await connect.reaches('rows', 'PAUSED');
  assert.equal(existsSync(path.join(stores, 'rows', 'search.db')), false);
  const { connectors } = await program.status();
  assert.deepEqual(
    connectors.map(({ name, state }) => [name, state]),
    [
      ['files', 'RUNNING'],
      ['search', 'RUNNING'],
      ['mine', 'RUNNING'],
      ['rows', 'PAUSED'],
    ],
  );

  const active = async () => ((await connect.ask('GET', '/connectors/mine/topics')).body as Topics).mine.topics;
  await until('records came from a topic', async () => (await active()).length > 0);
  await connect.change('PUT', '/connectors/mine/topics/reset');
  assert.deepEqual((await connect.ask('GET', '/connectors/mine/topics')).body, { mine: { topics: [] } });
  const { offsets } = (await connect.ask('GET', '/connectors/mine/offsets')).body as Offsets;
  assert.equal(
    offsets.reduce((sum, { offset }) => sum + offset.kafka_offset, 0),
    sent.length,
  );
  const root = await fetch(program.operations, { headers: { accept: 'application/json' } });
  assert.deepEqual(Object.keys((await root.json()) as object), ['version', 'commit', 'kafka_cluster_id']);
  const page = await fetch(program.operations, { headers: { accept: 'text/html,application/json' } });
  assert.match(await page.text(), /^<!doctype html>/i);

  const info = { level: 'WARN', last_modified: null };
  const loggers = [
    'connectors.files',
    'connectors.mine',
    'connectors.rows',
    'connectors.search',
    'log',
    'operations',
    'root',
  ];
  assert.deepEqual(
    (await connect.ask('GET', '/admin/loggers')).body,
    Object.fromEntries(loggers.map((logger) => [logger, info])),
  );
  assert.deepEqual((await connect.ask('PUT', '/admin/loggers/connectors.mine', { level: 'ERROR' })).body, [
    'connectors.mine',
  ]);
  assert.equal(((await connect.ask('GET', '/admin/loggers/connectors.mine')).body as { level: string }).level, 'ERROR');
  const health = await fetch(`${program.operations}/health`);
  assert.deepEqual([health.status, ((await health.json()) as { status: string }).status], [200, 'healthy']);

  await connect.change('PUT', '/connectors/mine/stop');
  const stopped = await connect.reaches('mine', 'STOPPED');
  assert.deepEqual(stopped.tasks, []);
  assert.equal(await program.stop(), 0);
  program = await Program.start({ directory });
  await connect.reaches('mine', 'STOPPED');
  await connect.reaches('rows', 'PAUSED');
  const more = eventsOf(t, program.collector);
  await more.send(5);
  sent.push(...more.sent);
  await connect.change('PUT', '/connectors/mine/resume');
  await connect.change('PUT', '/connectors/rows/resume');
  await hasAll('mine', files);
  await hasAll('rows', table);

  await until('records came from a topic again', async () => (await active()).length > 0);

  await connect.change('PUT', '/connectors/mine/config', { ...FILES, compression: 'gzip' });
  await connect.change('POST', '/connectors/rows/restart?includeTasks=true');
  await connect.change('DELETE', '/connectors/rows');
  assert.equal((await connect.ask('GET', '/connectors/rows/status')).status, 404);
  // Made anew under its name, it goes on in the same store and group, where the one before has ended.
  await connect.create('rows', TABLE);
  await connect.reaches('rows', 'RUNNING');
  await hasAll('rows', table);
  await connect.reaches('mine', 'RUNNING');
  assert.equal(await program.stop(), 0);
});

test('a connector that can not be started is FAILED with its reason, and starts once that is gone', async (t) => {
  const directory = temporaryDirectory(t);
  const secrets = path.join(directory, 'secrets');
  mkdirSync(secrets);
  const url = path.join(secrets, 'url');
  writeFileSync(url, 'postgres://nobody@127.0.0.1:1/none');
  const program = await Program.start({ directory, configuration: { connect: { secrets } } });
  t.after(() => program.kill());
  const connect = new Connect(() => program);
  const table = { 'connector.class': 'TableSink', topics: 'select-color,web-events', 'postgres.url': '${file:url}' };
  await connect.create('rows', table, { initial_state: 'STOPPED' });
  writeFileSync(url, 'what-nobody-may-see');
  await connect.change('PUT', '/connectors/rows/resume');
  const failed = await connect.reaches('rows', 'FAILED');
  assert.match(failed.connector.trace ?? '', /postgres\.url/);
  writeFileSync(url, 'postgres://nobody@127.0.0.1:1/none');
  // It is looked at again by itself. There is no server, which time may mend.
  const waiting = await connect.reaches('rows', 'RESTARTING');
  const everything = [failed, waiting, (await connect.ask('GET', '/connectors?expand=info&expand=status')).body];
  assert.doesNotMatch(JSON.stringify(everything), /what-nobody-may-see/);
});

test('a connector waits for a topic that is not there', async (t) => {
  const program = await Program.start({ directory: temporaryDirectory(t) });
  t.after(() => program.kill());
  const connect = new Connect(() => program);
  await connect.create('mine', { ...FILES, topics: 'nowhere' });
  assert.match((await connect.reaches('mine', 'RESTARTING')).connector.trace ?? '', /nowhere/);
  assert.ok((await program.status()).log.reachable);
  await connect.change('PUT', '/connectors/mine/config', { ...FILES, topics: '', 'topics.regex': 'select-.*' });
  await connect.reaches('mine', 'RUNNING');
  const { connectors } = await program.status();
  assert.deepEqual(connectors.find(({ name }) => name === 'mine')?.topics, ['select-color']);
  assert.equal(await program.stop(), 0);
});

test('a connector that tolerates nothing fails at the first record that its store refuses', async (t) => {
  const program = await Program.start({ directory: temporaryDirectory(t) });
  t.after(() => program.kill());
  const connect = new Connect(() => program);
  await connect.create('rows', { ...TABLE, 'errors.tolerance': 'none' });
  const { sent, send } = eventsOf(t, program.collector);
  await send(3);
  const client = new Client(program.collector, 1);
  t.after(() => client.close());
  await client.send(JSON.stringify({ ...sampleEvent(sent[0]!, 0), colorName: 'another' }));
  const failed = await connect.reaches('rows', 'FAILED');
  assert.match(failed.tasks[0]?.trace ?? '', /^RECORD_NOT_TOLERATED: .*EVENT_ID_TAKEN/);
  await send(20);
  const counted = async () => (await program.status()).connectors.find(({ name }) => name === 'rows');
  assert.equal((await counted())?.deadLettered, 0);
  // It meets the record again, and goes on past it only when it may.
  await connect.change('POST', '/connectors/rows/restart?includeTasks=true');
  await connect.reaches('rows', 'FAILED');
  await connect.change('PUT', '/connectors/rows/config', { ...TABLE, 'errors.tolerance': 'all' });
  const stores = path.join(program.data, 'connect', 'rows');
  await until('all are loaded', async () => isEachOnce(idsInTable(stores), sent));
  await until('the refused one is kept', async () => (await counted())?.deadLettered === 1);
});

test('a change of a connector of the file is refused', async (t) => {
  const program = await Program.start({ directory: temporaryDirectory(t) });
  t.after(() => program.kill());
  const connect = new Connect(() => program);
  for (const [method, call] of [
    ['PUT', 'pause'],
    ['PUT', 'stop'],
    ['POST', 'restart'],
  ] as const) {
    assert.equal((await connect.ask(method, `/connectors/files/${call}`)).status, 409);
  }
  assert.equal((await connect.ask('DELETE', '/connectors/files')).status, 409);
  assert.equal((await connect.ask('POST', '/connectors', { name: 'files', config: FILES })).status, 409);
  assert.equal((await connect.status('files')).connector.state, 'RUNNING');
});

kafkaTest('two workers run what one of them was told, and one goes on when the other dies', async ({ brokers }, t) => {
  const directory = temporaryDirectory(t);
  const group = `g-${randomUUID().slice(0, 8)}`;
  const name = `mine-${group}`;
  const configuration = { log: { kafka: { brokers } }, connect: { group }, connectors: {} };
  const collect = await Program.start({ directory, configuration, command: 'collect' });
  t.after(() => collect.kill());
  const [one, other] = await Promise.all(
    [1, 2].map(() => Program.start({ directory, configuration, command: 'load' })),
  );
  for (const worker of [one, other]) t.after(() => worker?.kill());
  assert.equal((await new Connect(() => collect).ask('GET', '/connectors')).status, 404);
  assert.equal((await new Connect(() => collect).ask('GET', '/admin/loggers/root')).status, 200);
  const connects = [one, other].map((worker) => new Connect(() => worker!));
  await connects[0]!.create(name, { ...FILES, 'tasks.max': '2' });
  await connects[0]!.create(`${name}-one`, FILES);
  for (const connect of connects) {
    await until('the worker knows it', async () => (await connect.ask('GET', `/connectors/${name}`)).status === 200);
    await until('it tells of both tasks, and of the one of the other connector', async () => {
      const [both, single] = [await connect.status(name), await connect.status(`${name}-one`)];
      const states = [...both.tasks, ...single.tasks].map(({ state }) => state);
      return both.tasks.length === 2 && single.tasks.length === 1 && states.every((state) => state === 'RUNNING');
    });
  }
  const [here, there] = await Promise.all(connects.map((connect) => connect.status(name)));
  assert.deepEqual(here, there);
  const { sent, send } = eventsOf(t, collect.collector);
  const loaded = async () => {
    const stores = [name, `${name}-one`].map((one) => idsInFiles(path.join(collect.data, 'connect', one)));
    return (await Promise.all(stores)).every((copies) => isEachOnce(copies, sent));
  };
  await send(50);
  await until('all is loaded', loaded);
  await one!.kill();
  await send(50);
  await until('the other one has loaded all', loaded, 90_000);
  await until('the dead one has no task any more', async () => (await connects[1]!.status(name)).tasks.length === 1);
  await connects[1]!.change('PUT', `/connectors/${name}/stop`);
  await connects[1]!.reaches(name, 'STOPPED');
  assert.equal(await other!.stop(), 0);
});
