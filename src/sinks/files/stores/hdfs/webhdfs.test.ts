import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { until } from '../../../../../test/support/until.ts';
import type { WebHdfsOptions } from './webhdfs.ts';
import { WebHdfs } from './webhdfs.ts';

/** More than a pool of connections would usually be allowed to hold. */
const MANY_FILES = 150;

/** A server that answers as `handle` says; resolves to its address. */
async function serve(t: TestContext, handle: RequestListener): Promise<string> {
  const server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Where nothing listens. */
async function absent(): Promise<string> {
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const address = `http://127.0.0.1:${(gone.address() as AddressInfo).port}`;
  await new Promise((resolve) => gone.close(resolve));
  return address;
}

function clientOf(t: TestContext, namenodes: readonly string[], options: Partial<WebHdfsOptions> = {}): WebHdfs {
  const client = new WebHdfs({ namenodes, headers: {}, deadline: 10_000, ...options });
  t.after(() => client.close());
  return client;
}

function answer(response: ServerResponse, status: number, body: unknown = ''): void {
  response.writeHead(status).end(body === '' ? '' : JSON.stringify(body));
}

function refuse(response: ServerResponse, exception: string, message: string, status = 403): void {
  answer(response, status, { RemoteException: { exception, javaClassName: `org.apache.${exception}`, message } });
}

const STATUS = { FileStatus: { pathSuffix: '', type: 'FILE', length: 5, fileId: 16_400 } };

const active: RequestListener = (_, response) => answer(response, 200, STATUS);
const standby: RequestListener = (_, response) =>
  refuse(response, 'StandbyException', 'Operation category READ is not supported in state standby.');

/** A NameNode that sends every request on to `target`, as for data. */
function sendingTo(target: () => string, seen: IncomingMessage[] = []): RequestListener {
  return (request, response) => {
    seen.push(request);
    response.writeHead(307, { location: `${target()}/webhdfs/v1/f?op=CREATE` }).end();
  };
}

/** A DataNode that takes every file. */
function taking(seen: IncomingMessage[] = []): RequestListener {
  return (request, response) => {
    seen.push(request);
    request.resume().on('end', () => answer(response, 201));
  };
}

test('of two NameNodes the active one is asked, however many ask at once', async (t) => {
  const client = clientOf(t, [await serve(t, standby), await serve(t, active)]);
  const statuses = await Promise.all(Array.from({ length: 20 }, () => client.status('/f', t.signal)));
  assert.deepEqual(new Set(statuses.map((status) => status?.fileId)), new Set(['16400']));
});

test('a NameNode that does not run is passed over, and none that does is named', async (t) => {
  const nowhere = await absent();
  const client = clientOf(t, [nowhere, await serve(t, active)]);
  assert.equal((await client.status('/f', t.signal))?.length, 5);
  assert.equal(
    await clientOf(t, [nowhere, await serve(t, (_, response) => answer(response, 200))]).rename('/a', '/b', t.signal),
    'done',
  );
  await assert.rejects(clientOf(t, [nowhere]).status('/f', t.signal), { code: 'FILES_STORE_UNAVAILABLE' });
  for (const nodes of [
    [await serve(t, standby)],
    [await serve(t, standby), nowhere],
    [nowhere, await serve(t, standby)],
  ]) {
    await assert.rejects(clientOf(t, nodes).status('/f', t.signal), { code: 'FILES_HDFS_STANDBY' });
  }
});

test('a rename whose answer is lost is not asked for again', async (t) => {
  let renames = 0;
  const losing: RequestListener = (request) => {
    renames++;
    request.socket.resetAndDestroy();
  };
  const client = clientOf(t, [await serve(t, losing), await serve(t, losing)]);
  await assert.rejects(client.rename('/a', '/b', t.signal), { code: 'FILES_STORE_UNAVAILABLE', decision: 'retry' });
  await assert.rejects(client.remove('/a', t.signal), { code: 'FILES_STORE_UNAVAILABLE' });
  assert.equal(renames, 2);
});

test('a join whose answer is lost is not asked for again, and one that a standby refuses is', async (t) => {
  const asked: string[] = [];
  const losing: RequestListener = (request) => {
    asked.push(`${request.method} ${request.url}`);
    request.socket.resetAndDestroy();
  };
  const client = clientOf(t, [await serve(t, standby), await serve(t, losing), await serve(t, losing)]);
  const joining = client.concat('/d/a', ['/d/b%2C', '/d/c d'], t.signal);
  await assert.rejects(joining, { code: 'FILES_STORE_UNAVAILABLE', decision: 'retry' });
  assert.deepEqual(asked, ['POST /webhdfs/v1/d/a?op=CONCAT&sources=%2Fd%2Fb%252C%2C%2Fd%2Fc+d']);
  const done = clientOf(t, [await serve(t, standby), await serve(t, (_, response) => answer(response, 200))]);
  assert.equal(await done.concat('/d/a', ['/d/b'], t.signal), 'done');
});

test('a join of what is not there is told from one that HDFS refuses, and that from one that may not be', async (t) => {
  const saying = async (exception: string, message: string) => {
    const namenode = await serve(t, (_, response) => refuse(response, exception, message));
    return clientOf(t, [namenode]).concat('/d/a', ['/d/b'], t.signal);
  };
  assert.equal(await saying('FileNotFoundException', 'File does not exist: /d/b'), 'gone');
  const cases = [
    ['SnapshotException', 'Concat: the source file /d/b is in snapshot', 'FILES_HDFS_REFUSED'],
    ['HadoopIllegalArgumentException', 'concat: source file /d/b is invalid or empty', 'FILES_HDFS_REFUSED'],
    ['UnsupportedOperationException', 'concat', 'FILES_HDFS_REFUSED'],
    ['AccessControlException', 'Permission denied', 'FILES_NOT_PERMITTED'],
    ['DSQuotaExceededException', 'The DiskSpace quota of /d is exceeded', 'FILES_HDFS_QUOTA'],
    ['SafeModeException', 'Cannot concat. Name node is in safe mode.', 'FILES_HDFS_SAFE_MODE'],
    ['IOException', 'something', 'FILES_STORE_UNAVAILABLE'],
  ] as const;
  for (const [exception, message, code] of cases) await assert.rejects(saying(exception, message), { code }, exception);
});

test('an append goes where the NameNode says, and is good with a 200', async (t) => {
  const seen: string[] = [];
  const datanode = (status: number): RequestListener => {
    return (request, response) => {
      seen.push(request.method ?? '');
      request.on('data', (chunk) => seen.push(String(chunk))).on('end', () => answer(response, status));
    };
  };
  const appending = async (status: number) => {
    const to = await serve(t, datanode(status));
    const namenode: RequestListener = (request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.writeHead(307, { location: `${to}/webhdfs/v1/f?op=APPEND` }).end();
    };
    const file = await clientOf(t, [await serve(t, standby), await serve(t, namenode)]).append('/f', t.signal);
    await file.write(Buffer.from('more'), t.signal);
    await file.end(t.signal);
  };
  await appending(200);
  assert.deepEqual(seen, ['POST /webhdfs/v1/f?op=APPEND', 'POST', 'more']);
  await assert.rejects(appending(201), { code: 'FILES_STORE_UNAVAILABLE' });
});

test('where the NameNode sends us to a DataNode that is gone, it is asked for another one', async (t) => {
  const [gone, taken] = [await absent(), [] as IncomingMessage[]];
  const dataNode = await serve(t, (request, response) => {
    if (request.method === 'GET') answer(response, 200, 'content');
    else taking(taken)(request, response);
  });
  const asked: URLSearchParams[] = [];
  const target = () => (asked.at(-1)?.has('excludedatanodes') ? dataNode : gone);
  const nameNode = await serve(t, (request, response) => {
    asked.push(new URL(request.url!, 'http://localhost').searchParams);
    sendingTo(target)(request, response);
  });
  const client = clientOf(t, [nameNode]);
  const writing = await client.create('/f', t.signal);
  await writing.write(Buffer.from('content'), t.signal);
  await writing.end(t.signal);
  assert.equal(taken.length, 1);
  assert.equal(String(Buffer.concat(await Array.fromAsync(client.read('/f', t.signal)))), '"content"');
  const excluded = asked.map((parameters) => parameters.get('excludedatanodes'));
  assert.deepEqual(excluded, [null, '127.0.0.1', null, '127.0.0.1']);
  assert.ok(asked.every((parameters) => ['CREATE', 'OPEN'].includes(parameters.get('op')!)));
});

test('where all DataNodes are gone, that is told after a few', async (t) => {
  const [gone, asked] = [await absent(), [] as IncomingMessage[]];
  const nameNode = await serve(
    t,
    sendingTo(() => gone, asked),
  );
  const client = clientOf(t, [nameNode]);
  await assert.rejects(client.create('/f', t.signal), { code: 'FILES_STORE_UNAVAILABLE', decision: 'retry' });
  assert.equal(asked.length, 5);
  const stop = new AbortController();
  stop.abort();
  await assert.rejects(client.create('/f', stop.signal), { name: 'AbortError' });
});

test('more files can be open than a pool has connections', async (t) => {
  const arrived: IncomingMessage[] = [];
  const datanode = await serve(t, taking(arrived));
  const client = clientOf(
    t,
    [
      await serve(
        t,
        sendingTo(() => datanode),
      ),
    ],
    { deadline: 2_000 },
  );
  const files = await Promise.all(Array.from({ length: MANY_FILES }, (_, i) => client.create(`/f${i}`, t.signal)));
  await Promise.all(files.map((file) => file.write(Buffer.from('x'), t.signal)));
  await until('all requests have arrived', () => arrived.length === MANY_FILES);
  await Promise.all(files.map((file) => file.end(t.signal)));
});

test('a 404 that is not from HDFS says nothing about files', async (t) => {
  const gateway = await serve(t, (_, response) => response.writeHead(404).end('<h1>Not Found</h1>'));
  const client = clientOf(t, [gateway]);
  await assert.rejects(client.list('/d', t.signal), { code: 'FILES_STORE_UNAVAILABLE' });
  await assert.rejects(client.status('/f', t.signal), { code: 'FILES_STORE_UNAVAILABLE' });
  await assert.rejects(client.rename('/a', '/b', t.signal), { code: 'FILES_STORE_UNAVAILABLE' });
});

test('an exception is known by its name, whatever its message', async (t) => {
  const cases = [
    ['AccessControlException', 'Permission denied: inode="/safemode":hdfs:drwxr-xr-x', 'FILES_NOT_PERMITTED'],
    ['SafeModeException', 'Cannot create file. Name node is in safe mode.', 'FILES_HDFS_SAFE_MODE'],
    ['RetriableException', 'org.apache.hadoop.hdfs.server.namenode.SafeModeException: Cannot', 'FILES_HDFS_SAFE_MODE'],
    ['RetriableException', 'NameNode still not started', 'FILES_HDFS_STANDBY'],
    ['IOException', 'Failed to find datanode, suggest to check cluster health.', 'FILES_HDFS_NO_DATANODE'],
    ['IOException', 'No active and not excluded nodes contain this block', 'FILES_HDFS_NO_DATANODE'],
    ['IOException', 'Requested replication factor of 9 exceeds maximum of 3 for /f', 'FILES_HDFS_REFUSED'],
    ['IOException', 'Specified block size 1000 is less than configured minimum value', 'FILES_HDFS_REFUSED'],
    ['HadoopIllegalArgumentException', 'Invalid values: dfs.bytes-per-checksum', 'FILES_HDFS_REFUSED'],
    ['DSQuotaExceededException', 'The DiskSpace quota of /q is exceeded', 'FILES_HDFS_QUOTA'],
    ['NSQuotaExceededException', 'The NameSpace quota of /q is exceeded', 'FILES_HDFS_QUOTA'],
    ['InvalidPathException', 'Invalid path name', 'FILES_HDFS_REFUSED'],
    ['InvalidToken', 'token expired', 'FILES_HDFS_USER'],
    ['constructor', 'no exception of HDFS', 'FILES_STORE_UNAVAILABLE'],
    ['AlreadyBeingCreatedException', 'lease', 'FILES_STORE_UNAVAILABLE'],
  ] as const;
  for (const [exception, message, code] of cases) {
    const client = clientOf(t, [await serve(t, (_, response) => refuse(response, exception, message))]);
    await assert.rejects(client.homeDirectory(t.signal), { code }, exception);
  }
});

test('the message of an exception is one short line', async (t) => {
  const message = `lease\u001b[31m of a file ${'x'.repeat(10_000)}\n\tat java.lang.Thread.run`;
  const client = clientOf(t, [await serve(t, (_, response) => refuse(response, 'IOException', message))]);
  await assert.rejects(client.homeDirectory(t.signal), (error: Error) => {
    assert.match(error.message, /lease/);
    assert.doesNotMatch(error.message, /java\.lang|[\u0000-\u001f]/);
    assert.ok(error.message.length < 400);
    return true;
  });
});

test('what proves who we are goes to a named host, and to no stranger', async (t) => {
  const secret = { basic: { user: 'u', password: 'p' }, headers: { 'x-token': 't' } };
  const seen: IncomingMessage[] = [];
  const asked: IncomingMessage[] = [];
  const datanode = await serve(t, taking(seen));
  const namenode = await serve(
    t,
    sendingTo(() => datanode, asked),
  );
  await (await clientOf(t, [namenode], secret).create('/f', t.signal)).end(t.signal);
  const named = clientOf(t, [namenode], { ...secret, redirectHosts: ['127.0.0.1'] });
  await (await named.create('/f', t.signal)).end(t.signal);
  const proofs = (requests: IncomingMessage[]) =>
    requests.map(({ headers }) => [headers.authorization, headers['x-token']]);
  const proof = [`Basic ${Buffer.from('u:p').toString('base64')}`, 't'];
  assert.deepEqual(proofs(asked), [proof, proof]);
  assert.deepEqual(proofs(seen), [[undefined, undefined], proof]);
  const elsewhere = clientOf(t, [namenode], { ...secret, redirectHosts: ['*.example.org'] });
  await assert.rejects(elsewhere.create('/f', t.signal), { code: 'FILES_HDFS_REDIRECT' });
  assert.equal(seen.length, 2);
});

test('a gateway keeps its path, its own uploads have the credentials, and a token stands in place of a name', async (t) => {
  const seen: string[] = [];
  const tokens: (string | undefined)[] = [];
  const gateway = await serve(t, (request, response) => {
    seen.push(request.url ?? '');
    tokens.push(request.headers.authorization);
    if (request.url?.startsWith('/gateway/data')) request.resume().on('end', () => answer(response, 201));
    else response.writeHead(307, { location: `http://${request.headers.host}/gateway/data/f` }).end();
  });
  const options = { bearer: 'b', delegationToken: 'd', user: 'u' };
  const client = clientOf(t, [`${gateway}/gateway/default/webhdfs/v1/`], options);
  await (await client.create('/a b/ü', t.signal)).end(t.signal);
  assert.match(seen[0] ?? '', /^\/gateway\/default\/webhdfs\/v1\/a%20b\/%C3%BC\?op=CREATE&/);
  assert.match(seen[0] ?? '', /delegation=d/);
  assert.doesNotMatch(seen[0] ?? '', /user\.name/);
  assert.deepEqual(tokens, ['Bearer b', 'Bearer b']);
});

test('a server that says nothing, or never ends its answer, has a deadline', async (t) => {
  const silent = await serve(t, () => {});
  await assert.rejects(clientOf(t, [silent], { deadline: 100 }).status('/f', t.signal), {
    code: 'FILES_STORE_UNAVAILABLE',
  });
  const dripping = await serve(t, (_, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write(' '), 10);
    response.on('close', () => clearInterval(timer));
  });
  await assert.rejects(clientOf(t, [dripping], { deadline: 200 }).status('/f', t.signal), {
    code: 'FILES_STORE_UNAVAILABLE',
  });
});

