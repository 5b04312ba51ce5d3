/**
 * The rules that a producer or a consumer of Kafka's must not break, each by what it does to a real
 * broker: see the comments of src/log/kafka.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { Admin, compatibilityPartitioner } from '@platformatic/kafka';
import type { FetchAnswer } from '../../src/log/kafka/apis.ts';
import type { KafkaLogConfig } from '../../src/log/kafka/config.ts';
import { FETCH_BYTES, fetchRequest } from '../../src/log/kafka/fetch.ts';
import { openKafkaLog } from '../../src/log/kafka/open.ts';
import type { Log, NewRecord } from '../../src/log/log.ts';
import type { Clock } from '../../src/support/clock.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { kafkaTest } from '../engines/kafka-test.ts';
import type { KafkaLogSettings } from '../support/kafka-log.ts';
import { kafkaConfig, kafkaLog } from '../support/kafka-log.ts';
import { Member, newGroup, numbered, range, START, texts } from '../support/log-members.ts';
import { until } from '../support/until.ts';

const open = (t: TestContext, brokers: readonly string[], settings: KafkaLogSettings = {}): Log => {
  const log = kafkaLog(brokers, settings);
  t.after(() => log.close());
  return log;
};

const newTopic = async (log: Log, partitions = 1, config: Readonly<Record<string, string>> = {}) => {
  const topic = `rules-${randomUUID()}`;
  await log.admin.createTopic(topic, { partitions, config });
  return topic;
};

const join = async (t: TestContext, log: Log, group: string, topic: string) => {
  const member = new Member(log.consumer(group, [topic]));
  t.after(() => member.consumer.close());
  await member.subscribe();
  return member;
};

/** Counts the requests of one kind that this process makes. Source of the numbers: Kafka's protocol. */
const countRequests = (t: TestContext, apiKey: number, onAnswer: (answer: unknown) => void = () => {}) => {
  const counter = { count: 0, underWay: 0, most: 0 };
  const isOne = (message: unknown) => (message as { apiKey: number }).apiKey === apiKey;
  const started = (message: unknown) => {
    if (!isOne(message)) return;
    counter.count++;
    counter.most = Math.max(counter.most, ++counter.underWay);
  };
  const ended = (message: unknown) => {
    if (!isOne(message)) return;
    counter.underWay--;
    onAnswer((message as { result?: unknown }).result);
  };
  const names = ['tracing:plt:kafka:connections:api:start', 'tracing:plt:kafka:connections:api:asyncEnd'] as const;
  subscribe(names[0], started);
  subscribe(names[1], ended);
  t.after(() => {
    unsubscribe(names[0], started);
    unsubscribe(names[1], ended);
  });
  return counter;
};

const PRODUCE = 0;
const FETCH = 1;
const OFFSET_COMMIT = 8;

kafkaTest('1: a partition has one batch under way, also where two that were configured are one', async (kafka, t) => {
  const maker = open(t, kafka.brokers);
  const topic = await newTopic(maker, 1);
  // The program believes that there are four partitions until it has asked.
  const log = open(t, kafka.brokers, { topics: new Map([[topic, 4]]) });
  const producer = log.producer();
  const requests = countRequests(t, PRODUCE);
  const sent = await Promise.all(
    [0, 1, 2, 3].map((partition) => producer.send({ topic, partition }, numbered(partition * 10, 10))),
  );
  assert.deepEqual(
    sent.map(({ baseOffset }) => baseOffset).toSorted((a, b) => a - b),
    [0, 10, 20, 30],
  );
  assert.deepEqual([requests.count, requests.most], [4, 1]);
  const first = producer.send({ topic, partition: 0 }, numbered(0, 1));
  await assert.rejects(producer.send({ topic, partition: 0 }, numbered(1, 1)), /still under way/);
  await first;
});

kafkaTest('2: what one partition refuses, others are not refused', async (kafka, t) => {
  const log = open(t, kafka.brokers, { config: { recordBytes: 4 * 1024 * 1024 } });
  const topic = await newTopic(log, 2, { 'max.message.bytes': '10000' });
  const producer = log.producer();
  const large = { timestamp: START, value: new Uint8Array(20_000).map((_, index) => index) };
  const [refused, taken] = await Promise.allSettled([
    producer.send({ topic, partition: 0 }, [large]),
    producer.send({ topic, partition: 1 }, numbered(0, 3)),
  ]);
  assert.equal(refused.status === 'rejected' && refused.reason.code, 'RECORD_TOO_LARGE');
  assert.equal(taken.status, 'fulfilled');
  await producer.send({ topic, partition: 0 }, numbered(0, 1));
});

