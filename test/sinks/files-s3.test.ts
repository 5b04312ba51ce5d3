import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { Chain } from '../../src/sinks/files/chain.ts';
import { readWhole } from '../../src/sinks/files/stores/file-store.ts';
import { Bucket } from '../../src/sinks/files/stores/s3/bucket.ts';
import { harmOf } from '../../src/sinks/files/stores/s3/check.ts';
import { S3Client } from '../../src/sinks/files/stores/s3/client.ts';
import { S3FileStore } from '../../src/sinks/files/stores/s3/store.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { s3StoreConfigFor } from '../engines/s3-config.ts';
import { s3Test } from '../engines/s3-test.ts';
import { IDENTITY } from '../support/chain-model.ts';

const PATHS = { temporary: '_millrace/tmp/a/0.part', final: 'type=x/0.json' };
const MIB = 1 << 20;

interface Meddling {
  /** What the client gets to see in place of this status; the body is then left out. */
  readonly status?: (status: number) => number;
  /** Whether the answer is kept back, and the connection cut. */
  readonly loseAnswer?: (request: IncomingMessage) => boolean;
}

/** An HTTP proxy before the server; resolves to its address. */
async function proxy(t: TestContext, endpoint: string, meddling: Meddling): Promise<string> {
  const { hostname, port } = new URL(endpoint);
  const server = http.createServer((request, response) => {
    const { method, url, headers } = request;
    const passed = http.request({ hostname, port, method, path: url, headers }, (answer) => {
      if (meddling.loseAnswer?.(request)) {
        answer.resume().on('end', () => response.destroy());
        return;
      }
      const { statusCode: status = 0 } = answer;
      const shown = meddling.status?.(status) ?? status;
      if (shown === status) {
        response.writeHead(status, answer.headers);
        answer.pipe(response);
      } else answer.resume().on('end', () => response.writeHead(shown, { etag: '"0"' }).end());
    });
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function sealed(store: S3FileStore, signal: AbortSignal, content = 'content') {
  const staged = await store.stage(PATHS, signal);
  await staged.write(Buffer.from(content), signal);
  const file = await staged.seal(signal);
  await staged.close(signal);
  return file;
}

s3Test('a service that ignores If-None-Match is refused at the start', async (server, t) => {
  // It would answer a second conditional PUT as it answers the first one.
  const endpoint = await proxy(t, server.endpoint, { status: (status) => (status === 412 ? 200 : status) });
  const store = new S3FileStore(await s3StoreConfigFor(server, { endpoint }));
  await assert.rejects(store.open(t.signal), { code: 'FILES_S3_UNFIT', decision: 'stop' });
});

s3Test('a wrong secret and a missing bucket are told apart', async (server, t) => {
  const wrong = new S3FileStore(await s3StoreConfigFor(server, { secretAccessKey: 'wrong' }));
  await assert.rejects(wrong.open(t.signal), { code: 'FILES_S3_CREDENTIALS', decision: 'stop' });
  const missing = new S3FileStore(await s3StoreConfigFor(server, { bucket: 'not-there' }));
  await assert.rejects(missing.open(t.signal), { code: 'FILES_S3_NO_BUCKET', decision: 'stop' });
});

s3Test('a service that does not answer is tried again later', async (server, t) => {
  const config = await s3StoreConfigFor(server, { endpoint: 'http://127.0.0.1:1' });
  await assert.rejects(new S3FileStore(config).open(t.signal), { decision: 'retry' });
});

s3Test('what is not there is asked for once', async (server, t) => {
  let requests = 0;
  const endpoint = await proxy(t, server.endpoint, {
    loseAnswer: () => {
      requests++;
      return false;
    },
  });
  const config = await s3StoreConfigFor(server, { endpoint });
  const bucket = new Bucket(new S3Client(config), config);
  t.after(() => bucket.close());
  assert.equal(await bucket.idAt('type=x/0.json', t.signal), undefined);
  assert.equal(requests, 1);
});

s3Test('a completion whose answer is lost is found to have happened', async (server, t) => {
  const lost = new Set<string>();
  const endpoint = await proxy(t, server.endpoint, {
    loseAnswer: ({ method, url = '' }) => {
      const isComplete = method === 'POST' && /[?&]uploadId=/.test(url) && !url.includes('probe-');
      if (isComplete) lost.add(url);
      return isComplete;
    },
  });
  const config = await s3StoreConfigFor(server);
  const store = new S3FileStore(config);
  await store.open(t.signal);
  const file = await sealed(store, t.signal);
  const behindProxy = new S3FileStore({ ...config, endpoint });
  assert.deepEqual(await behindProxy.finish([file], t.signal), []);
  assert.ok(lost.size > 0, 'no answer was lost, so nothing was shown');
  assert.equal((await readWhole(store, file.final, MIB, t.signal)).toString(), 'content');
  assert.deepEqual(await store.list('_millrace/tmp/a', t.signal), []);
});

s3Test('the uploads of an older writer end with its temporary folder, and can not be finished', async (server, t) => {
  const config = await s3StoreConfigFor(server);
  const [zombie, heir] = [new S3FileStore(config), new S3FileStore(config)];
  const file = await sealed(zombie, t.signal);
  await heir.remove('_millrace/tmp/a', t.signal);
  assert.deepEqual((await server.contents(config.bucket)).uploads, []);
  assert.deepEqual(await zombie.finish([file], t.signal), [file]);
  assert.deepEqual((await server.contents(config.bucket)).objects, []);
});

s3Test('an upload that no marker leads to is ended by the next claim, and no other', async (server, t) => {
  const config = await s3StoreConfigFor(server);
  const store = new S3FileStore(config);
  t.after(() => store.close());
  const bucket = new Bucket(new S3Client(config), config);
  t.after(() => bucket.close());
  const begin = async (partition: number) => {
    const identity = { ...IDENTITY, partition };
    const chain = new Chain(store, identity, { clock: systemClock, logger: silentLogger, newId: randomUUID });
    const assignment = await chain.assign(() => {}, t.signal);
    const name = assignment.fileName({ first: 0, index: 0, extension: '.json' });
    const paths = { temporary: assignment.temporaryPath(0), final: `type=x/${name}` };
    await store.stage(paths, t.signal);
    return { chain, paths };
  };
  const [dead, alive] = [await begin(0), await begin(1)];
  // As if another one had cleaned up just before the upload was begun, and its writer died just after.
  await bucket.delete(dead.paths.temporary, t.signal);
  const open = async () => (await bucket.uploads('', t.signal)).map(({ key }) => key).sort();
  assert.deepEqual(await open(), [dead.paths.final, alive.paths.final].sort());
  await dead.chain.assign(() => {}, t.signal);
  assert.deepEqual(await open(), [alive.paths.final]);
});

s3Test('two stores finish the same file at once', async (server, t) => {
  const config = await s3StoreConfigFor(server);
  const [one, other] = [new S3FileStore(config), new S3FileStore(config)];
  const file = await sealed(one, t.signal);
  const outcomes = await Promise.all([one, other, one, other].map((store) => store.finish([file], t.signal)));
  assert.deepEqual(outcomes.flat(), []);
  assert.deepEqual((await server.contents(config.bucket)).objects, [PATHS.final]);
});

s3Test('a file of several parts is whole, and memory stays bounded', async (server, t) => {
  const config = await s3StoreConfigFor(server, { partBytes: 5 * MIB, memory: 16 * MIB });
  const store = new S3FileStore(config);
  const staged = await store.stage(PATHS, t.signal);
  const chunk = Buffer.alloc(256 << 10, 'x');
  const chunks = 4 * 33;
  for (let n = 0; n < chunks; n++) await staged.write(chunk, t.signal);
  const file = await staged.seal(t.signal);
  await staged.close(t.signal);
  assert.equal(file.length, chunks * chunk.length);
  assert.deepEqual(await store.finish([file], t.signal), []);
  let length = 0;
  for await (const piece of store.read(file.final, t.signal)) length += piece.length;
  assert.equal(length, file.length);
  assert.ok(store.memory.peak <= config.memory, `${store.memory.peak} bytes were held`);
  assert.equal(store.memory.held, 0);
});

s3Test('an upload goes on after the server was killed and started again', async (server, t) => {
  const store = new S3FileStore(await s3StoreConfigFor(server, { partBytes: 5 * MIB, memory: 16 * MIB }));
  const staged = await store.stage(PATHS, t.signal);
  await staged.write(Buffer.alloc(6 * MIB, 'a'), t.signal);
  await server.restart();
  await staged.write(Buffer.alloc(6 * MIB, 'b'), t.signal);
  const file = await staged.seal(t.signal).catch(() => undefined);
  if (!file) {
    // A part was on its way when the server went: the file fails whole, and leaves nothing.
    await staged.discard();
    assert.deepEqual(await store.list('_millrace/tmp/a', t.signal), []);
    return;
  }
  await staged.close(t.signal);
  assert.deepEqual(await store.finish([file], t.signal), []);
});

s3Test('lifecycle rules that would break the protocol are named, and no others', async () => {
  const enabled = { Status: 'Enabled' } as const;
  const abort = { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } };
  const expire = { Expiration: { Days: 30 } };
  assert.ok(harmOf({ ...enabled, ...abort, Filter: { Prefix: '' } }, 'web/'));
  assert.ok(harmOf({ ...enabled, ...abort, Filter: { Prefix: 'web/type=x' } }, 'web/'));
  assert.ok(harmOf({ ...enabled, ...expire, Filter: { Prefix: 'web/' } }, 'web/'));
  assert.equal(harmOf({ ...enabled, ...expire, Filter: { Prefix: 'web/type=' } }, 'web/'), undefined);
  assert.equal(harmOf({ ...enabled, ...abort, Filter: { Prefix: 'logs/' } }, 'web/'), undefined);
  assert.equal(harmOf({ Status: 'Disabled', ...abort, Filter: { Prefix: '' } }, 'web/'), undefined);
});
