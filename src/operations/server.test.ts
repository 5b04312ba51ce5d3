import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { TestClock } from '../../test/support/clock.ts';
import { FakeOperations } from '../../test/support/operations.ts';
import { until } from '../../test/support/until.ts';
import type { Connectors, Health } from '../connect/rest/connectors.ts';
import type { Clock } from '../support/clock.ts';
import { systemClock } from '../support/clock.ts';
import { silentLogger } from '../support/logger.ts';
import type { OperationsConfig } from './config.ts';
import type { BreakdownReply } from './schemas.ts';
import { createOperationsServer } from './server.ts';

const TOKEN = 'a-token-of-some-length';

function setUp(
  t: TestContext,
  config: Partial<OperationsConfig> = {},
  clock: Clock = systemClock,
  prepare: (operations: FakeOperations) => void = () => {},
) {
  const operations = new FakeOperations();
  prepare(operations);
  const lines: string[] = [];
  const note = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const server = createOperationsServer({
    config: { listen: '127.0.0.1:0', token: undefined, hosts: [], ...config },
    operations,
    logger: { ...silentLogger, warn: note, error: note },
    clock,
  });
  t.after(() => server.close());
  const ask = async (
    url: string,
    options: { method?: 'GET' | 'POST' | 'PUT' | 'DELETE'; headers?: object; body?: object } = {},
  ) => {
    const { method = 'GET', headers, body } = options;
    const response = await server.inject({
      method,
      url,
      headers: { host: '127.0.0.1:8083', ...headers },
      ...(body ? { payload: body } : {}),
    });
    return { status: response.statusCode, headers: response.headers, text: response.body, json: () => response.json() };
  };
  return { operations, server, ask, lines };
}

function colours(operations: FakeOperations): void {
  operations.events = [
    { id: '1', type: 'select-color', timestamp: '2026-11-22T11:00:00.000Z', colorName: 'red', userName: 'Kim' },
    { id: '2', type: 'select-color', timestamp: '2026-11-22T11:30:00.000Z', colorName: 'blue', userName: 'Lee' },
    { id: '3', type: 'page-view', timestamp: '2026-11-22T11:31:00.000Z', colorName: 'red', userName: 'a:b' },
  ];
}

test('events are found by time, type, text and fields, page by page', async (t) => {
  const { operations, ask } = setUp(t);
  colours(operations);
  const from = '2026-11-22T20:30:00%2B09:00';
  const ids = async (query: string) =>
    (await ask(`/api/events?${query}`)).json().events.map(({ id }: { id: string }) => id);
  assert.deepEqual(await ids(''), ['3', '2', '1']);
  assert.deepEqual(await ids(`from=${from}&to=${Date.parse('2026-11-22T11:31:00Z')}`), ['2']);
  assert.deepEqual(await ids('from=2026-11-22T20:30:00+09:00'), ['3', '2']);
  assert.deepEqual(await ids('type=select-color&where=colorName:red'), ['1']);
  assert.deepEqual(await ids('where=userName:a:b&where=type:page-view'), ['3']);
  assert.deepEqual(operations.filters.at(-1)?.where, [
    { field: 'userName', value: 'a:b' },
    { field: 'type', value: 'page-view' },
  ]);
  const first = (await ask('/api/events?limit=2')).json();
  assert.deepEqual((await ask(`/api/events?limit=2&before=${first.next}`)).json().events.length, 1);
});

test('a histogram chooses buckets that fit its range', async (t) => {
  const clock = new TestClock();
  const { operations, ask } = setUp(t, {}, clock);
  colours(operations);
  const day = (await ask('/api/events/histogram')).json();
  assert.equal(day.to, clock.now());
  assert.equal(day.to - day.from, 86_400_000);
  assert.equal(day.intervalMs, 900_000);
  assert.deepEqual(
    day.buckets.map(({ count }: { count: number }) => count),
    [1, 2],
  );
  const chosen = (await ask(`/api/events/histogram?from=${clock.now() - 60_000}&interval=60`)).json();
  assert.equal(chosen.intervalMs, 60);
  assert.equal((await ask('/api/events/histogram?from=0&to=1000000&interval=1')).status, 400);
});