test('a summary tells what is stored and what is allowed, and of nothing nothing', async (t) => {
  const asked: (string | undefined)[] = [];
  const summary = { fileCount: 3, directoryCount: 2, length: 5, spaceConsumed: 15, quota: 20, spaceQuota: -1 };
  const namenode = await serve(t, (request, response) => {
    asked.push(request.url);
    if (request.url?.includes('/none')) refuse(response, 'FileNotFoundException', 'File does not exist: /none', 404);
    else answer(response, 200, { ContentSummary: { ...summary, ecPolicy: '', snapshotFileCount: 0, typeQuota: {} } });
  });
  const client = clientOf(t, [await serve(t, standby), namenode]);
  assert.deepEqual(await client.contentSummary('/d', t.signal), summary);
  assert.equal(await client.contentSummary('/none', t.signal), undefined);
  assert.deepEqual(
    asked,
    ['/d', '/none'].map((path) => `/webhdfs/v1${path}?op=GETCONTENTSUMMARY`),
  );
  const closed = await serve(t, (_, response) => refuse(response, 'AccessControlException', 'Permission denied'));
  await assert.rejects(clientOf(t, [closed]).contentSummary('/d', t.signal), { code: 'FILES_NOT_PERMITTED' });
});

test('the defaults of the file system are asked for, which an old one does not know', async (t) => {
  const told = { FsServerDefaults: { blockSize: 1 << 20, replication: 2, trashInterval: 0 } };
  const client = clientOf(t, [await serve(t, (_, response) => answer(response, 200, told))]);
  assert.deepEqual(await client.serverDefaults(t.signal), { blockSize: 1 << 20, replication: 2 });
  const old = await serve(t, (_, response) =>
    refuse(response, 'IllegalArgumentException', 'Invalid value for webhdfs parameter "op"', 400),
  );
  await assert.rejects(clientOf(t, [old]).serverDefaults(t.signal), { code: 'FILES_HDFS_REFUSED' });
});

