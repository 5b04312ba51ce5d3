import assert from 'node:assert/strict';
import test from 'node:test';
import { Admin, ProduceAcks, Producer } from '@platformatic/kafka';
import { until } from '../support/until.ts';
import type { KafkaCluster } from './kafka.ts';
import { kafkaOrSkip, kafkaTest } from './kafka-test.ts';
import { consoleConsume, leaderOf } from './kafka-tools.ts';
import { FaultProxy } from './proxy.ts';

/** For a request that must not be answered: each deadline of the client is one to wait for. */
const IMPATIENT = { timeout: 300, connectTimeout: 300, requestTimeout: 300, retries: 0 } as const;

type Client = ConstructorParameters<typeof Producer>[0];

function clientOf({ brokers }: KafkaCluster): Client {
  return { clientId: 'millrace-test', bootstrapBrokers: [...brokers], timeout: 10_000, retries: 3 };
}

async function makeTopic(client: Client, topic: string, replicas = 1): Promise<void> {
  const admin = new Admin(client);
  try {
    await admin.createTopics({ topics: [topic], partitions: 1, replicas });
  } finally {
    await admin.close();
  }
}

/** A client of its own each time, as after a start of the program. */
async function put(client: Client, topic: string, value: string): Promise<void> {
  const producer = new Producer(client);
  try {
    await producer.send({ acks: ProduceAcks.ALL, messages: [{ topic, partition: 0, value: Buffer.from(value) }] });
  } finally {
    await producer.close();
  }
}

kafkaTest('a record survives a kill, and Kafka itself prints it', async (cluster) => {
  const client = clientOf(cluster);
  await makeTopic(client, 'kept');
  await put(client, 'kept', '{"colorName":"파랑"}');
  const [node] = cluster.nodes;
  const { pid } = node!;
  await node!.kill();
  await node!.start();
  assert.notEqual(node!.pid, pid);
  await put(client, 'kept', 'second');
  assert.deepEqual(await consoleConsume(cluster.brokers, 'kept', { max: 2 }), ['{"colorName":"파랑"}', 'second']);
});

kafkaTest('a frozen broker answers nothing, and goes on when it is thawed', async (cluster) => {
  const client = clientOf(cluster);
  await makeTopic(client, 'frozen');
  const [node] = cluster.nodes;
  await node!.freeze();
  let done = false;
  const putting = put(client, 'frozen', 'late').then(() => {
    done = true;
  });
  await assert.rejects(put({ ...client, ...IMPATIENT }, 'frozen', 'refused'));
  assert.equal(done, false);
  node!.thaw();
  await putting;
});

kafkaTest('three nodes: a topic stays writable when its leader is killed', { nodes: 3 }, async (cluster) => {
  const client = clientOf(cluster);
  await makeTopic(client, 'replicated', 3);
  await put(client, 'replicated', 'before');
  const leader = await until('there is a leader', () => leaderOf(cluster.brokers, 'replicated', 0));
  const dead = cluster.nodes[leader - 1]!;
  await dead.kill();
  const others = cluster.nodes.filter((node) => node !== dead).map(({ address }) => address);
  const next = await until('another node leads', async () => {
    const now = await leaderOf(others, 'replicated', 0).catch(() => undefined);
    return now !== leader && now;
  });
  assert.notEqual(next, leader);
  await put({ ...client, bootstrapBrokers: others }, 'replicated', 'after');
  assert.deepEqual(await consoleConsume(others, 'replicated', { max: 2 }), ['before', 'after']);
});

test('clients go through a proxy, where the brokers advertise it', async (t) => {
  const proxy = await FaultProxy.start();
  t.after(() => proxy.close());
  const cluster = await kafkaOrSkip(t, { advertised: [proxy.address] });
  if (!cluster) return;
  proxy.to(cluster.nodes[0]!.address);
  const client = clientOf(cluster);
  await makeTopic(client, 'proxied');
  await put(client, 'proxied', 'passed');
  proxy.swallow();
  await assert.rejects(put({ ...client, ...IMPATIENT }, 'proxied', 'swallowed'));
  proxy.pass();
  await put(client, 'proxied', 'passed again');
  assert.deepEqual(await consoleConsume(cluster.plainBrokers, 'proxied', { max: 2 }), ['passed', 'passed again']);
});

const users = { alice: 'wonder land' } as const;
const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

kafkaTest(
  'asks clients for a password over TLS',
  { tls: true, sasl: { mechanisms: [...mechanisms, 'OAUTHBEARER'], users } },
  async (cluster) => {
    const client = { ...clientOf(cluster), tls: { ca: cluster.ca! } };
    const alice = (mechanism: (typeof mechanisms)[number], password: string = users.alice): Client => ({
      ...client,
      ...{ retries: 0, sasl: { mechanism, username: 'alice', password } },
    });
    await makeTopic(alice('PLAIN'), 'secret');
    for (const mechanism of mechanisms) {
      await put(alice(mechanism), 'secret', mechanism);
      await assert.rejects(put(alice(mechanism, 'wrong'), 'secret', 'refused'));
    }
    const token = unsecuredToken({ sub: 'alice', exp: Math.floor(Date.now() / 1000) + 3_600 });
    await put({ ...client, sasl: { mechanism: 'OAUTHBEARER', token } }, 'secret', 'OAUTHBEARER');
    await assert.rejects(put({ ...alice('PLAIN'), tls: {} }, 'secret', 'refused'), 'the certificate is checked');
    const printed = await consoleConsume(cluster.plainBrokers, 'secret', { max: 4 });
    assert.deepEqual(printed, [...mechanisms, 'OAUTHBEARER']);
  },
);

/** A JSON Web Signature without a signature (RFC 7515, appendix A.5), which Kafka takes unless told otherwise. */
function unsecuredToken(claims: Readonly<Record<string, unknown>>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.`;
}
