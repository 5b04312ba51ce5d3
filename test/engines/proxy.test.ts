import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { until } from '../support/until.ts';
import { FaultProxy } from './proxy.ts';

/** A server that answers every byte with itself, behind a proxy. */
async function echo(t: TestContext): Promise<{ readonly proxy: FaultProxy; readonly received: () => number }> {
  let bytes = 0;
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (piece) => {
      bytes += piece.length;
    });
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await FaultProxy.start();
  proxy.to(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(async () => {
    await proxy.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { proxy, received: () => bytes };
}

interface Client {
  readonly socket: Socket;
  readonly text: () => string;
  readonly ended: () => string | undefined;
}

async function client(proxy: FaultProxy): Promise<Client> {
  const [hostname = '', port] = proxy.address.split(':');
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  let text = '';
  let ended: string | undefined;
  socket.setEncoding('utf8').on('data', (piece) => {
    text += piece;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    ended = error.code;
  });
  socket.on('close', () => {
    ended ??= 'closed';
  });
  await until('the client is connected or refused', () => !socket.connecting || ended);
  return { socket, text: () => text, ended: () => ended };
}

test('passes both directions and the end of each', async (t) => {
  const { proxy } = await echo(t);
  const { socket, text, ended } = await client(proxy);
  const long = 'x'.repeat(3_000_000);
  socket.end(long);
  await until('the echo is closed', () => ended());
  assert.equal(ended(), 'closed');
  assert.ok(text() === long);
  await until('the connection is forgotten', () => proxy.connections === 0);
});

test('swallows: connections stay open, nothing is forwarded, and what was swallowed stays dead', async (t) => {
  const { proxy, received } = await echo(t);
  const old = await client(proxy);
  old.socket.write('one');
  await until('the echo came', () => old.text() === 'one');

  proxy.swallow();
  const later = await client(proxy);
  old.socket.write('two');
  later.socket.write('three');
  await until('both are taken', () => proxy.connections === 2 && old.socket.writableLength === 0);

  proxy.pass();
  const fresh = await client(proxy);
  old.socket.write('four');
  fresh.socket.write('five');
  await until('the echo came', () => fresh.text() === 'five');
  assert.equal(received(), 'onefive'.length);
  assert.deepEqual([old.ended(), later.ended()], [undefined, undefined]);
  old.socket.destroy();
  later.socket.destroy();
});

test('cuts every connection, new ones too, until it passes again', async (t) => {
  const { proxy } = await echo(t);
  const old = await client(proxy);
  old.socket.write('one');
  await until('the echo came', () => old.text() === 'one');

  proxy.cut();
  await until('the old connection is reset', () => old.ended());
  assert.equal(old.ended(), 'ECONNRESET');
  const refused = await client(proxy);
  await until('the new connection is reset', () => refused.ended());

  proxy.pass();
  const fresh = await client(proxy);
  fresh.socket.end('two');
  await until('the echo came', () => fresh.text() === 'two');
});

test('delays in order, and not sooner', async (t) => {
  const { proxy } = await echo(t);
  const { socket, text } = await client(proxy);
  proxy.delay(40);
  const start = performance.now();
  socket.write('a');
  socket.write('b');
  await until('the echo came', () => text() === 'ab');
  assert.ok(performance.now() - start >= 2 * 40 - 2, 'there and back takes two delays');

  socket.write('c');
  await until('it is on its way', () => socket.writableLength === 0);
  proxy.pass();
  socket.end('d');
  await until('the echo came', () => text().length === 4);
  assert.equal(text(), 'abcd');
});

test('carries no more than the line is wide, until it passes again', async (t) => {
  const { proxy } = await echo(t);
  const { socket, text } = await client(proxy);
  proxy.narrow(40_000);
  const start = performance.now();
  socket.write('a'.repeat(4_000));
  socket.write('b'.repeat(4_000));
  await until('the echo came', () => text().length === 8_000);
  assert.ok(performance.now() - start >= 200 - 2, 'it came sooner than the line carries it');
  assert.equal(text(), 'a'.repeat(4_000) + 'b'.repeat(4_000));

  proxy.narrow(1);
  socket.write('c');
  await until('it is on its way', () => socket.writableLength === 0);
  proxy.pass();
  socket.end('d');
  await until('the echo came', () => text().length === 8_002);
  assert.ok(text().endsWith('cd'));
});

test('tells a client that its server is gone', async (t) => {
  const proxy = await FaultProxy.start({ target: '127.0.0.1:1' });
  t.after(() => proxy.close());
  const { ended } = await client(proxy);
  await until('the connection is reset', () => ended());
});
