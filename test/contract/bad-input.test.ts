/**
 * What the collector does with bad input: the status, the code and the effect of each, over raw
 * sockets against a listening collector. Effects are what the intake got.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import zlib from 'node:zlib';
import { startCollector } from '../support/collector.ts';
import { assertDescribed } from '../support/openapi.ts';
import type { RawRequest } from '../support/raw-http.ts';
import { exchange, requestBytes } from '../support/raw-http.ts';

interface Row {
  readonly name: string;
  readonly send: RawRequest | string;
  readonly status: number;
  /** Of the reply's error; absent where the status says all. */
  readonly code?: string;
  /** The results of a batch: `accepted`, or the code. */
  readonly results?: readonly string[];
  /** Fields of each event that the intake gets; by default it gets none. */
  readonly stored?: readonly Readonly<Record<string, unknown>>[];
}

const LIMITS = {
  ...{ urlBytes: 512, headerBytes: 2048, bodyBytes: 4096, inflatedBytes: 8192, batchEvents: 5 },
  ...{ eventBytes: 1024, depth: 4, fields: 10 },
};

const post = (body: string | Uint8Array, ...headers: string[]): RawRequest => ({
  ...{ method: 'POST', path: '/v1/events', body },
  headers: headers.length > 0 ? headers : ['Content-Type: application/json'],
});
const get = (path: string, ...headers: string[]): RawRequest => ({ path, headers });
const select = (query: string) => get(`/api/select?${query}`);
const bad = (code: string) => ({ status: 400, code });

const SELECT: readonly Row[] = [
  { name: 'select: no query', send: get('/api/select'), ...bad('COLOR_MISSING') },
  { name: 'select: empty colour', send: select('color=&user=a'), ...bad('COLOR_MISSING') },
  { name: 'select: parameter in capitals', send: select('COLOR=red'), ...bad('COLOR_MISSING') },
  { name: 'select: half an escape', send: select('color=%E'), ...bad('QUERY_INVALID') },
  { name: 'select: escape that is no UTF-8', send: select('color=%FF'), ...bad('QUERY_INVALID') },
  { name: 'select: overlong UTF-8', send: select('color=%C0%AF'), ...bad('QUERY_INVALID') },
  { name: 'select: surrogate in UTF-8', send: select('color=%ED%A0%80'), ...bad('QUERY_INVALID') },
  {
    name: 'select: bad escape in another parameter',
    send: select('color=red&x=%'),
    status: 204,
    stored: [{ colorName: 'red' }],
  },
  { name: 'select: NUL is made safe', send: select('color=a%00b'), status: 204, stored: [{ colorName: 'a\uFFFDb' }] },
  { name: 'select: raw UTF-8', send: select(Buffer.from('color=빨강').toString('latin1')), ...bad('HTTP_INVALID') },
  {
    name: 'select: the last of two counts',
    send: select('color=red&color=blue'),
    status: 204,
    stored: [{ colorName: 'blue' }],
  },
  {
    name: 'select: markup stays text',
    send: select('color=red&user=%3Cimg%20onerror%3E%22'),
    status: 204,
    stored: [{ userName: '<img onerror>"' }],
  },
  {
    name: 'select: JSON does not break out',
    send: select('color=%22%2C%22type%22%3A%22x'),
    status: 204,
    stored: [{ colorName: '","type":"x', type: 'select-color' }],
  },
  {
    name: 'select: line breaks stay in the value',
    send: select('color=a%0D%0Ab'),
    status: 204,
    stored: [{ colorName: 'a\r\nb' }],
  },
  { name: 'select: no user', send: select('color=red&user='), status: 204, stored: [{ userName: undefined }] },
  { name: 'select: id that is not ASCII', send: select('color=red&id=%EA%B0%80'), ...bad('ID_INVALID') },
  { name: 'select: id too long', send: select(`color=red&id=${'i'.repeat(129)}`), ...bad('ID_INVALID') },
  {
    name: 'select: POST',
    send: { method: 'POST', path: '/api/select?color=red' },
    status: 405,
    code: 'METHOD_NOT_ALLOWED',
  },
  { name: 'select: HEAD records nothing', send: { method: 'HEAD', path: '/api/select?color=red' }, status: 405 },
];

