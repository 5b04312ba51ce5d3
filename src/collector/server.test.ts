import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import test from 'node:test';
import zlib from 'node:zlib';
import fc from 'fast-check';
import { startCollector } from '../../test/support/collector.ts';
import { assertDescribed } from '../../test/support/openapi.ts';
import { exchange, requestBytes } from '../../test/support/raw-http.ts';
import { until } from '../../test/support/until.ts';
import type { Outcome } from '../delivery/intake.ts';
import { fromDeadLetter } from '../log/dead-letter.ts';
import { openapiDocument } from './openapi.ts';

const JSON_TYPE = 'Content-Type: application/json';
const post = (body: string | Uint8Array, ...headers: string[]) =>
  requestBytes({ method: 'POST', path: '/v1/events', headers: [JSON_TYPE, ...headers], body });
const get = (path: string, ...headers: string[]) => requestBytes({ path, headers });
const codeOf = (body: string) => (JSON.parse(body) as { error: { code: string } }).error.code;

test('takes the event of the original page', async (t) => {
  const { intake, port } = await startCollector(t);
  const path = '/api/select?color=%EB%B9%A8%EA%B0%95&user=J%C3%B6+K&id=e1';
  const reply = await exchange(port, get(path, 'User-Agent: "quoted"\\', 'Origin: https://example.com'));
  assert.equal(reply.status, 204);
  assert.equal(reply.headers['access-control-allow-origin'], '*');
  assert.deepEqual(intake.values, [
    {
      ...{ id: 'e1', type: 'select-color', timestamp: '2026-11-22T12:00:00.000Z' },
      ...{ receivedAt: '2026-11-22T12:00:00.000Z', userAgent: '"quoted"\\', userName: 'Jö K', colorName: '빨강' },
    },
  ]);
  assert.equal(intake.events[0]?.topic, 'select-color');
  assert.deepEqual(intake.events[0]?.headers, { type: 'select-color', 'content-type': 'application/json' });
  assert.equal(intake.events[0]?.key, undefined);
});

test('keys records by the field that their topic names', async (t) => {
  const topics = {
    'select-color': { types: ['select-color'], key: 'userName' },
    'web-events': { types: [], key: 'id' },
  };
  const { intake, url } = await startCollector(t, { topics });
  await fetch(`${url}/api/select?color=red&user=Ada`);
  await fetch(`${url}/api/select?color=red`);
  await fetch(`${url}/v1/events`, {
    method: 'POST',
    body: '[{"type":"a","id":"e7"},{"type":"select-color","userName":"Bo"}]',
  });
  const keys = intake.events.map(({ key }) => key && Buffer.from(key).toString());
  assert.deepEqual(keys, ['Ada', undefined, 'e7', 'Bo']);
});

test('takes one event, an array and lines, under every content type and encoding', async (t) => {
  const { intake, port, collector } = await startCollector(t);
  const bodies = [
    '{"type":"a","n":1}',
    '[{"type":"a"}, {"type":"b"}]',
    '{"type":"a"}\r\n\n{"type":"b"}',
    '{\n "type": "a"\n}',
  ];
  const encodings: [string, (body: string) => Buffer][] = [
    ['identity', (body) => Buffer.from(body)],
    ['gzip', (body) => zlib.gzipSync(body)],
    ['deflate', (body) => zlib.deflateSync(body)],
    ['br', (body) => zlib.brotliCompressSync(body)],
    ['zstd', (body) => zlib.zstdCompressSync(body)],
  ];
  let sent = 0;
  for (const body of bodies) {
    for (const [encoding, encode] of encodings) {
      for (const type of ['application/json', 'text/plain;charset=UTF-8']) {
        const headers = [`Content-Type: ${type}`, `Content-Encoding: ${encoding}`];
        const reply = await exchange(
          port,
          requestBytes({ method: 'POST', path: '/v1/events', headers, body: encode(body) }),
        );
        assert.equal(reply.status, 204, `${body} as ${type} in ${encoding}: ${reply.body}`);
        sent += body.includes('"b"') ? 2 : 1;
      }
    }
  }
  assert.equal(intake.events.length, sent);
  assert.equal(collector.counters.acceptedEvents, sent);
  assert.equal(collector.heldBytes, 0);
});

