import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { operationsServer } from '../../test/support/operations-server.ts';
import type { Connectors, Health } from '../connect/rest/connectors.ts';

const TOKEN = 'a-token-of-some-length';

test('errors have one form, and an unexpected one says nothing of itself', async (t) => {
  const { ask, operations, lines } = operationsServer(t);
  assert.equal((await ask('/nothing/here')).json().error.code, 'NOT_FOUND');
  assert.equal((await ask('/api/nothing')).status, 404);
  assert.equal((await ask('/..%2f..%2fpackage.json')).status, 404);
  operations.readStatus = async () => {
    throw new Error('password=hunter2');
  };
  const { status, text } = await ask('/api/status', { headers: { authorization: 'Bearer something' } });
  assert.equal(status, 500);
  assert.ok(!text.includes('hunter2'));
  assert.equal(lines.length, 1);
  assert.ok(!lines[0]?.includes('something'), 'no header may reach a log line');
});

test('the server answers only to names that no other site can take', async (t) => {
  const { ask } = operationsServer(t, { hosts: ['Ops.example.org'] });
  const status = async (host: string) => (await ask('/api/status', { headers: { host } })).status;
  for (const host of [
    'localhost',
    'localhost:8083',
    '127.0.0.1',
    '[::1]:8083',
    '10.1.2.3:80',
    'a.localhost',
    'ops.example.org:8083',
  ])
    assert.equal(await status(host), 200, host);
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io', 'a@localhost', 'localhost:x'])
    assert.equal(await status(host), 421, host);
});

test('a foreign page can neither change nor ask anything', async (t) => {
  const { ask, operations } = operationsServer(t);
  const pause = (headers: object) => ask('/api/connectors/files/pause', { method: 'POST', headers });
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:9999' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: 'http://127.0.0.1:8083' },
  ]) {
    const { status, json } = await pause(headers);
    assert.equal(status, 403, JSON.stringify(headers));
    assert.equal(json().error.code, 'ORIGIN_REFUSED');
  }
  assert.deepEqual(operations.asked, []);
  const foreignRead = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' };
  assert.equal((await ask('/api/status/stream', { headers: foreignRead })).status, 403);
  assert.equal((await pause({ origin: 'http://127.0.0.1:8083', 'sec-fetch-site': 'same-origin' })).status, 204);
  assert.equal((await pause({})).status, 204, 'a client that is no browser sends neither header');
});

/** What a browser sends for a page. */
const PAGE = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };

function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

test('with a token, everything but the pages and the sign of life needs it', async (t) => {
  const { ask } = operationsServer(t, { token: TOKEN });
  for (const url of ['/api/status', '/api/events', '/metrics', '/openapi.json', '/api/status/stream', '/api/tail/a']) {
    const without = await ask(url);
    assert.equal(without.status, 401, url);
    assert.match(String(without.headers['www-authenticate']), /^Bearer/);
    const wrongs = [`Bearer ${TOKEN}x`, `Basic ${TOKEN}`, 'Bearer', `Bearer ${TOKEN.toUpperCase()}`];
    for (const wrong of [
      ...wrongs,
      basic(TOKEN),
      basic(`${TOKEN}:any`),
      basic(`any:${TOKEN}x`),
      basic('any:'),
      'Basic',
    ])
      assert.equal((await ask(url, { headers: { authorization: wrong } })).status, 401, wrong);
  }
  for (const url of ['/api/status', '/metrics', '/openapi.json'])
    for (const authorization of [`Bearer ${TOKEN}`, basic(`any:${TOKEN}`), basic(`:${TOKEN}`)])
      assert.equal((await ask(url, { headers: { authorization } })).status, 200, `${url} ${authorization}`);
  for (const url of ['/', '/health']) assert.equal((await ask(url, { headers: PAGE })).status, 200, url);
  // What Kafka Connect's clients ask at the path of the dashboard is no page.
  for (const headers of [{ accept: 'application/json' }, { accept: '*/*' }, {}])
    assert.equal((await ask('/', { headers })).status, 401);
});

