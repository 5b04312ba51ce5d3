import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import fc from 'fast-check';
import fastify from 'fastify';
import { defineErrors } from '../../support/errors.ts';
import { LogLevels } from '../../support/log-levels.ts';
import { silentLogger } from '../../support/logger.ts';
import type { ConnectorClass } from '../config/connect-keys.ts';
import type { FlatConfig } from '../config/mapping.ts';
import { mapConnector } from '../config/mapping.ts';
import { processReferences } from '../config/references.ts';
import { validateConfig } from '../config/validation.ts';
import type { RestartCommand, TargetState } from '../store/connector-store.ts';
import { connectorStoreErrors } from '../store/connector-store.ts';
import type { Connectors, ShownConnector } from './connectors.ts';
import type { Loggers } from './loggers.ts';
import { connectRoutes } from './routes.ts';

const SECRET = 'not-to-be-shown';
const sources = processReferences({ environment: { PASSWORD: SECRET } });
const CONFIG = { 'connector.class': 'FilesSink', topics: 'web-events' };
const STATES = { STARTED: 'RUNNING', PAUSED: 'PAUSED', STOPPED: 'STOPPED' } as const;
const { TOKEN_REQUIRED, LOG_UNAVAILABLE, CONNECTOR_CHANGING } = defineErrors({
  CONNECTOR_CHANGING: { decision: 'refuse', help: '' },
  TOKEN_REQUIRED: { decision: 'refuse', help: '' },
  LOG_UNAVAILABLE: { decision: 'retry', help: '' },
});

/** Connectors in memory, judged as the real ones are. */
class FakeConnectors implements Connectors {
  readonly shown = new Map<string, ShownConnector>();
  readonly asked: string[] = [];