const HTTP: readonly Row[] = [
  { name: 'http: URL too long', send: select(`color=${'r'.repeat(600)}`), status: 414, code: 'URL_TOO_LONG' },
  {
    name: 'http: URL longer than all the parser takes',
    send: select(`color=${'r'.repeat(5000)}`),
    status: 414,
    code: 'URL_TOO_LONG',
  },
  {
    name: 'http: headers too large',
    send: get('/healthz', `Cookie: ${'c'.repeat(5000)}`),
    status: 431,
    code: 'HEADERS_TOO_LARGE',
  },
  { name: 'http: not HTTP', send: 'hello\r\n\r\n', ...bad('HTTP_INVALID') },
  {
    name: 'http: TLS on a plain port',
    send: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    ...bad('HTTP_INVALID'),
  },
  { name: 'http: HTTP/2 preface', send: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', ...bad('HTTP_INVALID') },
  { name: 'http: no Host', send: 'GET /healthz HTTP/1.1\r\n\r\n', status: 400 },
  { name: 'http: unknown method', send: 'BREW / HTTP/1.1\r\nHost: a\r\n\r\n', ...bad('HTTP_INVALID') },
  { name: 'http: two lengths', send: post('{}', 'Content-Length: 2', 'Content-Length: 3'), ...bad('HTTP_INVALID') },
  {
    name: 'http: length and chunks',
    send: post('0\r\n\r\n', 'Content-Length: 5', 'Transfer-Encoding: chunked'),
    ...bad('HTTP_INVALID'),
  },
  { name: 'http: length that is no number', send: post('{}', 'Content-Length: two'), ...bad('HTTP_INVALID') },
  { name: 'http: broken chunk', send: post('zz\r\n', 'Transfer-Encoding: chunked'), ...bad('HTTP_INVALID') },
  {
    name: 'http: header with a line break in its name',
    send: 'GET /healthz HTTP/1.1\r\nHost: a\r\nx\ny: 1\r\n\r\n',
    ...bad('HTTP_INVALID'),
  },
  {
    name: 'http: unknown expectation',
    send: get('/healthz', 'Expect: cake'),
    status: 417,
    code: 'EXPECTATION_UNSUPPORTED',
  },
  { name: 'http: unknown path', send: get('/nothing'), status: 404, code: 'NOT_FOUND' },
  { name: 'http: path that climbs', send: get('/../../etc/passwd'), status: 404, code: 'NOT_FOUND' },
  { name: 'http: template of a path', send: get('/v1/events/{id}/progress'), status: 404, code: 'NOT_FOUND' },
  { name: 'http: GET where events are posted', send: get('/v1/events'), status: 405, code: 'METHOD_NOT_ALLOWED' },
  {
    name: 'http: CONNECT',
    send: 'CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n',
    status: 405,
    code: 'METHOD_NOT_ALLOWED',
  },
  {
    name: 'http: upgrade to another protocol',
    send: get('/nothing', 'Connection: upgrade', 'Upgrade: websocket'),
    status: 404,
    code: 'NOT_FOUND',
  },
  { name: 'http: DELETE', send: { method: 'DELETE', path: '/v1/events' }, status: 405, code: 'METHOD_NOT_ALLOWED' },
  {
    name: 'http: POST to a read-only path',
    send: { method: 'POST', path: '/healthz' },
    status: 405,
    code: 'METHOD_NOT_ALLOWED',
  },
];

const gzip = (text: string) => zlib.gzipSync(text);
const compressed = (body: Uint8Array, encoding: string) =>
  post(body, 'Content-Type: application/json', `Content-Encoding: ${encoding}`);
const ZEROS = Buffer.alloc(2_000_000);

const BODIES: readonly Row[] = [
  { name: 'body: empty', send: post(''), ...bad('BODY_EMPTY') },
  { name: 'body: only white space', send: post(' \r\n\t'), ...bad('BODY_EMPTY') },
  { name: 'body: empty array', send: post('[]'), ...bad('BODY_EMPTY') },
  { name: 'body: too long, said ahead', send: post('', 'Content-Length: 5000'), status: 413, code: 'BODY_TOO_LARGE' },
  {
    name: 'body: too long, in chunks',
    send: post(`1400\r\n${' '.repeat(0x1400)}\r\n0\r\n\r\n`, 'Transfer-Encoding: chunked'),
    status: 413,
    code: 'BODY_TOO_LARGE',
  },
  { name: 'body: gzip bomb', send: compressed(zlib.gzipSync(ZEROS), 'gzip'), status: 413, code: 'BODY_TOO_LARGE' },
  {
    name: 'body: deflate bomb',
    send: compressed(zlib.deflateSync(ZEROS), 'deflate'),
    status: 413,
    code: 'BODY_TOO_LARGE',
  },
  {
    name: 'body: br bomb',
    send: compressed(zlib.brotliCompressSync(ZEROS), 'br'),
    status: 413,
    code: 'BODY_TOO_LARGE',
  },
  {
    name: 'body: zstd bomb',
    send: compressed(zlib.zstdCompressSync(ZEROS), 'zstd'),
    status: 413,
    code: 'BODY_TOO_LARGE',
  },
  {
    name: 'body: not compressed as it says',
    send: compressed(Buffer.from('{"type":"a"}'), 'gzip'),
    ...bad('COMPRESSION_INVALID'),
  },
  {
    name: 'body: compression cut short',
    send: compressed(gzip('{"type":"a"}').subarray(0, 20), 'gzip'),
    ...bad('COMPRESSION_INVALID'),
  },
  {
    name: 'body: br cut short',
    send: compressed(zlib.brotliCompressSync('{"type":"abcdefgh"}').subarray(0, 8), 'br'),
    ...bad('COMPRESSION_INVALID'),
  },
  {
    name: 'body: zstd cut short',
    send: compressed(zlib.zstdCompressSync('{"type":"abcdefgh"}').subarray(0, 12), 'zstd'),
    ...bad('COMPRESSION_INVALID'),
  },
  {
    name: 'body: unknown encoding',
    send: compressed(Buffer.from('x'), 'lzma'),
    status: 415,
    code: 'ENCODING_UNSUPPORTED',
  },
  {
    name: 'body: compressed twice',
    send: compressed(gzip('x'), 'gzip, gzip'),
    status: 415,
    code: 'ENCODING_UNSUPPORTED',
  },
  {
    name: 'body: encoding named like an object method',
    send: compressed(Buffer.from('x'), 'constructor'),
    status: 415,
    code: 'ENCODING_UNSUPPORTED',
  },
  {
    name: 'body: form',
    send: post('a=b', 'Content-Type: application/x-www-form-urlencoded'),
    status: 415,
    code: 'TYPE_UNSUPPORTED',
  },
  {
    name: 'body: content type that is none',
    send: post('{}', 'Content-Type: ;;;'),
    status: 415,
    code: 'TYPE_UNSUPPORTED',
  },
  {
    name: 'body: UTF-16',
    send: post('{}', 'Content-Type: application/json; charset=utf-16'),
    status: 415,
    code: 'TYPE_UNSUPPORTED',
  },
  { name: 'body: byte order mark is skipped', send: post('\uFEFF{"type":"a"}'), status: 204, stored: [{ type: 'a' }] },
  {
    name: 'body: too many events',
    send: post(`[${'{"type":"a"},'.repeat(5)}{"type":"a"}]`),
    status: 413,
    code: 'BATCH_TOO_LONG',
  },
  {
    name: 'body: too many lines',
    send: post('{"type":"a"}\n'.repeat(6), 'Content-Type: application/x-ndjson'),
    status: 413,
    code: 'BATCH_TOO_LONG',
  },
  { name: 'body: array without an end', send: post('[{"type":"a"}'), ...bad('JSON_INVALID') },
  { name: 'body: text after the array', send: post('[{"type":"a"}] x'), ...bad('JSON_INVALID') },
  { name: 'body: events without a comma', send: post('[{"type":"a"} {"type":"b"}]'), ...bad('JSON_INVALID') },
];

const event = (json: string, code: string): Row => ({
  name: `event: ${json.slice(0, 60)}`,
  send: post(json),
  ...bad(code),
});
const safe = (json: string, stored: Readonly<Record<string, unknown>>): Row => ({
  ...{ name: `event made safe: ${json.slice(0, 60)}`, send: post(json), status: 204, stored: [stored] },
});

const EVENTS: readonly Row[] = [
  event('null', 'EVENT_NOT_OBJECT'),
  event('"text"', 'EVENT_NOT_OBJECT'),
  event('12', 'EVENT_NOT_OBJECT'),
  event('hello', 'JSON_INVALID'),
  event('{"type":"a",}', 'JSON_INVALID'),
  event("{'type':'a'}", 'JSON_INVALID'),
  event('{"type":"a","x":NaN}', 'JSON_INVALID'),
  event('{"type":"a","x":01}', 'JSON_INVALID'),
  event('{"type":"a","x":"\u0001"}', 'JSON_INVALID'),
  event('{}', 'TYPE_MISSING'),
  event('{"type":null}', 'TYPE_INVALID'),
  event('{"type":7}', 'TYPE_INVALID'),
  event('{"type":""}', 'TYPE_INVALID'),
  event('{"type":"a\\nb"}', 'TYPE_INVALID'),
  event('{"type":"\\u202Eevil"}', 'TYPE_INVALID'),
  event(`{"type":"${'t'.repeat(129)}"}`, 'TYPE_INVALID'),
  event('{"type":"a","id":7}', 'ID_INVALID'),
  event('{"type":"a","id":""}', 'ID_INVALID'),
  event('{"type":"a","id":"가"}', 'ID_INVALID'),
  event('{"type":"a","id":"a\\u0000"}', 'ID_INVALID'),
  event('{"type":"a","timestamp":"yesterday"}', 'TIMESTAMP_INVALID'),
  event('{"type":"a","timestamp":"2026-02-30T00:00:00Z"}', 'TIMESTAMP_INVALID'),
  event('{"type":"a","timestamp":"2026-11-22T12:00:00"}', 'TIMESTAMP_INVALID'),
  event('{"type":"a","timestamp":-1}', 'TIMESTAMP_INVALID'),
  event('{"type":"a","timestamp":{}}', 'TIMESTAMP_INVALID'),
  event('{"type":"a","timestamp":1,"sentAt":"x"}', 'TIMESTAMP_INVALID'),
  event('{"type":"a","x":9007199254740993}', 'NUMBER_OUT_OF_RANGE'),
  event('{"type":"a","x":-9007199254740992}', 'NUMBER_OUT_OF_RANGE'),
  event('{"type":"a","x":1e400}', 'NUMBER_OUT_OF_RANGE'),
  event('{"type":"a","x":{"":1}}', 'KEY_UNSAFE'),
  event('{"type":"a","__proto__":{"admin":true}}', 'KEY_UNSAFE'),
  event('{"type":"a","a..b":1}', 'KEY_UNSAFE'),
  event('{"type":"a","\\u0000":1}', 'KEY_UNSAFE'),
  event('{"type":"a","\\uD800":1}', 'KEY_UNSAFE'),
  event(`{"type":"a","${'k'.repeat(129)}":1}`, 'KEY_UNSAFE'),
  event('{"type":"a","x":[[[[]]]]}', 'EVENT_TOO_DEEP'),
  event(`{"type":"a","x":${'['.repeat(500)}${']'.repeat(500)}}`, 'EVENT_TOO_DEEP'),
  event(`{"type":"a",${Array.from({ length: 10 }, (_, n) => `"f${n}":1`).join()}}`, 'FIELDS_TOO_MANY'),
  {
    name: 'event: too large',
    send: post(`{"type":"a","x":"${'x'.repeat(1024)}"}`),
    status: 413,
    code: 'EVENT_TOO_LARGE',
  },
  {
    name: 'event: too large once stored',
    send: post(`{"type":"a","x":"${'x'.repeat(1000)}"}`),
    status: 413,
    code: 'EVENT_TOO_LARGE',
  },
  safe('{"type":"a","x":"\\ud800"}', { x: '\uFFFD' }),
  safe('{"type":"a","x":["a\\u0000b"]}', { x: ['a\uFFFDb'] }),
  safe('{"type":"a","x":1,"x":2}', { x: 2 }),
  safe('{"type":"a","x":-0}', { x: 0 }),
  safe('{"type":"a","constructor":1,"toJSON":2}', { constructor: 1, toJSON: 2 }),
  safe('{"type":"a","receivedAt":"x","userAgent":"x","sentTimestamp":"x","clientAddress":"x"}', {
    ...{
      receivedAt: '2026-11-22T12:00:00.000Z',
      userAgent: undefined,
      sentTimestamp: undefined,
      clientAddress: undefined,
    },
  }),
  safe('{"type":"a","timestamp":"9999-01-01T00:00:00Z"}', {
    timestamp: '2026-11-22T12:01:00.000Z',
    sentTimestamp: '9999-01-01T00:00:00Z',
  }),
  safe('{"type":"a","timestamp":0}', { timestamp: '2026-10-23T12:00:00.000Z', sentTimestamp: 0 }),
  {
    name: 'event: invalid UTF-8 is made safe',
    send: post(Buffer.from('{"type":"a","x":"\xff"}', 'latin1')),
    status: 204,
    stored: [{ x: '\uFFFD' }],
  },
];

const BATCHES: readonly Row[] = [
  {
    name: 'batch: a bad event between good ones',
    send: post('[{"type":"a"},{"typ":"b"},{"type":"c"}]'),
    ...{ status: 200, results: ['accepted', 'TYPE_MISSING', 'accepted'], stored: [{ type: 'a' }, { type: 'c' }] },
  },
  {
    name: 'batch: broken JSON between good ones',
    send: post('[{"type":"a"},{"x":},{"type":"c"}]'),
    ...{ status: 200, results: ['accepted', 'JSON_INVALID', 'accepted'], stored: [{ type: 'a' }, { type: 'c' }] },
  },
  {
    name: 'batch: too deep between good ones',
    send: post(`[{"type":"a"},${'['.repeat(300)}${']'.repeat(300)},{"type":"c"}]`),
    ...{ status: 200, results: ['accepted', 'EVENT_TOO_DEEP', 'accepted'], stored: [{ type: 'a' }, { type: 'c' }] },
  },
  {
    name: 'batch: comma before the end',
    send: post('[{"type":"a"},]'),
    ...{ status: 200, results: ['accepted', 'JSON_INVALID'], stored: [{ type: 'a' }] },
  },
  {
    name: 'batch: all bad',
    send: post('[{},[],1]'),
    status: 400,
    results: ['TYPE_MISSING', 'EVENT_NOT_OBJECT', 'EVENT_NOT_OBJECT'],
  },
  {
    name: 'batch: a line that never ends its object',
    send: post('{"type":"a"}\n{"type":"b"\n\n{"type":"c"}\n', 'Content-Type: application/x-ndjson'),
    ...{ status: 200, results: ['accepted', 'JSON_INVALID', 'accepted'], stored: [{ type: 'a' }, { type: 'c' }] },
  },
  {
    name: 'batch: the first of many lines is broken, as text',
    send: post('{"type":\n{"type":"b"}', 'Content-Type: text/plain;charset=UTF-8'),
    ...{ status: 200, results: ['JSON_INVALID', 'accepted'], stored: [{ type: 'b' }] },
  },
  {
    name: 'batch: a line with an array',
    send: post('[{"type":"a"}]', 'Content-Type: application/x-ndjson'),
    status: 400,
    results: ['EVENT_NOT_OBJECT'],
  },
];

test('bad input', async (t) => {
  const { intake, port, collector } = await startCollector(t, { settings: { limits: LIMITS } });
  for (const row of [...SELECT, ...HTTP, ...BODIES, ...EVENTS, ...BATCHES]) {
    await t.test(row.name, async () => {
      intake.events.length = 0;
      const bytes = typeof row.send === 'string' ? Buffer.from(row.send, 'latin1') : requestBytes(row.send);
      const reply = await exchange(port, bytes);
      const body = reply.body === '' ? {} : (JSON.parse(reply.body) as Record<string, never>);
      assert.equal(reply.status, row.status, reply.body);
      assert.equal((body['error'] as { code: string } | undefined)?.code, row.code);
      const results = body['results'] as { status: string; code?: string }[] | undefined;
      assert.deepEqual(
        results?.map(({ status, code }) => code ?? status),
        row.results,
      );
      const stored = row.stored ?? [];
      assert.equal(intake.events.length, stored.length);
      for (const [index, fields] of stored.entries()) {
        const value = intake.values[index]!;
        for (const [name, expected] of Object.entries(fields)) {
          assert.deepEqual(Object.hasOwn(value, name) ? value[name] : undefined, expected, name);
        }
      }
      if (typeof row.send !== 'string') assertDescribed(row.send.method ?? 'GET', row.send.path, reply);
    });
  }
  assert.equal(collector.heldBytes, 0);
});
