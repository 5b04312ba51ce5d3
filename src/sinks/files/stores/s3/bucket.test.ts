import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { Bucket } from './bucket.ts';
import { S3Client } from './client.ts';

const DEADLINE_MS = 300;
const CONTENT = 'a slow object';

/** A bucket of a service that answers so. */
async function bucketOf(t: TestContext, listener: RequestListener): Promise<Bucket> {
  const server = http.createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  const config = {
    bucket: 'bucket',
    region: 'us-east-1',
    pathStyle: true,
    partBytes: 5 << 20,
    memory: 16 << 20,
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ accessKeyId: 'key', secretAccessKey: 'secret', sessionToken: undefined },
    ...{ prefix: undefined, ca: undefined, deadline: DEADLINE_MS, uploadDeadline: 10 * DEADLINE_MS },
  };
  const bucket = new Bucket(new S3Client(config), config);
  t.after(() => bucket.close());
  return bucket;
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(chunks)).toString();
}

test('an object may take longer to be read than an answer may take to begin', async (t) => {
  const bucket = await bucketOf(t, (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length });
    response.write(CONTENT.slice(0, 6));
    setTimeout(() => response.end(CONTENT.slice(6)), 2 * DEADLINE_MS);
  });
  assert.equal(await textOf(bucket.read('slow', t.signal)), CONTENT);
});

test('the last part of an upload may be answered later than a small request', async (t) => {
  const bucket = await bucketOf(t, (request, response) => {
    request.resume().on('end', () => setTimeout(() => response.setHeader('etag', '"1"').end(), 2 * DEADLINE_MS));
  });
  const upload = { key: 'slow', uploadId: '1' };
  assert.equal(await bucket.uploadPart(upload, 1, Buffer.from(CONTENT), t.signal), '1');
});

test('an answer that does not begin in time is none', async (t) => {
  const bucket = await bucketOf(t, () => {});
  await assert.rejects(textOf(bucket.read('silent', t.signal)), { code: 'FILES_STORE_UNAVAILABLE' });
});

test('whoever reads can stop it in the middle of an object', async (t) => {
  const bucket = await bucketOf(t, (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length });
    response.write(CONTENT.slice(0, 6));
  });
  const stop = new AbortController();
  const reading = bucket.read('endless', stop.signal)[Symbol.asyncIterator]();
  assert.equal((await reading.next()).done, false);
  stop.abort();
  await assert.rejects(Promise.resolve(reading.next()), { name: 'AbortError' });
});
