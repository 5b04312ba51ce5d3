/** What the files sink does about a topic of a real Kafka that no longer is what was loaded. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { Admin } from '@platformatic/kafka';
import { Connector } from '../../src/loader/connector.ts';
import { deadLetterTopic } from '../../src/log/dead-letter.ts';
import type { Log } from '../../src/log/log.ts';
import type { FilesConfig } from '../../src/sinks/files/config.ts';
import { createFilesSink } from '../../src/sinks/files/sink.ts';
import { LocalFileStore } from '../../src/sinks/files/stores/local.ts';
import { verifyFiles } from '../../src/sinks/files/verify/verify.ts';
import { isSound } from '../../src/sinks/verification.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import type { KafkaCluster } from '../engines/kafka.ts';
import { losePartition } from '../engines/kafka.ts';
import { kafkaTest } from '../engines/kafka-test.ts';
import { filesConfigWith } from '../support/files.ts';
import { kafkaLog } from '../support/kafka-log.ts';
import { recordAt } from '../support/records.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const LOADER = {
  retryInitial: 10,
  retryMax: 100,
  queueBytes: 1 << 20,
  stallTimeout: 60_000,
  stopTimeout: 5_000,
  tolerance: 'all',
} as const;

/** A topic, and a connector that loads it into a folder. */
class Loading {
  readonly name = `changed-${randomUUID()}`;
  readonly log: Log;
  readonly #t: TestContext;
  readonly #root: string;
  #sent = 0;

  constructor(t: TestContext, kafka: KafkaCluster) {
    this.#t = t;
    this.#root = temporaryDirectory(t);
    this.log = kafkaLog(kafka.brokers);
    t.after(() => this.log.close());
  }

  async createTopics(): Promise<void> {
    for (const topic of [this.name, deadLetterTopic(this.name)]) {
      await this.log.admin.createTopic(topic, { partitions: 1 });
    }
  }

  async send(count: number): Promise<void> {
    const records = Array.from({ length: count }, (_, i) => recordAt(this.#sent + i));
    this.#sent += count;
    const producer = this.log.producer();
    await producer.send({ topic: this.name, partition: 0 }, records);
    await producer.close();
  }

  connector(gaps: FilesConfig['gaps']): Connector {
    const config = filesConfigWith({ roll: { age: 100 }, gaps });
    const connector = new Connector({
      ...{ name: this.name, topics: [this.name], log: this.log, config: LOADER },
      ...{ clock: systemClock, logger: silentLogger },
      createSink: (deadLetters) =>
        createFilesSink(
          config,
          {
            ...{ connector: this.name, admin: this.log.admin, deadLetters },
            ...{ clock: systemClock, logger: silentLogger, dataDirectory: this.#root },
          },
          { namedTypes: [], store: new LocalFileStore(this.#root) },
        ),
    });
    connector.start();
    this.#t.after(() => connector.stop());
    return connector;
  }

  /** Until the group says so. */
  async isLoadedTo(offset: number): Promise<void> {
    await until(`it is loaded up to ${offset}`, async () => {
      const positions = await this.log.admin.committed(`connect-${this.name}`);
      return positions.some((position) => position.topic === this.name && position.offset === offset);
    });
  }

  loseLog({ nodes: [node] }: KafkaCluster): Promise<void> {
    return losePartition(node!, this.name, 0);
  }

  async findings() {
    const store = new LocalFileStore(this.#root);
    const [found] = await verifyFiles({
      ...{ log: this.log, store, connector: this.name, topics: [this.name] },
      ...{ guarantee: 'exactly-once', signal: this.#t.signal },
    });
    return found!;
  }
}

const failure = (connector: Connector) =>
  until('it stops', () => connector.snapshot.state === 'FAILED' && connector.snapshot.lastError?.code);

kafkaTest(
  'of a topic made anew under a running loader nothing is loaded until told, and then all',
  async (kafka, t) => {
    const loading = new Loading(t, kafka);
    await loading.createTopics();
    const before = loading.connector('stop');
    await loading.send(10);
    await loading.isLoadedTo(10);

    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [...kafka.brokers] });
    t.after(() => admin.close());
    await admin.deleteTopics({ topics: [loading.name] });
    await until(
      'it is gone',
      async () => !(await loading.log.admin.topics()).some(({ name }) => name === loading.name),
    );
    await loading.createTopics();
    // More than the old one had, so that its position is one in the new one, too.
    await loading.send(15);
    assert.equal(await failure(before), 'FILES_TOPIC_RECREATED');
    await before.stop();

    loading.connector('record');
    await loading.isLoadedTo(15);
    const found = await loading.findings();
    assert.ok(isSound(found), JSON.stringify(found));
    assert.equal(found.stored, 15);
  },
);

kafkaTest('what left the topic before it was loaded stops the loader, or is noted as missing', async (kafka, t) => {
  const loading = new Loading(t, kafka);
  await loading.createTopics();
  const before = loading.connector('stop');
  await loading.send(10);
  await loading.isLoadedTo(10);
  await before.stop();

  await loading.send(10);
  await loading.log.admin.deleteRecords([{ topic: loading.name, partition: 0, offset: 15 }]);
  const stopped = loading.connector('stop');
  assert.equal(await failure(stopped), 'FILES_RECORDS_EXPIRED');
  await stopped.stop();

  loading.connector('record');
  await loading.isLoadedTo(20);
  const found = await loading.findings();
  assert.ok(isSound(found), JSON.stringify(found));
  assert.equal(found.stored, 5);
});

kafkaTest(
  'a log that lost what was loaded, and has grown past it, stops the loader',
  { nodes: 1 },
  async (kafka, t) => {
    const loading = new Loading(t, kafka);
    await loading.createTopics();
    const before = loading.connector('stop');
    await loading.send(10);
    await loading.isLoadedTo(10);
    await before.stop();

    await loading.loseLog(kafka);
    // More than was lost, so that the offset where loading goes on is one in the log.
    await loading.send(15);
    const stopped = loading.connector('record');
    assert.equal(await failure(stopped), 'FILES_LOG_CUT');
    assert.match(stopped.snapshot.lastError?.message ?? '', /loaded up to offset 10, but the log was cut at 0/);
  },
);

kafkaTest('a log that loses what was read stops the loader that reads it', { nodes: 1 }, async (kafka, t) => {
  const loading = new Loading(t, kafka);
  await loading.createTopics();
  const connector = loading.connector('stop');
  await loading.send(10);
  await loading.isLoadedTo(10);

  await loading.loseLog(kafka);
  await loading.send(15);
  assert.match(String(await failure(connector)), /^FILES_(LOG_CUT|AHEAD_OF_LOG)$/);
});