test('a refusal by the intake is 503 with Retry-After, and nothing is taken', async (t) => {
  const { intake, port, collector } = await startCollector(t);
  intake.answer = () => ({ admitted: false, cause: 'buffer_full', retryAfterSeconds: 7 });
  for (const bytes of [get('/api/select?color=red'), post('[{"type":"a"},{}]')]) {
    const reply = await exchange(port, bytes);
    assert.equal(reply.status, 503);
    assert.equal(codeOf(reply.body), 'BUFFER_FULL');
    assert.equal(reply.headers['retry-after'], '7');
    assert.equal(reply.headers['access-control-expose-headers'], 'Retry-After');
  }
  assert.equal(collector.counters.shedRequests['buffer_full'], 2);
  assert.equal(collector.counters.acceptedEvents, 0);
});

test('a body is not waited for while the intake takes nothing', async (t) => {
  const { intake, port } = await startCollector(t);
  intake.state = { ready: false, cause: 'log_away' };
  const reply = await exchange(port, post('', 'Content-Length: 1000'));
  assert.equal(reply.status, 503);
  assert.equal(codeOf(reply.body), 'LOG_AWAY');
});

const DELIVERED: readonly {
  readonly name: string;
  readonly body: string;
  readonly outcomes: Outcome[];
  readonly status: number;
  readonly results?: string[];
}[] = [
  { name: 'all', body: '[{"type":"a"},{"type":"b"}]', outcomes: ['delivered', 'delivered'], status: 204 },
  { name: 'one of one uncertain', body: '{"type":"a"}', outcomes: ['uncertain'], status: 503 },
  { name: 'none of two', body: '[{"type":"a"},{"type":"b"}]', outcomes: ['uncertain', 'uncertain'], status: 503 },
  {
    name: 'half',
    body: '[{"type":"a"},{"type":"b"}]',
    outcomes: ['delivered', 'uncertain'],
    status: 200,
    results: ['accepted', 'uncertain'],
  },
  { name: 'refused by the log', body: '{"type":"a"}', outcomes: ['refused'], status: 400 },
  {
    name: 'one bad, one refused',
    body: '[{},{"type":"a"},{"type":"b"}]',
    outcomes: ['refused', 'delivered'],
    status: 200,
    results: ['rejected', 'rejected', 'accepted'],
  },
];

for (const { name, body, outcomes, status, results } of DELIVERED) {
  test(`with acknowledge: delivered, the answer says what the log has: ${name}`, async (t) => {
    const { intake, port } = await startCollector(t);
    intake.answer = () => ({ admitted: true, settled: Promise.resolve(outcomes) });
    const reply = await exchange(port, post(body));
    assert.equal(reply.status, status, reply.body);
    const parsed = reply.body === '' ? {} : (JSON.parse(reply.body) as { results?: { status: string }[] });
    assert.deepEqual(
      parsed.results?.map((result) => result.status),
      results,
    );
    assertDescribed('POST', '/v1/events', reply);
  });
}

test('an event that fails its schema becomes a dead letter and is refused, its neighbours are taken', async (t) => {
  const schemas = new Map([
    [
      'select-color',
      {
        properties: { colorName: { enum: ['red', 'blue'] } },
        required: ['colorName'],
        additionalProperties: { type: 'string' },
      },
    ],
  ]);
  const { intake, port, collector } = await startCollector(t, { schemas });
  const bad = '{"type":"select-color","colorName":"red","<script>":7}';
  const reply = await exchange(port, post(`[{"type":"select-color","colorName":"blue"},${bad},{"type":"other"}]`));
  assert.equal(reply.status, 200);
  assert.deepEqual(
    intake.events.map(({ topic, deadLetter }) => [topic, deadLetter]),
    [
      ['select-color', undefined],
      ['millrace-dead-letters', true],
      ['web-events', undefined],
    ],
  );
  const record = intake.events[1];
  assert.ok(record);
  const { context, original } = fromDeadLetter({ ...record, offset: 0 });
  assert.equal(context.code, 'SCHEMA_MISMATCH');
  assert.equal(context.refusedBy, 'collector');
  assert.equal(context.at, Date.parse('2026-11-22T12:00:00.000Z'));
  assert.equal(Buffer.from(original.value).toString(), bad);
  assert.ok(!context.reason.includes('script') && context.reason.includes('additionalProperties'), context.reason);
  assert.ok(!reply.body.includes('script'));

  const selected = await exchange(port, get('/api/select?color=green'));
  assert.equal(codeOf(selected.body), 'SCHEMA_MISMATCH');
  assert.equal(collector.counters.rejectedEvents['SCHEMA_MISMATCH'], 2);
  assert.equal((await exchange(port, get('/api/select?color=red'))).status, 204);
});