  async health() {
    return 'healthy' as const;
  }
  async all() {
    return this.shown;
  }
  async check(config: FlatConfig) {
    return mapConnector(config, sources);
  }
  async validate(connectorClass: ConnectorClass, config: FlatConfig) {
    return validateConfig(connectorClass, config, (flat) => mapConnector(flat, sources)).answer;
  }
  async create(name: string, config: FlatConfig, target: TargetState) {
    if (this.shown.has(name)) throw connectorStoreErrors.CONNECTOR_EXISTS('twice');
    const standing = { state: STATES[target], workerId: '127.0.0.1:8083' };
    const tasks = target === 'STOPPED' ? [] : [standing];
    this.shown.set(name, { name, config, connector: standing, tasks, isFromFile: false });
  }
  async configure(name: string, config: FlatConfig) {
    this.shown.set(name, { ...this.shown.get(name)!, config });
  }
  async setTarget(name: string, target: TargetState) {
    this.asked.push(`${name} ${target}`);
  }
  async restart(name: string, { includeTasks, onlyFailed }: RestartCommand) {
    this.asked.push(`${name} restart ${includeTasks} ${onlyFailed}`);
  }
  async remove(name: string) {
    this.shown.delete(name);
  }
  async offsets() {
    return [{ topic: 'web-events', partition: 1, offset: 7 }];
  }
  async topics() {
    return ['web-events'];
  }
  async resetTopics(name: string) {
    this.asked.push(`${name} topics reset`);
  }
  async alterOffsets(name: string, changes: readonly object[]) {
    this.asked.push(`${name} ${JSON.stringify(changes)}`);
  }
  async logId() {
    return 'log';
  }
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

function setUp(t: TestContext, onRequest: () => void = () => {}) {
  const connectors = new FakeConnectors();
  const lines: string[] = [];
  const note = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const logger = { ...silentLogger, info: note, warn: note };
  const server = fastify({ logger: false });
  server.addHook('onRequest', async () => onRequest());
  const levels = new LogLevels({ level: 'info', format: 'json' });
  levels.optionsFor('connectors.f');
  const loggers: Loggers = {
    all: async () => levels.all(),
    set: async (name, level) => levels.set(name, level, 7),
    setEverywhere: async (name, level) => void connectors.asked.push(`everywhere ${name} ${level}`),
  };
  server.register(connectRoutes, { connectors, loggers, version: '1.2.3', logger });
  t.after(() => server.close());
  const ask = async (method: Method, url: string, body?: unknown) => {
    const headers = { 'content-type': 'application/json' };
    const payload = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await server.inject({ method, url, ...(method === 'GET' ? {} : { headers, payload }) });
    return {
      status: answer.statusCode,
      location: answer.headers.location,
      body: answer.body === '' ? undefined : answer.json(),
    };
  };
  const create = (name: string, more: object = {}) =>
    ask('POST', '/connectors', { name, config: { ...CONFIG, ...more } });
  return { connectors, lines, ask, create };
}

test('a connector is made, read, listed and deleted', async (t) => {
  const { ask, create, lines } = setUp(t);
  const info = {
    name: 'f',
    config: { ...CONFIG, name: 'f' },
    tasks: [{ connector: 'f', task: 0 }],
    type: 'sink',
  };
  assert.deepEqual(await create('f'), { status: 201, location: '/connectors/f', body: { ...info, tasks: [] } });
  assert.deepEqual((await ask('GET', '/connectors')).body, ['f']);
  assert.deepEqual((await ask('GET', '/connectors/f')).body, info);
  assert.deepEqual((await ask('GET', '/connectors/f/config')).body, info.config);
  const status = {
    name: 'f',
    connector: { state: 'RUNNING', worker_id: '127.0.0.1:8083', version: '1.2.3' },
    tasks: [{ id: 0, state: 'RUNNING', worker_id: '127.0.0.1:8083', version: '1.2.3' }],
    type: 'sink',
  };
  assert.deepEqual((await ask('GET', '/connectors/f/status')).body, status);
  assert.deepEqual((await ask('GET', '/connectors/f/tasks/0/status')).body, status.tasks[0]);
  assert.deepEqual((await ask('GET', '/connectors/f/tasks')).body, [
    { id: { connector: 'f', task: 0 }, config: info.config },
  ]);
  assert.deepEqual((await ask('GET', '/connectors?expand=status&expand=info')).body, { f: { status, info } });
  assert.deepEqual((await ask('GET', '/connectors?expand=status')).body, { f: { status } });
  assert.deepEqual((await ask('GET', '/connectors?expand=nothing')).body, { f: {} });
  assert.deepEqual(await ask('DELETE', '/connectors/f'), { status: 204, location: undefined, body: undefined });
  assert.equal((await ask('GET', '/connectors/f')).status, 404);
  assert.deepEqual(
    lines.map((line) => /"change":"(\w+)"/.exec(line)?.[1]),
    ['create', 'delete'],
  );
});

test('a state to begin with may be named', async (t) => {
  const { ask, connectors } = setUp(t);
  for (const [state, shown] of [
    ['stopped', 'STOPPED'],
    ['PAUSED', 'PAUSED'],
    ['RUNNING', 'RUNNING'],
  ] as const) {
    const name = state.toLowerCase();
    assert.equal((await ask('POST', '/connectors', { name, config: CONFIG, initial_state: state })).status, 201);
    assert.equal(connectors.shown.get(name)?.connector.state, shown);
  }
  assert.equal((await ask('POST', '/connectors', { name: 'x', config: CONFIG, initial_state: 'FAILED' })).status, 400);
});

test('a configuration is put, which makes a connector too, and patched', async (t) => {
  const { ask } = setUp(t);
  const made = await ask('PUT', '/connectors/f/config', { ...CONFIG, 'tasks.max': 2, 'roll.bytes': null });
  assert.deepEqual([made.status, made.location], [201, '/connectors/f']);
  assert.deepEqual(made.body.config, { ...CONFIG, 'tasks.max': '2', name: 'f' });
  const put = await ask('PUT', '/connectors/f/config', { ...CONFIG, 'flush.size': '5' });
  assert.deepEqual([put.status, put.body.config['flush.size'], put.body.config['tasks.max']], [200, '5', undefined]);
  const patch = await ask('PATCH', '/connectors/f/config', { 'flush.size': null, 'roll.age': '5m' });
  assert.equal(patch.status, 200);
  assert.deepEqual(patch.body.config, { ...CONFIG, 'roll.age': '5m', name: 'f' });
  assert.equal((await ask('PATCH', '/connectors/f/config', { topics: null })).status, 400);
  assert.equal((await ask('PATCH', '/connectors/none/config', {})).status, 404);
});

test('commands are taken with the answers of Connect', async (t) => {
  const { ask, create, connectors } = setUp(t);
  await create('f');
  assert.equal((await ask('PUT', '/connectors/f/pause')).status, 202);
  assert.equal((await ask('PUT', '/connectors/f/resume')).status, 202);
  assert.equal((await ask('PUT', '/connectors/f/stop')).status, 204);
  assert.equal((await ask('POST', '/connectors/f/restart')).status, 204);
  const restarted = await ask('POST', '/connectors/f/restart?includeTasks=true&onlyFailed=true');
  assert.deepEqual([restarted.status, restarted.body.name], [202, 'f']);
  assert.equal((await ask('POST', '/connectors/f/restart?includeTasks=True&onlyFailed=False')).status, 202);
  assert.equal((await ask('POST', '/connectors/f/restart?includeTasks=perhaps')).status, 400);
  assert.deepEqual(connectors.asked, [
    'f PAUSED',
    'f STARTED',
    'f STOPPED',
    'f restart false false',
    'f restart true true',
    'f restart true false',
  ]);
});

test('what is wrong is answered in the form of Connect', async (t) => {
  const { ask, create } = setUp(t);
  await create('f');
  assert.deepEqual(await create('f'), {
    status: 409,
    location: undefined,
    body: { error_code: 409, message: 'Connector f already exists' },
  });
  const invalid = await create('g', { topics: '', 'flush.size': 'x', nonsense: 'y' });
  assert.equal(invalid.status, 400);
  assert.match(invalid.body.message, /contains the following 4 error\(s\):\n/);
  for (const [method, url, body, status] of [
    ['GET', '/connectors/none/status', undefined, 404],
    ['GET', '/connectors/f/tasks/1/status', undefined, 404],
    ['GET', '/connectors/f/tasks/x/status', undefined, 404],
    ['PUT', '/connectors/none/pause', undefined, 404],
    ['POST', '/connectors/none/restart', undefined, 404],
    ['DELETE', '/connectors/none', undefined, 404],
    ['POST', '/connectors', undefined, 400],
    ['POST', '/connectors', '{', 400],
    ['POST', '/connectors', [], 400],
    ['POST', '/connectors', { config: CONFIG }, 400],
    ['POST', '/connectors', { name: 'h', config: { ...CONFIG, name: 'i' } }, 400],
    ['POST', '/connectors', { name: 'h', config: { ...CONFIG, topics: ['a'] } }, 400],
    ['POST', '/connectors', { name: 'h', config: CONFIG, more: 1 }, 400],
    ['POST', '/connectors', { name: '../h', config: CONFIG }, 400],
    ['PUT', '/connectors/%2e%2e%2fh/config', CONFIG, 400],
    ['PUT', '/connectors/__proto__/config', CONFIG, 400],
    ['PUT', '/connectors/f/config', { ...CONFIG, name: 'other' }, 400],
    ['GET', '/connector-plugins/None/config', undefined, 404],
    ['GET', '/connector-plugins/toString/config', undefined, 404],
    ['PUT', '/connector-plugins/TableSink/config/validate', CONFIG, 400],
  ] as const) {
    const answer = await ask(method, url, body);
    assert.equal(answer.status, status, `${method} ${url}: ${JSON.stringify(answer.body)}`);
    assert.equal(answer.body.error_code, status);
    assert.equal(typeof answer.body.message, 'string');
  }
});

test('what the server refuses, and what fails, is answered in that form too', async (t) => {
  const refusing = setUp(t, () => {
    throw TOKEN_REQUIRED('A token is needed.');
  });
  const refused = await refusing.ask('GET', '/connectors');
  assert.deepEqual(refused.body, { error_code: 401, message: 'A token is needed.' });

  const { ask, connectors, lines } = setUp(t);
  connectors.all = () => Promise.reject(new Error(SECRET));
  const failed = await ask('GET', '/connectors');
  assert.equal(failed.status, 500);
  assert.doesNotMatch(failed.body.message, new RegExp(SECRET));
  assert.equal(lines.length, 1);
  connectors.all = () => Promise.reject(LOG_UNAVAILABLE('The log is away.'));
  assert.equal((await ask('GET', '/connectors')).status, 503);
});

test('a connector of the file is shown, and not changed', async (t) => {
  const { ask, create, connectors } = setUp(t);
  await create('f');
  connectors.shown.set('f', { ...connectors.shown.get('f')!, isFromFile: true });
  assert.equal((await ask('GET', '/connectors/f/status')).status, 200);
  for (const [method, url, body] of [
    ['PUT', '/connectors/f/config', CONFIG],
    ['PATCH', '/connectors/f/config', {}],
    ['DELETE', '/connectors/f', undefined],
    ['PUT', '/connectors/f/stop', undefined],
    ['POST', '/connectors/f/restart', undefined],
  ] as const) {
    const { status, body: answer } = await ask(method, url, body);
    assert.equal(status, 409, `${method} ${url}`);
    assert.match(answer.message, /stands in the configuration file/);
  }
  assert.deepEqual(connectors.asked, []);
});

test('plugins, their keys and a validation', async (t) => {
  const { ask } = setUp(t);
  assert.deepEqual(
    (await ask('GET', '/connector-plugins')).body.map(({ class: name }: { class: string }) => name),
    ['FilesSink', 'SearchSink', 'TableSink'],
  );
  const keys = (await ask('GET', '/connector-plugins/SearchSink/config')).body as { name: string }[];
  assert.ok(keys.some(({ name }) => name === 'bulk.events'));
  const url = '/connector-plugins/FilesSink/config/validate';
  const { status, body } = await ask('PUT', url, { ...CONFIG, name: 'f', 'flush.size': 'x' });
  assert.deepEqual([status, body.name, body.error_count], [200, 'FilesSink', 1]);
});

test('no route gives a secret back, in whatever key it was offered', async (t) => {
  const { ask, connectors, lines } = setUp(t);
  const answers: unknown[] = [];
  for (const [key, value] of [
    ['store.s3.secretAccessKey', SECRET],
    ['store.s3.secretAccessKey', '${env:PASSWORD}'],
    ['timezone', '${env:PASSWORD}'],
    ['store.s3.bucket', '${env:PASSWORD}'],
  ] as const) {
    const config = { ...CONFIG, 's3.region': 'x', 'store.s3.bucket': 'abc', [key]: value };
    answers.push(await ask('POST', '/connectors', { name: 'f', config }));
    answers.push(await ask('PUT', '/connectors/g/config', config));
    answers.push(await ask('PATCH', '/connectors/g/config', { [key]: value }));
    answers.push(await ask('PUT', '/connector-plugins/FilesSink/config/validate', config));
    for (const path of ['', '/f', '/f/config', '/f/tasks', '/f/status', '?expand=info']) {
      answers.push(await ask('GET', `/connectors${path}`));
    }
  }
  assert.ok(connectors.shown.size > 0);
  assert.doesNotMatch(JSON.stringify([answers, lines]), new RegExp(SECRET));
});

test('any body gets an answer of the form, and none makes the server fail', async (t) => {
  const { ask } = setUp(t);
  const key = fc.constantFrom('name', 'config', 'initial_state', '__proto__', 'topics', 'connector.class');
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(CONFIG, 'f', 'RUNNING', 'FilesSink'));
  const body = fc.oneof(fc.string(), fc.dictionary(key, value, { noNullPrototype: true }));
  const url = fc.constantFrom(
    ['POST', '/connectors'],
    ['PUT', '/connectors/f/config'],
    ['PATCH', '/connectors/f/config'],
    ['PUT', '/connector-plugins/FilesSink/config/validate'],
  ) as fc.Arbitrary<[Method, string]>;
  await fc.assert(
    fc.asyncProperty(url, body, async ([method, path], content) => {
      const { status, body: answer } = await ask(method, path, content);
      assert.ok(status < 500, `${status}`);
      if (status >= 400) assert.deepEqual(Object.keys(answer), ['error_code', 'message']);
    }),
  );
});