kafkaTest('3: a send is one request, however many records it has', async (kafka, t) => {
  const log = open(t, kafka.brokers);
  const topic = await newTopic(log);
  const producer = log.producer();
  const requests = countRequests(t, PRODUCE);
  await producer.send({ topic, partition: 0 }, numbered(0, 2_000));
  assert.equal(requests.count, 1);
});

kafkaTest('4: nothing is committed by itself', async (kafka, t) => {
  const log = open(t, kafka.brokers);
  const topic = await newTopic(log);
  const producer = log.producer();
  await producer.send({ topic, partition: 0 }, numbered(0, 10));
  const group = newGroup();
  const requests = countRequests(t, OFFSET_COMMIT);
  const member = await join(t, log, group, topic);
  await member.take(10);
  await member.consumer.close();
  assert.equal(requests.count, 0);
  assert.deepEqual(await log.admin.committed(group), []);
  assert.deepEqual(texts(await (await join(t, log, group, topic)).take(10)), range(0, 10));
});

test('5: no answer is asked for that is larger than 512 KiB', () => {
  const from = { topic: 't', partition: 0, offset: 0, leader: { node: 1, epoch: 0 }, lastEpoch: -1 };
  const [, , maxBytes] = fetchRequest([{ ...from, maxBytes: FETCH_BYTES }], 500);
  assert.equal(maxBytes, 512 * 1024);
});

kafkaTest('5: a consumer that is not asked holds a bounded part of a backlog', async (kafka, t) => {
  const log = open(t, kafka.brokers);
  const topic = await newTopic(log);
  const producer = log.producer();
  const value = new Uint8Array(100_000).fill(65);
  for (let sent = 0; sent < 60; sent++) {
    const records = Array.from({ length: 9 }, (): NewRecord => ({ timestamp: START, value }));
    await producer.send({ topic, partition: 0 }, records);
  }
  const before = process.memoryUsage().arrayBuffers;
  const fetches = countRequests(t, FETCH);
  const member = await join(t, log, newGroup(), topic);
  await until('it has its partition', () => member.partitions.size === 1);
  await until('it has read ahead', () => fetches.count > 0 && fetches.underWay === 0);
  // 54 MB are there; two answers and what they were put together from may be held.
  assert.ok(process.memoryUsage().arrayBuffers - before < 12 * 1024 * 1024);
  let bytes = 0;
  for (let count = 0; count < 540; ) {
    for (const batch of await member.consumer.poll({ maxWaitMs: 1_000 })) {
      count += batch.records.length;
      bytes += batch.bytes;
    }
  }
  assert.ok(bytes >= 540 * 100_000);
});

kafkaTest('5: what a consumer holds is shared by its partitions', async (kafka, t) => {
  const log = open(t, kafka.brokers);
  const partitions = Array.from({ length: 48 }, (_, partition) => partition);
  const topic = await newTopic(log, partitions.length);
  const producer = log.producer();
  const value = new Uint8Array(50_000).fill(65);
  const records = Array.from({ length: 2 }, (): NewRecord => ({ timestamp: START, value }));
  for (let sent = 0; sent < 11; sent++) {
    await Promise.all(partitions.map((partition) => producer.send({ topic, partition }, records)));
  }
  let fetched = 0;
  const fetches = countRequests(t, FETCH, (answer) => {
    for (const { data } of (answer as FetchAnswer).partitions) fetched += data.length;
  });
  const member = await join(t, log, newGroup(), topic);
  await until('it has its partitions', () => member.partitions.size === partitions.length);
  await until('it has read ahead', () => fetches.count > 0 && fetches.underWay === 0);
  // 53 MB are there. One that has room is asked for as much again, so twice 16 MiB is the most.
  assert.ok(fetched > 0 && fetched < 33 * 1024 * 1024, `${fetched} bytes are held`);
});