test('a breakdown counts values of a field', async (t) => {
  const { operations, ask } = setUp(t);
  colours(operations);
  assert.deepEqual((await ask('/api/events/breakdown?field=colorName')).json(), {
    field: 'colorName',
    values: [
      { value: 'red', count: 2, where: 'colorName:red' },
      { value: 'blue', count: 1, where: 'colorName:blue' },
    ],
  });
});

test('a breakdown offers a condition only where it can be asked', async (t) => {
  const { operations, ask } = setUp(t);
  const longest = 'x'.repeat(2_000 - 'note:'.length);
  const names = { note: ['a:b', longest, `${longest}x`, '\u{1f600}', 'nul\u0000'], 'with:colon': ['a'] };
  for (const [field, values] of Object.entries(names)) {
    operations.events = values.map((value, index) => ({ id: `${index}`, type: 't', timestamp: 0, [field]: value }));
    const reply = await ask(`/api/events/breakdown?field=${encodeURIComponent(field)}`);
    for (const { value, where } of (reply.json() as BreakdownReply).values) {
      const asked = encodeURIComponent(where ?? `${field}:${value}`);
      assert.equal((await ask(`/api/events?where=${asked}`)).status, where === undefined ? 400 : 200, value.slice(-9));
    }
  }
});

test('every parameter has bounds, and an unknown one is refused', async (t) => {
  const { ask, operations } = setUp(t);
  const refused = [
    '/api/events?limit=0',
    '/api/events?limit=1001',
    '/api/events?limit=ten',
    '/api/events?form=1',
    '/api/events?from=yesterday',
    '/api/events?from=99999999999999999999',
    '/api/events?from=2&to=1',
    '/api/events?from=5&to=5',
    '/api/events?type=',
    `/api/events?type=${'x'.repeat(257)}`,
    `/api/events?text=${'x'.repeat(1001)}`,
    '/api/events?where=novalue',
    '/api/events?where=:value',
    `/api/events?where=a:${'x'.repeat(2000)}`,
    `/api/events?${'where=a:b&'.repeat(9)}`,
    `/api/events?before=${'x'.repeat(1025)}`,
    '/api/events?text=a&text=b',
    '/api/events/breakdown',
    '/api/events/breakdown?field=a%00b',
    '/api/events/breakdown?field=a&limit=101',
    '/api/dead-letters?refusedBy=../x',
    '/api/dead-letters/..%2f..%2fetc',
    '/api/tail/a%20b',
    '/api/tail/a?from=never',
  ];
  for (const url of refused) {
    const { status, json } = await ask(url);
    assert.equal(status, 400, url);
    const { error } = json();
    assert.equal(error.code, 'REQUEST_INVALID', url);
    assert.ok(error.message.length < 300 && error.help.length > 0);
  }
  assert.deepEqual(operations.filters, []);
});

