/** What must not work on the port of the Connect API, tried on the real program. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { connect as connectTcp } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { MOST_CONNECTORS } from '../../src/connect/store/connector-store.ts';
import { Program } from '../support/program.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const TOKEN = 'a-token-of-some-length';
const SECRET = 'never-to-be-seen-4711';
const JSON_BODY = { 'content-type': 'application/json' };
const CONFIG = { 'connector.class': 'FilesSink', topics: 'select-color' };
const CREATE = JSON.stringify({ name: 'mine', config: CONFIG, initial_state: 'STOPPED' });
const HUNG_UP_MS = 20_000;

const ROUTES: readonly (readonly [method: string, path: string])[] = [
  ['GET', '/connectors'],
  ['GET', '/connectors?expand=info&expand=status'],
  ['POST', '/connectors'],
  ['GET', '/connectors/mine'],
  ['GET', '/connectors/mine/config'],
  ['PUT', '/connectors/mine/config'],
  ['PATCH', '/connectors/mine/config'],
  ['GET', '/connectors/mine/status'],
  ['GET', '/connectors/mine/tasks'],
  ['GET', '/connectors/mine/tasks/0/status'],
  ['POST', '/connectors/mine/tasks/0/restart'],
  ['PUT', '/connectors/mine/pause'],
  ['PUT', '/connectors/mine/resume'],
  ['PUT', '/connectors/mine/stop'],
  ['POST', '/connectors/mine/restart'],
  ['GET', '/connectors/mine/topics'],
  ['PUT', '/connectors/mine/topics/reset'],
  ['GET', '/connectors/mine/offsets'],
  ['PATCH', '/connectors/mine/offsets'],
  ['DELETE', '/connectors/mine/offsets'],
  ['DELETE', '/connectors/mine'],
  ['GET', '/connector-plugins'],
  ['GET', '/connector-plugins/FilesSink/config'],
  ['PUT', '/connector-plugins/FilesSink/config/validate'],
];

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A request as it is given: `fetch` sets headers of its own, and mends paths. */
async function send(program: Program, method: string, path: string, headers: object = {}, body = ''): Promise<Answer> {
  const { hostname, port } = new URL(program.operations);
  const request = http.request({
    hostname,
    port,
    method,
    path,
    headers: { connection: 'close', 'content-length': Buffer.byteLength(body), ...headers },
  });
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.on('response', resolve).on('error', reject).end(body);
  });
  return { status: answer.statusCode ?? 0, body: await text(answer) };
}

async function start(t: TestContext, operations: object = {}, environment: Record<string, string> = {}) {
  const directory = temporaryDirectory(t);
  const before = ['env', ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)];
  const configuration = { operations: { listen: '127.0.0.1:0', ...operations } };
  const program = await Program.start({ directory, configuration, before });
  t.after(() => program.kill());
  const known = await until('the connectors are known', async () => {
    const answer = await send(program, 'GET', '/connectors', { authorization: `Bearer ${TOKEN}` });
    return answer.status !== 503 && answer;
  });
  assert.equal(known.status, 200);
  return program;
}

const names = async (program: Program) => JSON.parse((await send(program, 'GET', '/connectors')).body) as string[];

test('with a token, no call goes without it', async (t) => {
  const program = await start(t, { token: TOKEN });
  for (const [method, path] of ROUTES) {
    for (const authorization of ['', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, 'Bearer']) {
      const headers = { ...JSON_BODY, ...(authorization === '' ? {} : { authorization }) };
      const answer = await send(program, method, path, headers, method === 'GET' ? '' : CREATE);
      assert.equal(answer.status, 401, `${method} ${path}`);
      assert.equal((JSON.parse(answer.body) as { error_code: number }).error_code, 401);
    }
  }
  const authorization = `Bearer ${TOKEN}`;
  assert.equal((await send(program, 'POST', '/connectors', { ...JSON_BODY, authorization }, CREATE)).status, 201);
});

test('a page of another site changes nothing, by whatever it may send', async (t) => {
  const program = await start(t);
  const foreign = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
    { 'sec-fetch-site': 'same-site' },
  ];
  for (const [method, path] of ROUTES.filter(([method]) => method !== 'GET')) {
    for (const from of foreign) {
      for (const type of [
        'application/json',
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data',
      ]) {
        const { status } = await send(program, method, path, { ...from, 'content-type': type }, CREATE);
        assert.equal(status, 403, `${method} ${path} ${JSON.stringify(from)} ${type}`);
      }
    }
  }
  // A form needs no origin of its own in old browsers; what it can send is no JSON.
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    assert.equal((await send(program, 'POST', '/connectors', { 'content-type': type }, CREATE)).status, 415, type);
  }
  assert.deepEqual(await names(program), ['files', 'search']);
});

test('a name that another site points here is not answered', async (t) => {
  const program = await start(t);
  for (const host of ['evil.example', 'evil.example:8083', 'localhost.evil.example', '127.0.0.1.evil.example']) {
    for (const [method, path] of [ROUTES[0]!, ROUTES[2]!]) {
      const { status } = await send(program, method, path, { ...JSON_BODY, host }, method === 'GET' ? '' : CREATE);
      assert.equal(status, 421, host);
    }
  }
  assert.deepEqual(await names(program), ['files', 'search']);
});