kafkaTest('6: a broker that comes back finds the same member, which goes on where it was', {}, async (kafka, t) => {
  const log = open(t, kafka.brokers, { config: { requestTimeout: 2_000, connectTimeout: 1_000 } });
  const topic = await newTopic(log);
  const producer = log.producer();
  const group = newGroup();
  const member = await join(t, log, group, topic);
  await producer.send({ topic, partition: 0 }, numbered(0, 10));
  assert.deepEqual(texts(await member.take(10)), range(0, 10));
  await member.consumer.commit([{ topic, partition: 0, offset: 10 }]);
  await kafka.nodes[0]!.kill();
  await kafka.nodes[0]!.start();
  await until('it takes records again', () =>
    producer.send({ topic, partition: 0 }, numbered(10, 10)).then(
      () => true,
      () => false,
    ),
  );
  const records = await member.take(10);
  assert.deepEqual(texts(records), range(10, 10));
  await member.consumer.commit([{ topic, partition: 0, offset: 20 }]);
  assert.deepEqual(await log.admin.committed(group), [{ topic, partition: 0, offset: 20 }]);
  assert.deepEqual(member.events, ['assigned']);
});

/** Time that stands still for whoever sleeps in it, as for a process that was stopped. */
class StoppableClock implements Clock {
  #going = Promise.resolve();
  #go = () => {};

  now = () => systemClock.now();
  monotonic = () => systemClock.monotonic();

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await systemClock.sleep(ms, signal);
    while (!signal?.aborted) {
      const going = this.#going;
      await going;
      if (going === this.#going) return;
    }
  }

  stop(): void {
    this.#going = new Promise((resolve) => {
      this.#go = resolve;
    });
  }

  go(): void {
    this.#go();
  }
}

kafkaTest('6: an answer that comes after a seek is not taken for what was asked for', async (kafka, t) => {
  const log = open(t, kafka.brokers);
  const topic = await newTopic(log);
  const producer = log.producer();
  await producer.send({ topic, partition: 0 }, numbered(0, 10));
  let onAnswer = () => {};
  const fetches = countRequests(t, FETCH, () => onAnswer());
  const member = await join(t, log, newGroup(), topic);
  await member.take(10);
  await until('it waits for more', () => fetches.underWay === 1);
  // The eleventh record has come, and before anyone looks at it the first is what is wanted.
  onAnswer = () => {
    onAnswer = () => {};
    member.consumer.seek({ topic, partition: 0 }, 0);
  };
  await producer.send({ topic, partition: 0 }, numbered(10, 1));
  assert.deepEqual(texts(await member.take(11)), range(0, 11));
});

kafkaTest(
  '6: a member that was silent for too long has lost its partitions, and can commit nothing',
  { properties: { 'group.min.session.timeout.ms': '1000' } },
  async (kafka, t) => {
    const group: KafkaLogConfig['group'] = { sessionTimeout: 1_000, heartbeatInterval: 100, rebalanceTimeout: 5_000 };
    const clock = new StoppableClock();
    const config = kafkaConfig(kafka.brokers, { group });
    const stopped = openKafkaLog({ config, clock, logger: silentLogger, topics: new Map() });
    t.after(() => {
      clock.go();
      return stopped.close();
    });
    const other = open(t, kafka.brokers, { config: { group } });
    const topic = await newTopic(other);
    const name = newGroup();
    const producer = other.producer();
    const one = await join(t, stopped, name, topic);
    await until('the first has it', () => one.partitions.size === 1);
    await producer.send({ topic, partition: 0 }, numbered(0, 5));
    await one.take(5);
    clock.stop();
    const two = await join(t, other, name, topic);
    await until('the second has it', () => two.partitions.size === 1);
    assert.deepEqual(texts(await two.take(5)), range(0, 5));
    await producer.send({ topic, partition: 0 }, numbered(5, 5));
    assert.deepEqual(await one.consumer.poll({ maxWaitMs: 700 }), [], 'records after its session');
    await assert.rejects(one.consumer.commit([{ topic, partition: 0, offset: 5 }]), { code: 'PARTITION_NOT_OWNED' });
    clock.go();
    await until('the first knows', () => one.events.includes('lost'));
    assert.equal(one.partitions.size, 0);
    await two.consumer.commit([{ topic, partition: 0, offset: 3 }]);
    assert.deepEqual(await other.admin.committed(name), [{ topic, partition: 0, offset: 3 }]);
  },
);

kafkaTest("7: a key goes to the partition that Java's clients send it to", async (kafka, t) => {
  const log = open(t, kafka.brokers);
  const topic = await newTopic(log, 7);
  const producer = log.producer();
  await producer.send({ topic, partition: 0 }, numbered(0, 1));
  for (const text of ['21', 'foobar', 'abc', 'a-little-bit-longer-string', 'user-1']) {
    const key = Buffer.from(text);
    assert.equal(producer.partitionFor(topic, key), compatibilityPartitioner({ topic, key }, key) % 7, text);
  }
});

