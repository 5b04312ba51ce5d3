import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { Log } from '../../src/log/log.ts';
import type { KafkaCluster } from '../engines/kafka.ts';
import { startKafka } from '../engines/kafka.ts';
import { kafkaTest } from '../engines/kafka-test.ts';
import { leaderOf } from '../engines/kafka-tools.ts';
import { freePorts } from '../engines/ports.ts';
import { FaultProxy } from '../engines/proxy.ts';
import type { KafkaLogSettings } from '../support/kafka-log.ts';
import { kafkaLog } from '../support/kafka-log.ts';
import { KafkaWriter } from '../support/kafka-writer.ts';
import { Member, newGroup, numbered, range, texts } from '../support/log-members.ts';
import { until } from '../support/until.ts';

/** Short, so that what does not answer is soon given up. */
const QUICK = { requestTimeout: 2_000, connectTimeout: 1_000 };

const open = (t: TestContext, brokers: readonly string[], settings: KafkaLogSettings = {}): Log => {
  const log = kafkaLog(brokers, { ...settings, config: { ...QUICK, ...settings.config } });
  t.after(() => log.close());
  return log;
};

const newTopic = async (log: Log, partitions = 1, replication?: number) => {
  const topic = `faults-${randomUUID()}`;
  await log.admin.createTopic(topic, { partitions, ...(replication === undefined ? {} : { replication }) });
  return topic;
};

const consume = async (t: TestContext, log: Log, topic: string) => {
  const member = new Member(log.consumer(newGroup(), [topic]));
  t.after(() => member.consumer.close());
  await member.subscribe();
  await until('it has its partition', () => member.partitions.size === 1);
  return member;
};

/** Writes to two partitions while something happens, and finds everything again. */
const writeWhile = async (log: Log, topic: string, happens: (acknowledged: () => number) => Promise<void>) => {
  const producer = log.producer();
  const writers = [0, 1].map((partition) => new KafkaWriter(producer, { topic, partition }));
  const acknowledged = () => Math.min(...writers.map((writer) => writer.acknowledged.size));
  for (const writer of writers) writer.start();
  await until('there is a load', () => acknowledged() > 500);
  await happens(acknowledged);
  const before = acknowledged();
  await until('the load goes on', () => acknowledged() > before + 500);
  await Promise.all(writers.map((writer) => writer.stop()));
  const doubled = await Promise.all(writers.map((writer) => writer.verify(log)));
  await producer.close();
  return doubled[0]! + doubled[1]!;
};

for (const [name, config] of [
  ['a broker that is killed and started again loses and turns round nothing that was acknowledged', {}],
  ['an idempotent producer doubles nothing either', { acks: 'all', idempotent: true }],
] as const) {
  kafkaTest(name, {}, async ({ brokers, nodes }, t) => {
    const log = open(t, brokers, { config: { ...config, compression: 'lz4' } });
    const topic = await newTopic(log, 2);
    const doubled = await writeWhile(log, topic, async (acknowledged) => {
      for (let kills = 0; kills < 2; kills++) {
        await nodes[0]!.kill();
        await nodes[0]!.start();
        const before = acknowledged();
        await until('the load is back', () => acknowledged() > before + 500);
      }
    });
    if ('idempotent' in config) assert.equal(doubled, 0);
  });
}

kafkaTest(
  'a broker that stands still is given up in time, and found again when it goes on',
  async ({ brokers, nodes }, t) => {
    const log = open(t, brokers);
    const topic = await newTopic(log);
    const producer = log.producer();
    const member = await consume(t, log, topic);
    await producer.send({ topic, partition: 0 }, numbered(0, 5));
    assert.deepEqual(texts(await member.take(5)), range(0, 5));
    await nodes[0]!.freeze();
    try {
      await assert.rejects(producer.send({ topic, partition: 0 }, numbered(5, 5)), { code: 'LOG_UNAVAILABLE' });
      await assert.rejects(log.read({ topic, partition: 0, offset: 0 }), { code: 'LOG_UNAVAILABLE' });
      await assert.rejects(log.admin.topics(), { code: 'LOG_UNAVAILABLE' });
      await assert.rejects(member.consumer.commit([{ topic, partition: 0, offset: 5 }]), { code: 'LOG_UNAVAILABLE' });
      assert.deepEqual(await member.consumer.poll({ maxWaitMs: 50 }), []);
    } finally {
      nodes[0]!.thaw();
    }
    await until('it takes records again', () =>
      producer.send({ topic, partition: 0 }, numbered(10, 1)).then(
        () => true,
        () => false,
      ),
    );
    const seen = new Set<string>();
    await until('they come', async () => {
      for (const { records } of await member.consumer.poll({ maxWaitMs: 100 }))
        for (const text of texts(records)) seen.add(text);
      return seen.has('10');
    });
    await member.consumer.commit([{ topic, partition: 0, offset: 6 }]);
  },
);

