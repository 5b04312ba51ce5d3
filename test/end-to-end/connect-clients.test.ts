/** Public clients of Kafka Connect's REST API drive the real program, and understand what it answers. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { PublicClient } from '../engines/connect-client.ts';
import { ConnectClient, kafkaConnectPy, sourceLabClient } from '../engines/connect-client.ts';
import { orSkip } from '../engines/or-skip.ts';
import { Client, sampleEvent } from '../support/client.ts';
import { Program } from '../support/program.ts';
import { idsInFiles } from '../support/read-back.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const TOKEN = 'known-to-the-clients';
const NAME = 'mine';
const CONFIG = { 'connector.class': 'FilesSink', topics: 'select-color,web-events', 'rotate.interval.ms': '200' };

interface Shown {
  readonly connector: { readonly state: string };
  readonly tasks: readonly { readonly state: string }[];
}

/** A program, a public client of it, and events. */
interface Scene {
  readonly client: ConnectClient;
  /** Sends events that nobody sent before. */
  send(): Promise<void>;
  /** Waits until a connector's files hold each event that was sent so far once, and nothing else. */
  hasAll(connector: string): Promise<void>;
  /** How many events a connector's files hold. */
  stored(connector: string): Promise<number>;
  /** Whether any of a connector's files is compressed. */
  hasCompressed(connector: string): boolean;
  /** Waits until the connector and its task are in this state, and returns the status that said so. */
  reaches(state: string): Promise<Shown>;
}

async function setUp(t: TestContext, publicClient: PublicClient): Promise<Scene | undefined> {
  const launch = await orSkip(t, publicClient.name, () => publicClient.launch());
  if (!launch) return undefined;
  const operations = { listen: '127.0.0.1:0', token: TOKEN };
  const program = await Program.start({ directory: temporaryDirectory(t), configuration: { operations } });
  t.after(() => program.kill());
  const start = (password?: string) => {
    const client = new ConnectClient(launch, program.operations, password);
    t.after(() => client.close());
    return client;
  };
  assert.equal((await start().refusal('list'))?.status, 401);
  assert.equal((await start(`${TOKEN}x`).refusal('list'))?.status, 401);
  const client = start(TOKEN);
  await until('the worker knows the connectors', async () => !(await client.refusal('list')));

  const events = new Client(program.collector, 1);
  t.after(() => events.close());
  const sent: string[] = [];
  const folder = (connector: string) => path.join(program.data, 'connect', connector);
  return {
    client,
    send: async () => {
      const ids = Array.from({ length: 5 }, () => randomUUID());
      const answer = await events.send(JSON.stringify(ids.map((id, index) => sampleEvent(id, sent.length + index))));
      assert.equal(answer?.status, 204);
      sent.push(...ids);
    },
    hasAll: async (connector) => {
      await until(`${connector} has each event once`, async () => {
        const copies = await idsInFiles(folder(connector));
        return copies.size === sent.length && sent.every((id) => copies.get(id) === 1);
      });
    },
    stored: async (connector) => (await idsInFiles(folder(connector))).size,
    hasCompressed: (connector) =>
      readdirSync(folder(connector), { recursive: true, encoding: 'utf8' }).some((file) => file.endsWith('.gz')),
    reaches: async (state) =>
      until(`the connector is ${state}`, async () => {
        const status = (await client.ask('status', NAME)) as Shown;
        const states = [status.connector.state, ...status.tasks.map((task) => task.state)];
        return states.length === 2 && states.every((one) => one === state) && status;
      }),
  };
}