test('health is told in the words and status codes of Kafka Connect', async (t) => {
  const { ask, operations } = operationsServer(t);
  const told = async () => {
    const { status, text } = await ask('/health');
    const { status: word, instance } = JSON.parse(text);
    return [status, word, instance];
  };
  assert.deepEqual(await told(), [200, 'healthy', 'fake'], 'what loads nothing has nothing to wait for');
  let health = async (): Promise<Health> => 'starting';
  operations.connect = { connectors: { health: () => health() } as Connectors, version: '1' };
  assert.deepEqual(await told(), [503, 'starting', 'fake']);
  health = async () => 'healthy';
  assert.deepEqual(await told(), [200, 'healthy', 'fake']);
  health = async () => 'unhealthy';
  assert.deepEqual(await told(), [500, 'unhealthy', 'fake']);
  health = () => Promise.reject(new Error('the main thread does not answer'));
  assert.deepEqual(await told(), [500, 'unhealthy', 'fake']);
});

test('pages come with a strict policy, and are not sent twice', async (t) => {
  const { ask } = operationsServer(t);
  const page = await ask('/', { headers: PAGE });
  assert.equal(page.status, 200);
  assert.match(String(page.headers['content-security-policy']), /default-src 'none'.*trusted-types 'none'/);
  assert.equal(page.headers['x-content-type-options'], 'nosniff');
  assert.match(String(page.headers['content-type']), /text\/html/);
  assert.equal((await ask('/', { headers: { ...PAGE, 'if-none-match': page.headers.etag } })).status, 304);
  assert.equal((await ask('/uplot.js')).status, 200);
  assert.equal((await ask('/api/status')).headers['cache-control'], 'no-store');
});

test('the OpenAPI document describes every route', async (t) => {
  const { ask } = operationsServer(t);
  const document = (await ask('/openapi.json')).json();
  assert.deepEqual(Object.keys(document.paths).sort(), [
    '/api/connectors/{name}/replay',
    '/api/connectors/{name}/{action}',
    '/api/dead-letters',
    '/api/dead-letters/replay',
    '/api/dead-letters/{id}',
    '/api/events',
    '/api/events/breakdown',
    '/api/events/histogram',
    '/api/status',
    '/api/status/stream',
    '/api/tail/{topic}',
    '/health',
    '/metrics',
  ]);
  const limit = document.paths['/api/events'].get.parameters.find(({ name }: { name: string }) => name === 'limit');
  assert.equal(limit.schema.maximum, 1_000);
  assert.ok(document.paths['/api/events'].get.responses['4XX'], 'errors are described too');
});

test('metrics are text that Prometheus reads', async (t) => {
  const { ask } = operationsServer(t);
  for (const round of [1, 2]) {
    const { text, headers } = await ask('/metrics');
    assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/);
    assert.match(text, /^millrace_events_accepted_total 100$/m, `scrape ${round}`);
    assert.match(text, /^millrace_events_rejected_total\{code="EVENT_TYPE_MISSING"\} 3$/m);
    assert.match(text, /^millrace_connector_lag\{connector="files"\} 6$/m);
    assert.match(text, /^millrace_connector_state\{connector="files",state="RUNNING"\} 1$/m);
    assert.match(text, /^process_resident_memory_bytes /m);
  }
});

test('what is no request is refused in the same form', async (t) => {
  const { server } = operationsServer(t);
  const { port } = await server.listen();
  const answerTo = async (request: string) => {
    const socket = connect(port, '127.0.0.1');
    socket.end(request);
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
    return { status: head.split(' ')[1], code: JSON.parse(body).error.code };
  };
  assert.deepEqual(await answerTo('no http\r\n\r\n'), { status: '400', code: 'REQUEST_INVALID' });
  const long = `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`;
  assert.deepEqual(await answerTo(long), { status: '431', code: 'REQUEST_INVALID' });
});