test('a schema or proxy that cannot be used is refused before the port is opened', async (t) => {
  const schemas = new Map([['a', { type: 'no-such-type' }]]);
  await assert.rejects(startCollector(t, { schemas }), { code: 'SCHEMA_INVALID' });
  await assert.rejects(startCollector(t, { settings: { trustedProxies: ['10.0.0.0/33'] } }), { code: 'PROXY_INVALID' });
});

test('unnamed types are refused where the configuration says so', async (t) => {
  const { port } = await startCollector(t, { settings: { unknownTypes: 'reject' } });
  assert.equal(codeOf((await exchange(port, post('{"type":"other"}'))).body), 'TYPE_UNKNOWN');
  assert.equal((await exchange(port, post('{"type":"select-color"}'))).status, 204);
});

test('addresses of clients are stored only if switched on, truncated, and believed only from trusted proxies', async (t) => {
  const forwarded = 'X-Forwarded-For: 6.6.6.6, 203.0.113.77, 10.1.2.3';
  const addressOf = async (settings: object) => {
    const { intake, port } = await startCollector(t, { settings });
    await exchange(port, get('/api/select?color=red', forwarded));
    return intake.values[0]?.['clientAddress'];
  };
  assert.equal(await addressOf({}), undefined);
  assert.equal(await addressOf({ clientAddress: true }), '127.0.0.0');
  assert.equal(await addressOf({ clientAddress: true, trustedProxies: ['127.0.0.1', '10.0.0.0/8'] }), '203.0.113.0');
  assert.equal(await addressOf({ clientAddress: true, trustedProxies: ['127.0.0.1'] }), '10.1.2.0');
});

test('pages of allowed origins may read replies, others may not', async (t) => {
  const { port } = await startCollector(t, { settings: { origins: ['https://good.example'] } });
  const good = await exchange(port, get('/api/select', 'Origin: https://good.example'));
  assert.equal(good.headers['access-control-allow-origin'], 'https://good.example');
  assert.equal(good.headers['vary'], 'Origin');
  const evil = await exchange(port, get('/api/select', 'Origin: https://evil.example'));
  assert.equal(evil.headers['access-control-allow-origin'], undefined);
  const preflight = {
    method: 'OPTIONS',
    path: '/v1/events',
    headers: ['Origin: https://good.example', 'Access-Control-Request-Method: POST'],
  };
  const allowed = await exchange(port, requestBytes(preflight));
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers['access-control-allow-methods'], 'POST, OPTIONS');
  assert.equal(allowed.headers['access-control-allow-headers'], 'Content-Type, Content-Encoding');
});

test('headers, bodies and whole requests that come too slowly are answered 408', async (t) => {
  const limits = { headerTime: 100, requestTime: 200 };
  const { port, collector } = await startCollector(t, { settings: { limits } });
  for (const start of ['', 'GET /healthz HTTP/1.1\r\nHost: a\r\n', post('{"ty', 'Content-Length: 100')]) {
    const reply = await exchange(port, start);
    assert.equal(reply.status, 408);
    assert.equal(codeOf(reply.body), 'REQUEST_TIMEOUT');
  }
  assert.equal(collector.heldBytes, 0);
  assert.equal(collector.counters.rejectedEvents['REQUEST_TIMEOUT'], 3);
});

test('a client that leaves in mid-body leaves nothing behind', async (t) => {
  const { port, collector, intake } = await startCollector(t);
  const deflated = zlib.deflateRawSync(Buffer.alloc(100));
  for (const bytes of [
    post('{"type":', 'Content-Length: 100'),
    post(deflated, 'Content-Length: 999', 'Content-Encoding: zstd'),
  ]) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(bytes);
    const requests = collector.counters.requests;
    await until('the request is there', () => collector.counters.requests > requests || collector.heldBytes > 0);
    socket.resetAndDestroy();
    await until('its bytes are given back', () => collector.heldBytes === 0);
  }
  assert.equal(intake.events.length, 0);
  assert.equal((await exchange(port, get('/healthz'))).status, 200);
});