test('names and paths lead nowhere, whatever is in them', async (t) => {
  const program = await start(t);
  const wicked = [
    '..',
    '../..',
    '.',
    '/',
    'a/b',
    'a\\b',
    '\0',
    'a\r\nx: y',
    '<b>',
    '%',
    "'",
    ' ',
    'ü',
    'A',
    'x'.repeat(400),
  ];
  for (const name of wicked) {
    const inPath = encodeURIComponent(name).replaceAll('.', '%2e');
    for (const path of [inPath, encodeURIComponent(inPath)]) {
      for (const rest of ['', '/config', '/status', '/offsets']) {
        const { status, body } = await send(program, 'GET', `/connectors/${path}${rest}`);
        assert.ok([400, 404, 414].includes(status), `${JSON.stringify(name)}${rest}: ${status} ${body}`);
      }
    }
    const body = JSON.stringify({ name, config: CONFIG, initial_state: 'STOPPED' });
    assert.equal((await send(program, 'POST', '/connectors', JSON_BODY, body)).status, 400, JSON.stringify(name));
  }
  for (const path of ['/connectors/../../etc/passwd', '/connectors/%2e%2e/%2e%2e/package.json', '//connectors/..//']) {
    const { status, body } = await send(program, 'GET', path);
    assert.ok(status === 404 || status === 400, `${path}: ${status}`);
    assert.doesNotMatch(body, /root:|"name": "millrace"/);
  }
  for (const more of [
    { 'store.local.path': '../../..' },
    { 'store.local.path': '/etc' },
    { 'store.hdfs.namenodes': 'http://x:1', 'store.hdfs.path': '/x', 'store.hdfs.ca': '/etc/passwd' },
    { 'store.local.path': '${file:/etc/passwd}' },
    { 'store.local.path': '${env:HOME}' },
  ]) {
    const body = JSON.stringify({ name: 'mine', config: { ...CONFIG, ...more } });
    const answer = await send(program, 'POST', '/connectors', JSON_BODY, body);
    assert.equal(answer.status, 400, JSON.stringify(more));
    assert.doesNotMatch(answer.body, /root:/);
  }
  assert.deepEqual(await names(program), ['files', 'search']);
});

test('what is too large, too deep, too much or too slow is refused, and the next one is answered', async (t) => {
  const program = await start(t);
  const post = (body: string) => send(program, 'POST', '/connectors', JSON_BODY, body).catch(() => ({ status: 413 }));
  assert.equal((await post(JSON.stringify({ name: 'x', config: { a: 'x'.repeat(600_000) } }))).status, 413);
  assert.equal((await post(`${'['.repeat(200_000)}${']'.repeat(200_000)}`)).status, 400);
  assert.equal((await post(`{"name":"x","config":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`)).status, 400);
  const many = Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`key-${n}`, 'x']));
  assert.equal((await post(JSON.stringify({ name: 'x', config: { ...CONFIG, ...many } }))).status, 400);
  const inherited = '{"name":"x","config":{"__proto__":{"polluted":true},"constructor":"x"}}';
  assert.equal((await post(inherited)).status, 400);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);

  const { hostname, port } = new URL(program.operations);
  const slow = connectTcp(Number(port), hostname);
  slow.on('error', () => {});
  slow.write(
    `POST /connectors HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{`,
  );
  const hungUp = new Promise((resolve) => slow.on('close', resolve));
  slow.resume();
  assert.deepEqual(await names(program), ['files', 'search']);
  await Promise.race([hungUp, until('the slow one is hung up on', () => slow.destroyed, HUNG_UP_MS)]);
});

test('there are no more connectors than the stated number', async (t) => {
  const program = await start(t);
  const create = (n: number) =>
    send(
      program,
      'POST',
      '/connectors',
      JSON_BODY,
      JSON.stringify({ name: `c-${n}`, config: CONFIG, initial_state: 'STOPPED' }),
    );
  for (let n = 0; n < MOST_CONNECTORS; n++) assert.equal((await create(n)).status, 201);
  const { status, body } = await create(MOST_CONNECTORS);
  assert.deepEqual([status, /200/.test(body)], [409, true]);
  assert.equal((await send(program, 'DELETE', '/connectors/c-7')).status, 204);
  assert.equal((await create(MOST_CONNECTORS)).status, 201);
});

test('no route gives back a secret', async (t) => {
  const url = `postgres://me:${SECRET}@127.0.0.1:1/none`;
  const program = await start(t, {}, { MILLRACE_CONNECT_URL: url, DATABASE_PASSWORD: SECRET });
  const given = { 'connector.class': 'TableSink', topics: 'select-color', 'postgres.url': url };
  const refused = [
    { ...given },
    { ...given, 'postgres.url': '${env:DATABASE_PASSWORD}' },
    { ...CONFIG, 'no.such.key': SECRET },
    {
      'connector.class': 'SearchSink',
      topics: 'x',
      'elasticsearch.nodes': 'http://x:1',
      'connection.password': SECRET,
    },
  ];
  const answers: string[] = [];
  for (const config of refused) {
    const body = JSON.stringify({ name: 'mine', config });
    const { status, body: answer } = await send(program, 'POST', '/connectors', JSON_BODY, body);
    assert.equal(status, 400, answer);
    const plugin = `/connector-plugins/${config['connector.class']}/config/validate`;
    answers.push(answer, (await send(program, 'PUT', plugin, JSON_BODY, JSON.stringify(config))).body);
  }
  const good = JSON.stringify({ name: 'mine', config: { ...given, 'postgres.url': '${env:MILLRACE_CONNECT_URL}' } });
  assert.equal((await send(program, 'POST', '/connectors', JSON_BODY, good)).status, 201);
  await until('it has met that there is no server', async () =>
    (await send(program, 'GET', '/connectors/mine/status')).body.includes('RESTARTING'),
  );
  const reading = ROUTES.filter(([method]) => method === 'GET').map(([, path]) => path);
  for (const path of [...reading, '/api/status', '/metrics', '/api/dead-letters', '/openapi.json', '/health']) {
    answers.push((await send(program, 'GET', path)).body);
  }
  assert.ok(answers.length > 20);
  for (const answer of answers) assert.ok(!answer.includes(SECRET), answer);
});