kafkaTest('connections that swallow everything are replaced', async (_, t) => {
  const proxy = await FaultProxy.start();
  const kafka = await startKafka({ advertised: [proxy.address] });
  t.after(async () => {
    await kafka.close();
    await proxy.close();
  });
  proxy.to(kafka.nodes[0]!.address);
  const log = open(t, [proxy.address]);
  const topic = await newTopic(log);
  const producer = log.producer();
  const member = await consume(t, log, topic);
  await producer.send({ topic, partition: 0 }, numbered(0, 5));
  assert.deepEqual(texts(await member.take(5)), range(0, 5));
  proxy.swallow();
  await assert.rejects(producer.send({ topic, partition: 0 }, numbered(5, 5)), { code: 'LOG_UNAVAILABLE' });
  await assert.rejects(log.admin.groups(), { code: 'LOG_UNAVAILABLE' });
  proxy.pass();
  await producer.send({ topic, partition: 0 }, numbered(10, 5));
  assert.deepEqual(texts(await member.take(5)), range(10, 5));
  await member.consumer.commit([{ topic, partition: 0, offset: 10 }]);
});

kafkaTest('a cluster that is away at the start is found when it comes', async (_, t) => {
  const [port] = await freePorts(1);
  const topics = new Map([['select-color', 2]]);
  const log = open(t, [`127.0.0.1:${port}`], { topics });
  const producer = log.producer();
  assert.deepEqual(
    [0, 1, 2].map(() => producer.partitionFor('select-color')),
    [0, 1, 0],
  );
  await assert.rejects(producer.send({ topic: 'select-color', partition: 0 }, numbered(0, 1)), {
    code: 'LOG_UNAVAILABLE',
  });
  const consumer = log.consumer(newGroup(), ['select-color']);
  const early = new Member(consumer);
  await assert.rejects(early.subscribe(), { code: 'LOG_UNAVAILABLE' });
  const kafka: KafkaCluster = await startKafka({ ports: [port!] });
  t.after(() => kafka.close());
  // The topic is not there either, as the program makes it when it reaches the cluster.
  const sent = until('a send is taken', () =>
    producer.send({ topic: 'select-color', partition: 1 }, numbered(0, 3)).then(
      () => true,
      (error: { code: string }) => assert.equal(error.code, 'LOG_UNAVAILABLE'),
    ),
  );
  await log.admin.createTopic('select-color', { partitions: 1 });
  await sent;
  assert.deepEqual(texts((await log.read({ topic: 'select-color', partition: 0, offset: 0 })).records), range(0, 3));
  await until('who was early has its partition', () => early.partitions.size === 1);
  assert.deepEqual(texts(await early.take(3)), range(0, 3));
});

kafkaTest('a leader that is killed is replaced by another broker', { nodes: 3 }, async ({ brokers, nodes }, t) => {
  const log = open(t, brokers, { config: { acks: 'all' } });
  const topic = await newTopic(log, 2, 3);
  const member = new Member(log.consumer(newGroup(), [topic]));
  t.after(() => member.consumer.close());
  await member.subscribe();
  await until('it has its partitions', () => member.partitions.size === 2);
  await writeWhile(log, topic, async (acknowledged) => {
    for (const node of nodes.slice(0, 2)) {
      await node.kill();
      const before = acknowledged();
      await until('the load goes on without it', () => acknowledged() > before + 500);
      await node.start();
    }
  });
  const ends = await log.admin.offsets(topic);
  const next = new Map<number, number>();
  await until('the consumer has come to the end', async () => {
    for (const { partition, records } of await member.consumer.poll({ maxWaitMs: 100 })) {
      for (const { offset } of records) {
        assert.equal(offset, next.get(partition) ?? 0);
        next.set(partition, offset + 1);
      }
    }
    return ends.every(({ partition, endOffset }) => next.get(partition) === endOffset);
  });
});

kafkaTest(
  'a leader that stands still is replaced, and changes nothing when it wakes',
  { nodes: 3 },
  async (kafka, t) => {
    const log = open(t, kafka.brokers, { config: { acks: 'all', idempotent: true } });
    const topic = await newTopic(log, 2, 3);
    const doubled = await writeWhile(log, topic, async (acknowledged) => {
      const id = await leaderOf(kafka.plainBrokers, topic, 0);
      const node = kafka.nodes.find((one) => one.id === id)!;
      const before = acknowledged();
      await node.freeze();
      try {
        await until('the load goes on without it', () => acknowledged() > before + 500);
      } finally {
        node.thaw();
      }
    });
    assert.equal(doubled, 0);
  },
);