test('offsets are told, and changed only of a stopped connector whose store goes by them', async (t) => {
  const { ask, create, connectors } = setUp(t);
  const search = { 'connector.class': 'SearchSink', 'elasticsearch.nodes': 'http://127.0.0.1:9200' };
  const change = (offset: object | null = { kafka_offset: 3 }, partition: unknown = 0) => ({
    offsets: [{ partition: { kafka_topic: 'web-events', kafka_partition: partition }, offset }],
  });
  await create('s', search);
  assert.deepEqual((await ask('GET', '/connectors/s/offsets')).body, {
    offsets: [{ partition: { kafka_topic: 'web-events', kafka_partition: 1 }, offset: { kafka_offset: 7 } }],
  });
  assert.deepEqual((await ask('GET', '/connectors/s/topics')).body, { s: { topics: ['web-events'] } });
  assert.equal((await ask('PUT', '/connectors/s/topics/reset')).status, 202);
  assert.equal(connectors.asked.pop(), 's topics reset');
  assert.equal((await ask('PUT', '/connectors/none/topics/reset')).status, 404);
  const running = await ask('PATCH', '/connectors/s/offsets', change());
  assert.deepEqual([running.status, /STOPPED state/.test(running.body.message)], [400, true]);
  await ask('DELETE', '/connectors/s');

  await ask('POST', '/connectors', { name: 's', config: { ...CONFIG, ...search }, initial_state: 'STOPPED' });
  for (const wrong of [
    {},
    { offsets: [] },
    { offsets: [1] },
    change({}),
    change({ kafka_offset: -1 }),
    change({}, 'x'),
  ]) {
    assert.equal((await ask('PATCH', '/connectors/s/offsets', wrong)).status, 400, JSON.stringify(wrong));
  }
  assert.equal((await ask('PATCH', '/connectors/s/offsets', change())).status, 200);
  assert.equal((await ask('PATCH', '/connectors/s/offsets', change(null))).status, 200);
  assert.equal((await ask('DELETE', '/connectors/s/offsets')).status, 200);
  assert.deepEqual(connectors.asked, [
    's [{"topic":"web-events","partition":0,"offset":3}]',
    's [{"topic":"web-events","partition":0}]',
    's [{"topic":"web-events","partition":1}]',
  ]);
  assert.equal((await ask('GET', '/connectors/none/offsets')).status, 404);
});