test('bodies of all clients together have a bound', async (t) => {
  const { port, collector } = await startCollector(t, { settings: { limits: { heldBytes: 1000 } } });
  const first = net.connect(port, '127.0.0.1');
  t.after(() => first.destroy());
  first.write(post(' '.repeat(900), 'Content-Length: 901'));
  await until('the first body is held', () => collector.heldBytes === 900);
  const reply = await exchange(port, post(' '.repeat(200)));
  assert.equal(reply.status, 503);
  assert.equal(codeOf(reply.body), 'BODIES_FULL');
  assert.equal(collector.counters.shedRequests['bodies_full'], 1);
});

test('connections beyond the limit are told so', async (t) => {
  const { port, collector } = await startCollector(t, { settings: { limits: { connections: 1 } } });
  const first = net.connect(port, '127.0.0.1');
  await once(first, 'connect');
  first.write(get('/healthz'));
  await once(first, 'data');
  const second = net.connect(port, '127.0.0.1').setEncoding('latin1');
  second.on('error', () => {});
  const [text] = (await once(second, 'data')) as [string];
  assert.match(text, /^HTTP\/1\.1 503 .*CONNECTIONS_FULL/s);
  assert.equal(collector.counters.shedRequests['connections_full'], 1);
  first.destroy();
  await until(
    'there is room again',
    async () => (await exchange(port, get('/healthz')).catch(() => undefined))?.status === 200,
  );
});

test('pipelined requests are answered in order', async (t) => {
  const { port, intake } = await startCollector(t);
  let release = (_: readonly Outcome[]) => {};
  intake.answer = () => ({
    admitted: true,
    settled: new Promise((resolve) => {
      release = resolve;
    }),
  });
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
  t.after(() => socket.destroy());
  let received = '';
  socket.on('data', (text: string) => {
    received += text;
  });
  socket.write(Buffer.concat([get('/api/select?color=red'), get('/healthz')]));
  await until('the first waits', () => intake.events.length === 1);
  release(['delivered']);
  await until('both are answered', () => received.includes('alive'));
  assert.match(received, /^HTTP\/1\.1 204 .*HTTP\/1\.1 200 /s);
});

test('a client that asks first is told to go on, or that its body is too long', async (t) => {
  const { port, intake } = await startCollector(t, { settings: { limits: { bodyBytes: 100 } } });
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
  t.after(() => socket.destroy());
  socket.write(post('', 'Content-Length: 12', 'Expect: 100-continue'));
  assert.match(((await once(socket, 'data')) as [string])[0], /^HTTP\/1\.1 100 /);
  socket.write('{"type":"a"}');
  assert.match(((await once(socket, 'data')) as [string])[0], /^HTTP\/1\.1 204 /);
  assert.equal(intake.events.length, 1);
  assert.equal((await exchange(port, post('', 'Content-Length: 101', 'Expect: 100-continue'))).status, 413);
});

test('progress is there only where it is provided, and asked for within a rate', async (t) => {
  const without = await startCollector(t);
  assert.equal((await exchange(without.port, get('/v1/events/e1/progress'))).status, 404);

  const found = { log: true, files: false, search: true };
  const progress = async (id: string) => {
    if (id === 'broken') throw new Error('the store is away');
    return id === 'e 1' ? found : undefined;
  };
  const { port, clock } = await startCollector(t, { progress, settings: { limits: { progressPerSecond: 4 } } });
  const ask = async (id: string) => {
    const reply = await exchange(port, get(`/v1/events/${id}/progress`));
    assertDescribed('GET', `/v1/events/${id}/progress`, reply);
    return reply;
  };
  assert.deepEqual(JSON.parse((await ask('e%201')).body), found);
  assert.equal(codeOf((await ask('e2')).body), 'EVENT_UNKNOWN');
  assert.equal(codeOf((await ask('%E')).body), 'EVENT_UNKNOWN');
  assert.equal(codeOf((await ask('broken')).body), 'INTERNAL');
  const limited = await ask('e1');
  assert.equal(limited.status, 429);
  assert.equal(limited.headers['retry-after'], '1');
  clock.advance(1000);
  assert.equal((await ask('e%201')).status, 200);
});

