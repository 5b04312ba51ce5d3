import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import test from 'node:test';
import * as apis from './apis.ts';
import { BrokerConnection } from './connection.ts';

test('a certificate that is none is an error of each question, and of nothing else', async (t) => {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const pem = '-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n';
  const connection = new BrokerConnection(
    { host: '127.0.0.1', port },
    { clientId: 'test', connectTimeoutMs: 1_000, tls: { cert: pem, key: pem } },
  );
  for (let times = 0; times < 2; times++) {
    await assert.rejects(connection.request(1_000, apis.describeGroups, ['any'], false), { code: 'LOG_UNAVAILABLE' });
  }
});