test('a task is restarted by its number', async (t) => {
  const { ask, create, connectors } = setUp(t);
  await create('f');
  assert.equal((await ask('POST', '/connectors/f/tasks/0/restart')).status, 204);
  for (const task of ['1', 'x', '-1']) {
    assert.equal((await ask('POST', `/connectors/f/tasks/${task}/restart`)).status, 404, task);
  }
  assert.deepEqual(connectors.asked, ['f restart true false']);
});

test('the levels of loggers are read and set', async (t) => {
  const { ask, lines, connectors } = setUp(t);
  const info = { level: 'INFO', last_modified: null };
  assert.deepEqual((await ask('GET', '/admin/loggers')).body, { 'connectors.f': info, root: info });
  assert.deepEqual((await ask('GET', '/admin/loggers/root')).body, info);
  const set = await ask('PUT', '/admin/loggers/connectors.f?scope=worker', { level: 'debug' });
  assert.deepEqual([set.status, set.body], [200, ['connectors.f']]);
  assert.deepEqual((await ask('GET', '/admin/loggers/connectors.f')).body, { level: 'DEBUG', last_modified: 7 });
  assert.deepEqual((await ask('GET', '/admin/loggers/root')).body, info);
  assert.deepEqual(lines, [
    'the level of a logger was changed {"logger":"connectors.f","to":"DEBUG","scope":"worker"}',
  ]);
  const refused: [string, unknown, number][] = [
    ['/admin/loggers/root', {}, 400],
    ['/admin/loggers/root', { level: 5 }, 400],
    ['/admin/loggers/root', [], 400],
    ['/admin/loggers/root', { level: 'LOUD' }, 404],
    ['/admin/loggers/root', { level: 'constructor' }, 404],
    ['/admin/loggers/root?scope=moon', { level: 'INFO' }, 400],
    ['/admin/loggers/a%2Fb?scope=cluster', { level: 'INFO' }, 404],
    ['/admin/loggers/nobody', { level: 'INFO' }, 404],
    ['/admin/loggers/__proto__', { level: 'INFO' }, 404],
  ];
  for (const [path, body, status] of refused) {
    const { body: answer, ...got } = await ask('PUT', path, body);
    assert.deepEqual([got.status, answer.error_code], [status, status], `${path} ${JSON.stringify(body)}`);
  }
  assert.equal((await ask('GET', '/admin/loggers/__proto__')).status, 404);
  assert.equal(lines.length, 1);
  assert.equal((await ask('PUT', '/admin/loggers/root?scope=cluster', { level: 'warn' })).status, 204);
  assert.deepEqual(connectors.asked, ['everywhere root WARN']);
});