test('an upload that is not taken, or not answered, has a deadline', async (t) => {
  const deaf = await serve(t, (request) => request.pause());
  const client = clientOf(
    t,
    [
      await serve(
        t,
        sendingTo(() => deaf),
      ),
    ],
    { deadline: 300 },
  );
  const full = await client.create('/f', t.signal);
  const fill = async () => {
    for (;;) await full.write(Buffer.alloc(1 << 20), t.signal);
  };
  await assert.rejects(fill(), { code: 'FILES_STORE_UNAVAILABLE' });
  const ended = await client.create('/f', t.signal);
  await assert.rejects(ended.end(t.signal), { code: 'FILES_STORE_UNAVAILABLE' });
});

test('a refusal in the midst of an upload is told by its name, at once', async (t) => {
  const datanode = await serve(t, (request, response) => {
    request.once('data', () => {
      request.pause();
      refuse(response, 'DSQuotaExceededException', 'The DiskSpace quota of /q is exceeded');
    });
  });
  const client = clientOf(
    t,
    [
      await serve(
        t,
        sendingTo(() => datanode),
      ),
    ],
    { deadline: 60_000 },
  );
  const file = await client.create('/q/f', t.signal);
  const fill = async () => {
    for (;;) await file.write(Buffer.alloc(1 << 20), t.signal);
  };
  await assert.rejects(fill(), { code: 'FILES_HDFS_QUOTA' });
  file.abandon();
});

