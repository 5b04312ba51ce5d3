import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { KafkaLogConfig } from '../../src/log/kafka/config.ts';
import { messageOf } from '../../src/support/errors.ts';
import { kafkaTest } from '../engines/kafka-test.ts';
import { kafkaLog } from '../support/kafka-log.ts';
import { numbered, range, texts } from '../support/log-members.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const PASSWORD = 'a secret: wonderland%';
const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const;

/** A token that a broker takes without a key: nobody signed it. */
const token = (subject: string) => {
  const now = Math.floor(Date.now() / 1000);
  const parts = [{ alg: 'none' }, { sub: subject, iat: now, exp: now + 3600 }];
  return `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
};

/** Gives tokens to who knows the secret, and counts. */
const tokenServer = async (t: TestContext) => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const login = Buffer.from(String(request.headers.authorization).slice('Basic '.length), 'base64').toString();
    asked.push(login);
    const known = login === `millrace:${encodeURIComponent(PASSWORD)}`;
    response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' });
    response.end(known ? JSON.stringify({ access_token: token('millrace'), expires_in: 3600 }) : '{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token` };
};

kafkaTest(
  'Kafka with TLS is spoken to by every mechanism, and by nobody else',
  { tls: true, sasl: { mechanisms, users: { millrace: PASSWORD } } },
  async ({ brokers, ca }, t) => {
    const file = path.join(temporaryDirectory(t), 'ca.pem');
    writeFileSync(file, ca!);
    const none = { username: undefined, password: undefined, token: undefined, tokenEndpoint: undefined };
    const tls: KafkaLogConfig['tls'] = {
      ca: file,
      cert: undefined,
      key: undefined,
      serverName: undefined,
      rejectUnauthorized: true,
    };
    const open = (sasl: Partial<NonNullable<KafkaLogConfig['sasl']>>, trusted = tls) => {
      const log = kafkaLog(brokers, {
        config: {
          requestTimeout: 4_000,
          tls: trusted,
          sasl: { mechanism: 'PLAIN', scope: undefined, ...none, ...sasl },
        },
      });
      t.after(() => log.close());
      return log;
    };
    const { asked, endpoint } = await tokenServer(t);
    const login = { username: 'millrace', password: PASSWORD };
    for (const sasl of [
      { mechanism: 'PLAIN', ...login },
      { mechanism: 'SCRAM-SHA-256', ...login },
      { mechanism: 'SCRAM-SHA-512', ...login },
      { mechanism: 'OAUTHBEARER', token: token('millrace') },
      { mechanism: 'OAUTHBEARER', tokenEndpoint: endpoint, ...login },
    ] as const) {
      const log = open(sasl);
      const topic = `security-${randomUUID()}`;
      await log.admin.createTopic(topic, { partitions: 1 });
      await log.producer().send({ topic, partition: 0 }, numbered(0, 3));
      assert.deepEqual(texts((await log.read({ topic, partition: 0, offset: 0 })).records), range(0, 3));
    }
    assert.equal(asked.length, 1, 'one token serves all connections');

    // TLS hands out an answer in many pieces of one buffer, which all connections share.
    const log = open({ mechanism: 'PLAIN', ...login });
    const large = { topic: `security-${randomUUID()}`, partition: 0 };
    await log.admin.createTopic(large.topic, { partitions: 1 });
    const values = range(0, 400).map((text) => text.padEnd(1_000, '.'));
    await log.producer().send(
      large,
      values.map((text) => ({ timestamp: Date.now(), value: Buffer.from(text) })),
    );
    const readAll = async () => {
      const read: string[] = [];
      while (read.length < values.length) {
        const { records } = await log.read({ ...large, offset: read.length }, { maxBytes: 100_000 });
        read.push(...texts(records));
      }
      return read;
    };
    for (const read of await Promise.all([readAll(), readAll(), readAll()])) assert.deepEqual(read, values);

    const refused = async (log: ReturnType<typeof open>, reason: RegExp) => {
      await assert.rejects(log.admin.topics(), (error: Error & { code: string }) => {
        assert.equal(error.code, 'LOG_UNAVAILABLE');
        assert.match(messageOf(error), reason);
        assert.ok(!messageOf(error).includes('wrong secret'), 'the password is told');
        return true;
      });
    };
    const wrong = { username: 'millrace', password: 'wrong secret' };
    await refused(open({ mechanism: 'SCRAM-SHA-512', ...wrong }), /authentication failed/i);
    await refused(open({ mechanism: 'OAUTHBEARER', tokenEndpoint: endpoint, ...wrong }), /token endpoint answered 401/);
    await refused(open({ mechanism: 'PLAIN', ...login }, { ...tls, ca: undefined }), /certificate/);
  },
);