test('pages are served where nothing else is', async (t) => {
  const page = { body: Buffer.from('<!doctype html>'), headers: { 'Content-Type': 'text/html' } };
  const { port } = await startCollector(t, { pages: (path) => (path === '/' ? page : undefined) });
  assert.equal((await exchange(port, get('/?a=b'))).body, '<!doctype html>');
  const head = await exchange(port, requestBytes({ method: 'HEAD', path: '/' }));
  assert.equal(head.headers['content-length'], '15');
  assert.equal((await exchange(port, requestBytes({ method: 'POST', path: '/' }))).status, 404);
});

test('on stopping it is not ready, finishes what it has begun, and lets go of the port', async (t) => {
  const { port, intake, collector } = await startCollector(t);
  assert.equal((await exchange(port, get('/readyz'))).status, 200);
  let release = (_: readonly Outcome[]) => {};
  intake.answer = () => ({
    admitted: true,
    settled: new Promise((resolve) => {
      release = resolve;
    }),
  });
  const answer = exchange(port, post('{"type":"a"}'));
  await until('the event is in', () => intake.events.length === 1);
  const idle = net.connect(port, '127.0.0.1');
  idle.write(get('/healthz'));
  await once(idle, 'data');
  collector.stopAccepting();
  assert.equal(collector.accepting, false);
  await once(idle.resume(), 'close');
  await assert.rejects(exchange(port, get('/healthz')), { code: 'ECONNREFUSED' });
  const drained = collector.drain(AbortSignal.timeout(20_000));
  release(['delivered']);
  assert.equal((await answer).status, 204);
  await drained;
});

test('draining ends with its deadline', async (t) => {
  const { port, collector, intake } = await startCollector(t);
  intake.answer = () => ({ admitted: true, settled: new Promise(() => {}) });
  const answer = assert.rejects(exchange(port, post('{"type":"a"}')));
  await until('the event is in', () => intake.events.length === 1);
  collector.stopAccepting();
  await collector.drain(AbortSignal.timeout(20));
  await collector.close();
  await answer;
});

test('a port that is taken is a clear error', async (t) => {
  const { port } = await startCollector(t);
  await assert.rejects(startCollector(t, { settings: { listen: `127.0.0.1:${port}` } }), { code: 'LISTEN_FAILED' });
  await assert.rejects(startCollector(t, { settings: { listen: '203.0.113.1:0' } }), { code: 'LISTEN_FAILED' });
});

test('the OpenAPI document is served as it is made', async (t) => {
  const { port } = await startCollector(t);
  const reply = await exchange(port, get('/openapi.json'));
  assert.deepEqual(JSON.parse(reply.body), JSON.parse(JSON.stringify(openapiDocument())));
  for (const path of ['/healthz', '/readyz', '/openapi.json']) {
    assertDescribed('GET', path, await exchange(port, get(path)));
    assert.equal((await exchange(port, requestBytes({ method: 'HEAD', path }))).status, 200);
  }
});

test('any bytes as a body or as a whole request get a status', async (t) => {
  const { port, collector } = await startCollector(t, { settings: { limits: { headerTime: 50, requestTime: 100 } } });
  const encoding = fc.constantFrom('identity', 'gzip', 'deflate', 'br', 'zstd');
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), encoding, async (body, coding) => {
      const reply = await exchange(port, post(body, `Content-Encoding: ${coding}`));
      assert.ok([200, 204, 400, 413].includes(reply.status), `${reply.status}`);
    }),
    { numRuns: 150 },
  );
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 60 }), async (bytes) => {
      const reply = await exchange(port, Buffer.concat([Buffer.from(bytes), Buffer.from('\r\n\r\n')]));
      assert.ok([400, 408].includes(reply.status), `${reply.status}`);
    }),
    { numRuns: 60 },
  );
  assert.equal(collector.heldBytes, 0);
  assert.equal(collector.counters.rejectedEvents['INTERNAL'], 0);
});