test('what is none of the calls is refused in the form of all errors', async (t) => {
  const { ask, create } = setUp(t);
  await create('f');
  const others: [Method, string, number][] = [
    ['DELETE', '/connectors', 405],
    ['PATCH', '/connectors', 405],
    ['POST', '/connectors/f', 405],
    ['GET', '/connectors/f/pause', 405],
    ['POST', '/connectors/f/config', 405],
    ['DELETE', '/admin/loggers/root', 405],
    ['GET', '/connectors/f/nowhere', 404],
    ['GET', '/connectors/f/tasks/0', 404],
    ['GET', '/connector-plugins/FilesSink', 404],
    ['GET', '/admin/nowhere', 404],
  ];
  for (const [method, path, status] of others) {
    const answer = await ask(method, path);
    assert.deepEqual([answer.status, answer.body.error_code], [status, status], `${method} ${path}`);
  }
});

test('a restart tells what starts anew, and waits for no change that is being taken up', async (t) => {
  const { ask, create, connectors } = setUp(t);
  await create('f');
  const shown = connectors.shown.get('f')!;
  const failed = { state: 'FAILED', workerId: 'w', trace: 'broken' } as const;
  connectors.shown.set('f', { ...shown, tasks: [...shown.tasks, failed] });
  const states = async (query: string) => {
    const { connector, tasks } = (await ask('POST', `/connectors/f/restart?${query}`)).body;
    return [connector, ...tasks].map(({ state }: { state: string }) => state);
  };
  assert.deepEqual(await states('includeTasks=true'), ['RESTARTING', 'RESTARTING', 'RESTARTING']);
  assert.deepEqual(await states('includeTasks=true&onlyFailed=true'), ['RUNNING', 'RUNNING', 'RESTARTING']);
  assert.deepEqual(await states('onlyFailed=true'), ['RUNNING', 'RUNNING', 'FAILED']);
  connectors.restart = async () => {
    throw CONNECTOR_CHANGING('A change of f is being taken up.');
  };
  const answer = await ask('POST', '/connectors/f/restart');
  assert.deepEqual([answer.status, answer.body.error_code], [409, 409]);
});
