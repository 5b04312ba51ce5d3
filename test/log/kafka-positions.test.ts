/** What a consumer does about a position that a real Kafka no longer has as it was committed. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { Admin } from '@platformatic/kafka';
import type { Log, TopicPartition } from '../../src/log/log.ts';
import { losePartition, startKafka } from '../engines/kafka.ts';
import { kafkaTest } from '../engines/kafka-test.ts';
import type { KafkaLogSettings } from '../support/kafka-log.ts';
import { kafkaLog } from '../support/kafka-log.ts';
import type { MemberListener } from '../support/log-members.ts';
import { byNumber, Member, newGroup, numbered, range, texts } from '../support/log-members.ts';
import { until } from '../support/until.ts';

const open = (t: TestContext, brokers: readonly string[], settings: KafkaLogSettings = {}): Log => {
  const log = kafkaLog(brokers, settings);
  t.after(() => log.close());
  return log;
};

const newTopic = async (log: Log, partitions = 1) => {
  const topic = `positions-${randomUUID()}`;
  await log.admin.createTopic(topic, { partitions });
  return topic;
};

const join = async (t: TestContext, log: Log, group: string, topic: string, listener: MemberListener = {}) => {
  const member = new Member(log.consumer(group, [topic]), listener);
  t.after(() => member.consumer.close());
  await member.subscribe();
  return member;
};

const send = async (log: Log, to: TopicPartition, from: number, count: number) => {
  const producer = log.producer();
  await producer.send(to, numbered(from, count));
  await producer.close();
};

kafkaTest('records that came in place of lost ones are read, if the position says whose it was', async (_, t) => {
  const kafka = await startKafka();
  t.after(() => kafka.close());
  const log = open(t, kafka.brokers);
  const [group, topic] = [newGroup(), await newTopic(log)];
  await send(log, { topic, partition: 0 }, 0, 5);
  const before = await join(t, log, group, topic);
  const [batch] = await until('records come', async () => {
    const batches = await before.consumer.poll({ maxWaitMs: 100 });
    return batches.length > 0 && batches;
  });
  const { leaderEpoch } = batch!;
  assert.ok(leaderEpoch !== undefined);
  await before.consumer.commit([{ topic, partition: 0, offset: 5, leaderEpoch }]);
  assert.deepEqual(await log.admin.committed(group), [{ topic, partition: 0, offset: 5, leaderEpoch }]);
  await before.consumer.close();

  // Then the log grows past the position again.
  await losePartition(kafka.nodes[0]!, topic, 0);
  await send(log, { topic, partition: 0 }, 100, 10);

  const after = await join(t, log, group, topic);
  assert.deepEqual(texts(await after.take(10)), range(100, 10));
});

kafkaTest('a position beyond the end of the log is told of, and taken up once the log has it', async (kafka, t) => {
  const log = open(t, kafka.brokers, { config: { requestTimeout: 1_000 } });
  const [group, topic] = [newGroup(), await newTopic(log)];
  await send(log, { topic, partition: 0 }, 0, 5);
  await log.admin.alterPositions(group, [{ topic, partition: 0, offset: 7 }]);
  const early = await join(t, log, group, topic);
  await assert.rejects(early.consumer.poll({ maxWaitMs: 60_000 }), { code: 'POSITION_BEYOND_LOG' });
  await early.consumer.close();
  await send(log, { topic, partition: 0 }, 5, 5);
  const late = await join(t, log, group, topic);
  assert.deepEqual(texts(await late.take(3)), range(7, 3));
});

kafkaTest('a partition that is given up for lost, and assigned anew, outlives its old revocation', async (kafka, t) => {
  const log = open(t, kafka.brokers);
  const [group, topic] = [newGroup(), await newTopic(log, 2)];
  const finish = Promise.withResolvers<void>();
  t.after(() => finish.resolve());
  const slow = await join(t, log, group, topic, { revoked: () => finish.promise });
  await until('it has both', () => slow.partitions.size === 2);
  const other = new Member(log.consumer(group, [topic]));
  const joining = other.subscribe();
  await until('one of them is to go', () => slow.events.includes('revoked'));

  // The group gives the slow one up, and all others too; it comes back as someone new.
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [...kafka.brokers] });
  t.after(() => admin.close());
  await admin.removeMembersFromConsumerGroup({ groupId: group, members: null });
  await until('it has lost them', () => slow.events.includes('lost'));
  await joining.catch(() => {});
  await other.consumer.close();
  await until('it is alone in the group again', async () => {
    const described = (await admin.describeGroups({ groups: [group] })).get(group);
    return described?.state === 'Stable' && described.members.size === 1;
  });
  finish.resolve();
  await until('it has both again', () => slow.partitions.size === 2);
  for (const partition of [0, 1]) await send(log, { topic, partition }, 10 * partition, 5);
  assert.deepEqual(texts(await slow.take(10)).sort(byNumber), [...range(0, 5), ...range(10, 5)]);
});