for (const publicClient of [kafkaConnectPy, sourceLabClient]) {
  test(`${publicClient.name} drives a connector from its plugin to its end`, async (t) => {
    const scene = await setUp(t, publicClient);
    if (!scene) return;
    const { client, send, hasAll, stored, reaches } = scene;

    const cluster = (await client.ask('cluster')) as Readonly<Record<string, string>>;
    assert.deepEqual(Object.keys(cluster).sort(), ['commit', 'kafka_cluster_id', 'version']);
    const plugins = (await client.ask('plugins')) as readonly Readonly<Record<string, string>>[];
    const plugin = { class: 'FilesSink', type: 'sink', version: cluster['version'] };
    assert.deepEqual(
      plugins.find((one) => one['class'] === 'FilesSink'),
      plugin,
    );

    const sound = await client.ask('validate', 'FilesSink', { ...CONFIG, name: NAME });
    assert.equal(errorsIn(sound).count, 0);
    const wrong = errorsIn(await client.ask('validate', 'FilesSink', { ...CONFIG, name: NAME, 'flush.size': 'x' }));
    assert.deepEqual([wrong.count, wrong.keys], [1, ['flush.size']]);

    await send();
    const info = {
      name: NAME,
      config: { ...CONFIG, name: NAME },
      tasks: [{ connector: NAME, task: 0 }],
      type: 'sink',
    };
    const { tasks: _, ...made } = (await client.ask('create', NAME, CONFIG)) as typeof info;
    assert.deepEqual(made, { name: info.name, config: info.config, type: info.type });
    await client.ask('create', 'other', CONFIG);
    const running = await reaches('RUNNING');
    await hasAll(NAME);
    const [task] = running.tasks;
    assert.deepEqual(running, { name: NAME, connector: running.connector, tasks: [task], type: 'sink' });
    assert.match(JSON.stringify(task), /"worker_id":"[^"]+:\d+"/);
    assert.deepEqual(await client.ask('get', NAME), info);

    assert.deepEqual(new Set((await client.ask('list')) as string[]), new Set(['files', 'search', NAME, 'other']));
    const infos = (await client.ask('expand', 'info')) as Readonly<Record<string, unknown>>;
    assert.deepEqual([Object.keys(infos).length, infos[NAME]], [4, info]);
    const statuses = (await client.ask('expand', 'status')) as Readonly<Record<string, unknown>>;
    assert.deepEqual([Object.keys(statuses).length, statuses[NAME]], [4, running]);

    await client.ask('pause', NAME);
    await reaches('PAUSED');
    const before = await stored(NAME);
    await send();
    await hasAll('other');
    assert.equal(await stored(NAME), before);
    assert.equal(scene.hasCompressed(NAME), false);
    await client.ask('resume', NAME);
    await reaches('RUNNING');
    await hasAll(NAME);

    const changed = { ...CONFIG, name: NAME, compression: 'gzip' };
    assert.deepEqual(((await client.ask('configure', NAME, changed)) as typeof info).config, changed);
    assert.deepEqual(await client.ask('config', NAME), changed);
    await until('what is loaded now is compressed', async () => {
      await send();
      await hasAll(NAME);
      return scene.hasCompressed(NAME);
    });
    await reaches('RUNNING');

    assert.deepEqual(await client.ask('tasks', NAME), [{ id: { connector: NAME, task: 0 }, config: changed }]);
    assert.deepEqual(await client.ask('taskStatus', NAME, 0), task);
    assert.deepEqual(await client.ask('topics', NAME), ['select-color', 'web-events']);
    for (const restart of [['restart'], ['restartAll'], ['restartTask', 0]] as const) {
      const [call, ...words] = restart;
      await client.ask(call, NAME, ...words);
      await reaches('RUNNING');
      await send();
      await hasAll(NAME);
    }

    const twice = await client.refusal('create', NAME, CONFIG);
    assert.deepEqual([twice?.status, twice?.message], [409, `Connector ${NAME} already exists`]);
    const refused = await client.refusal('configure', NAME, { ...CONFIG, 'flush.size': 'x' });
    assert.equal(refused?.status, 400);
    assert.match(refused.message, /^flush\.size must be a number/m);
    await client.ask('remove', NAME);
    const gone = await client.refusal('status', NAME);
    assert.deepEqual([gone?.status, gone?.message.includes(NAME)], [404, true]);
    assert.deepEqual(new Set((await client.ask('list')) as string[]), new Set(['files', 'search', 'other']));
    const last = await stored(NAME);
    await send();
    await hasAll('other');
    assert.equal(await stored(NAME), last);
  });
}

/** How many errors a validation has, and of which keys. */
function errorsIn(validation: unknown): { readonly count: number; readonly keys: readonly string[] } {
  const { error_count: count, configs } = validation as {
    readonly error_count: number;
    readonly configs: readonly { readonly value: { readonly name: string; readonly errors: readonly string[] } }[];
  };
  return { count, keys: configs.filter(({ value }) => value.errors.length > 0).map(({ value }) => value.name) };
}