kafkaTest('8: a send outlasts a broker that is away for less than its time', {}, async (kafka, t) => {
  const log = open(t, kafka.brokers, { config: { requestTimeout: 60_000, connectTimeout: 1_000 } });
  const topic = await newTopic(log);
  const producer = log.producer();
  await producer.send({ topic, partition: 0 }, numbered(0, 10));
  await kafka.nodes[0]!.kill();
  const sent = producer.send({ topic, partition: 0 }, numbered(10, 10));
  await Promise.all([kafka.nodes[0]!.start(), sent]);
  const { records } = await log.read({ topic, partition: 0, offset: 0 });
  assert.deepEqual(texts(records), range(0, 20));
});

kafkaTest('8: a send that cannot succeed settles in the time that it has', async (kafka, t) => {
  const log = open(t, kafka.brokers, { config: { requestTimeout: 500 }, topics: new Map([['absent', 1]]) });
  const producer = log.producer();
  await assert.rejects(producer.send({ topic: 'absent', partition: 0 }, numbered(0, 1)), {
    code: 'LOG_UNAVAILABLE',
    decision: 'retry',
  });
});

for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
  kafkaTest(`9: the broker takes and gives batches with compression ${compression}`, async (kafka, t) => {
    const log = open(t, kafka.brokers, { config: { compression, acks: 'all', idempotent: true } });
    const topic = await newTopic(log);
    const producer = log.producer();
    for (let sent = 0; sent < 300; sent += 100) {
      const { baseOffset } = await producer.send({ topic, partition: 0 }, numbered(sent, 100));
      assert.equal(baseOffset, sent);
    }
    const { records } = await log.read({ topic, partition: 0, offset: 0 });
    assert.deepEqual(texts(records), range(0, 300));
  });
}

kafkaTest('an idempotent producer goes on after records that were refused', async (kafka, t) => {
  const log = open(t, kafka.brokers, { config: { acks: 'all', idempotent: true } });
  const topic = await newTopic(log);
  const producer = log.producer();
  await producer.send({ topic, partition: 0 }, numbered(0, 3));
  const future = { timestamp: Date.now() + 365 * 24 * 60 * 60 * 1000, value: new Uint8Array(1) };
  await assert.rejects(producer.send({ topic, partition: 0 }, [future]), {
    code: 'RECORD_REFUSED',
    decision: 'dead-letter',
  });
  assert.equal((await producer.send({ topic, partition: 0 }, numbered(3, 3))).baseOffset, 3);
  assert.deepEqual(texts((await log.read({ topic, partition: 0, offset: 0 })).records), range(0, 6));
});

kafkaTest('partitions that are added later, and topics that are made later, are read too', async (kafka, t) => {
  const log = open(t, kafka.brokers);
  const early = await newTopic(log);
  const late = `rules-${randomUUID()}`;
  const member = new Member(log.consumer(newGroup(), [early, late]));
  t.after(() => member.consumer.close());
  await member.subscribe();
  await until('it has what there is', () => member.partitions.size === 1);
  await log.admin.createTopic(late, { partitions: 2 });
  await until('it has what came', () => member.partitions.size === 3);
  await log.producer().send({ topic: late, partition: 1 }, numbered(0, 3));
  assert.deepEqual(texts(await member.take(3)), range(0, 3));
  assert.ok(!member.events.includes('revoked'), 'what it had stayed');
});

kafkaTest('a topic that is made anew under its name is read from its start', async (kafka, t) => {
  const log = open(t, kafka.brokers);
  const topic = await newTopic(log);
  const producer = log.producer();
  const member = await join(t, log, newGroup(), topic);
  await producer.send({ topic, partition: 0 }, numbered(0, 10));
  assert.deepEqual(texts(await member.take(10)), range(0, 10));
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [...kafka.brokers] });
  t.after(() => admin.close());
  await admin.deleteTopics({ topics: [topic] });
  await until('it is gone', async () => !(await log.admin.topics()).some(({ name }) => name === topic));
  await log.admin.createTopic(topic, { partitions: 1 });
  await producer.send({ topic, partition: 0 }, numbered(50, 3));
  assert.deepEqual(texts(await member.take(3)), range(50, 3));
  // Who listened was told that what came before is over: by a loss, or by letting go of what was gone.
  assert.deepEqual(member.events.at(-1), 'assigned');
  assert.equal(member.events.filter((event) => event === 'assigned').length, 2);
});