test('errors have one form, and an unexpected one says nothing of itself', async (t) => {
  const { ask, operations, lines } = setUp(t);
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

test('without a searchable store the answer says so', async (t) => {
  const { ask } = setUp(t, {}, systemClock, (operations) => {
    operations.searchable = false;
  });
  const { status, json } = await ask('/api/events');
  assert.equal(status, 404);
  assert.equal(json().error.code, 'SEARCH_NOT_CONFIGURED');
});

test('a question that hangs is answered at its deadline', async (t) => {
  const clock = new TestClock();
  const { ask, operations } = setUp(t, {}, clock);
  operations.readStatus = () => new Promise(() => {});
  const answers = Array.from({ length: 9 }, () => ask('/api/status'));
  await until('eight questions wait', () => clock.sleeping === 8);
  clock.advance(10_000);
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [503, ...Array(8).fill(504)]);
});

test('connectors are steered by name', async (t) => {
  const { ask, operations } = setUp(t);
  for (const [method, action] of [
    ['POST', 'pause'],
    ['PUT', 'resume'],
    ['POST', 'restart'],
  ] as const) {
    assert.equal((await ask(`/api/connectors/files/${action}`, { method })).status, 204);
  }
  assert.deepEqual(operations.asked, ['pause files', 'resume files', 'restart files']);
  const unknown = await ask('/api/connectors/other/pause', { method: 'POST' });
  assert.equal(unknown.status, 404);
  assert.equal(unknown.json().error.code, 'CONNECTOR_UNKNOWN');
  assert.equal((await ask('/api/connectors/files/explode', { method: 'POST' })).status, 400);
  assert.equal((await ask('/api/connectors/files/pause')).status, 404, 'a GET changes nothing');
});

test('a time range is loaded once more by the name of a connector', async (t) => {
  const { ask, operations } = setUp(t);
  const at = '/api/connectors/search/replay';
  const begin = (payload: object) => ask(at, { method: 'POST', body: payload });
  assert.equal((await begin({ from: 1_000, to: 2_000 })).status, 202);
  for (const wrong of [{}, { from: 1_000 }, { from: -1, to: 5 }, { from: 'now', to: 5 }, { from: 1, to: 2, more: 3 }]) {
    assert.equal((await begin(wrong)).status, 400, JSON.stringify(wrong));
  }
  assert.deepEqual((await ask(at)).json(), { state: 'NONE', done: 0, all: 0 });
  operations.replayState = {
    ...{ state: 'DONE', done: 9, all: 9 },
    replayed: { read: 4, written: 2, present: 1, refused: 1 },
  };
  assert.deepEqual((await ask(at)).json(), operations.replayState);
  operations.replayState = {
    ...{ state: 'FAILED', done: 1, all: 9 },
    error: { message: 'gone', code: 'STORE_AWAY', decision: 'retry', help: 'wait' },
  };
  assert.deepEqual((await ask(at)).json(), operations.replayState);
  assert.equal((await ask(at, { method: 'DELETE' })).status, 204);
  assert.deepEqual(operations.asked, ['replay search 1000-2000', 'replay search stop']);
  const unknown = await ask('/api/connectors/other/replay', { method: 'POST', body: { from: 1, to: 2 } });
  assert.equal(unknown.json().error.code, 'CONNECTOR_UNKNOWN');
});

test('dead letters are listed, shown and replayed', async (t) => {
  const { ask, operations } = setUp(t);
  const letter = { code: 'C', reason: 'r', at: 1, payload: '{"a":1}' };
  operations.letters = [
    { ...letter, id: 'millrace-dead-letters-0-1', refusedBy: 'collector' },
    { ...letter, id: 'millrace-dead-letters-files-0-2', refusedBy: 'files' },
    { ...letter, id: 'millrace-dead-letters-files-0-3', refusedBy: 'files' },
  ];
  assert.equal((await ask('/api/dead-letters')).json().deadLetters.length, 3);
  assert.equal((await ask('/api/dead-letters?refusedBy=files&limit=1')).json().deadLetters.length, 1);
  assert.equal((await ask('/api/dead-letters/millrace-dead-letters-0-1')).json().payload, '{"a":1}');
  assert.equal((await ask('/api/dead-letters/millrace-dead-letters-0-9')).status, 404);
  const replay = (body: object) => ask('/api/dead-letters/replay', { method: 'POST', body });
  assert.deepEqual((await replay({ refusedBy: 'files', ids: ['millrace-dead-letters-files-0-2'] })).json(), {
    replayed: 1,
  });
  assert.deepEqual((await replay({ refusedBy: 'files' })).json(), { replayed: 1 });
  assert.equal((await replay({})).status, 400);
  assert.equal((await replay({ refusedBy: 'files', ids: [] })).status, 400);
  const wrongType = await ask('/api/dead-letters/replay', {
    method: 'POST',
    body: { refusedBy: 'files' },
    headers: { 'content-type': 'text/plain' },
  });
  assert.equal(wrongType.status, 415);
  const tooLarge = await replay({ refusedBy: 'files', ids: ['x'.repeat(600 * 1024)] });
  assert.equal(tooLarge.status, 413);
  assert.equal(tooLarge.json().error.code, 'REQUEST_INVALID');
});

test('dead letters are looked for and dropped', async (t) => {
  const { ask, operations } = setUp(t);
  const letter = { code: 'C', reason: 'r', at: 1, payload: '{"a":1}', refusedBy: 'files' };
  operations.letters = [2, 3].map((offset) => ({ ...letter, id: `millrace-dead-letters-files-0-${offset}` }));
  const query = 'refusedBy=files&code=EVENT_ID_TAKEN&text=%22a%22&from=1970-01-01T00:00:01Z&to=2000';
  assert.equal((await ask(`/api/dead-letters?${query}`)).status, 200);
  const drop = (query: string) => ask(`/api/dead-letters?${query}`, { method: 'DELETE' });
  assert.deepEqual((await drop('refusedBy=files&before=5')).json(), { purged: 2 });
  assert.deepEqual(operations.asked, [
    'list {"refusedBy":"files","code":"EVENT_ID_TAKEN","text":"\\"a\\"","from":1000,"to":2000}',
    'purge {"refusedBy":"files","before":5}',
  ]);
  for (const wrong of ['', 'refusedBy=..%2F', 'refusedBy=files&before=soon', 'refusedBy=files&code=C'])
    assert.equal((await drop(wrong)).status, 400, wrong);
  for (const wrong of ['text=', 'code=a%20b', 'from=never', 'txt=a', `text=${'x'.repeat(201)}`])
    assert.equal((await ask(`/api/dead-letters?${wrong}`)).status, 400, wrong);
});

test('the server answers only to names that no other site can take', async (t) => {
  const { ask } = setUp(t, { hosts: ['Ops.example.org'] });
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
  const { ask, operations } = setUp(t);
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
  const { ask } = setUp(t, { token: TOKEN });
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
  const { ask, operations } = setUp(t);
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
  const { ask } = setUp(t);
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
  const { ask } = setUp(t);
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
  const { ask } = setUp(t);
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

test('the status streams once a second to everyone, and says when it can not be read', async (t) => {
  const clock = new TestClock();
  const { server, operations } = setUp(t, {}, clock);
  const { url } = await server.listen();
  let reads = 0;
  operations.readStatus = async () => {
    reads++;
    if (reads === 2) throw new Error('gone');
    return operations.current;
  };
  const watchers = await Promise.all([1, 2].map(() => watch(t, `${url}/api/status/stream`)));
  await until('both have the first status', () => watchers.every(({ text }) => text().includes('event: status')));
  await until('the stream sleeps', () => clock.sleeping === 1);
  clock.advance(1_000);
  await until('both hear of it', () => watchers.every(({ text }) => text().includes('event: unavailable')));
  assert.ok(!watchers[0]?.text().includes('gone'));
  await until('the stream sleeps', () => clock.sleeping === 1);
  clock.advance(1_000);
  await until('the status is back', () => watchers.every(({ text }) => text().split('event: status').length === 3));
  assert.equal(reads, 3, 'read once for all watchers');
});

test('a tail sends each record as a line, until its reader goes', async (t) => {
  const { server, operations } = setUp(t);
  operations.records = [1, 2].map((offset) => ({
    topic: 'select-color',
    partition: 0,
    offset,
    timestamp: 5,
    value: Buffer.from('{"a":"한"}'),
    headers: { type: 'select-color' },
  }));
  const { url } = await server.listen();
  const tail = await watch(t, `${url}/api/tail/select-color?from=earliest`);
  await until('both records are there', () => tail.text().split('\n').length === 3);
  const [first] = tail.text().split('\n');
  assert.deepEqual(JSON.parse(first ?? ''), { ...operations.records[0], value: '{"a":"한"}' });
  assert.deepEqual(operations.asked, ['tail select-color earliest']);
  tail.stop();
  await until('the source hears of it', () => operations.asked.includes('tail ended'));
  const missing = await fetch(`${url}/api/tail/missing`);
  assert.equal(missing.status, 404);
  assert.equal(((await missing.json()) as { error: { code: string } }).error.code, 'TOPIC_UNKNOWN');
});

test('readers of streams are bounded, and closing the server ends them', async (t) => {
  const { server } = setUp(t);
  const { url } = await server.listen();
  const tails = await Promise.all(Array.from({ length: 16 }, () => watch(t, `${url}/api/tail/a`)));
  const refused = await fetch(`${url}/api/tail/a`);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '2');
  await server.close();
  await until('all have ended', () => tails.every(({ ended }) => ended()));
});

test('what is no request is refused in the same form', async (t) => {
  const { server } = setUp(t);
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

/** Reads a stream in the background. */
async function watch(t: TestContext, url: string) {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const response = await fetch(url, { signal: stop.signal });
  assert.equal(response.status, 200);
  let text = '';
  let ended = false;
  void (async () => {
    try {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk;
    } catch {
      // The test or the server has ended the stream.
    }
    ended = true;
  })();
  return { text: () => text, ended: () => ended, stop: () => stop.abort() };
}