test('an upload that is cut fails, and so does one that was answered with anything but 201', async (t) => {
  const cutting = await serve(t, (request) => request.once('data', () => request.socket.resetAndDestroy()));
  const odd = await serve(t, (request, response) => request.resume().on('end', () => answer(response, 200)));
  for (const datanode of [cutting, odd]) {
    const file = await clientOf(t, [
      await serve(
        t,
        sendingTo(() => datanode),
      ),
    ]).create('/f', t.signal);
    await file.write(Buffer.from('half'), t.signal);
    await assert.rejects(file.end(t.signal), { code: 'FILES_STORE_UNAVAILABLE' });
  }
});

test('an abort ends a request that hangs, with its reason', async (t) => {
  const asked = Promise.withResolvers<void>();
  const client = clientOf(t, [await serve(t, () => asked.resolve())]);
  const controller = new AbortController();
  const waiting = client.status('/f', controller.signal);
  await asked.promise;
  controller.abort(new Error('enough'));
  await assert.rejects(waiting, { message: 'enough' });
});

test('an answer has a longest length, and a listing that repeats itself an end', async (t) => {
  const endless = await serve(t, (_, response) => {
    const more = () => {
      while (response.write(Buffer.alloc(1 << 20, ' ')));
    };
    response.writeHead(200).on('drain', more);
    more();
  });
  await assert.rejects(clientOf(t, [endless]).list('/d', t.signal), { code: 'FILES_STORE_UNAVAILABLE' });
  const page = { FileStatuses: { FileStatus: [{ ...STATUS.FileStatus, pathSuffix: 'a' }] } };
  const listing = { DirectoryListing: { partialListing: page, remainingEntries: 1 } };
  const again = await serve(t, (_, response) => answer(response, 200, listing));
  await assert.rejects(clientOf(t, [again]).list('/d', t.signal), { code: 'FILES_HDFS_REFUSED' });
});
