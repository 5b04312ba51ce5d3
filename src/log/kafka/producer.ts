import { logErrors } from '../errors.ts';
import type { Appended, NewRecord, Producer, TopicPartition } from '../log.ts';
import { partitionName } from '../log.ts';
import * as apis from './apis.ts';
import type { EncodedRecords } from './batch.ts';
import { BATCH_HEAD_BYTES, encodeBatch, encodeRecords, measure } from './batch.ts';
import type { Cluster, Connections } from './cluster.ts';
import { codecOf } from './compression.ts';
import { check, UNKNOWN_TOPIC_OR_PARTITION } from './errors.ts';
import { partitionOfKey } from './partitioner.ts';
import { Sequences } from './sequences.ts';

const ALL_REPLICAS = -1;

/** Half of what brokers take as one request by default (`socket.request.max.bytes`). */
const MAX_BATCH_BYTES = 50 * 1024 * 1024;

/**
 * How long a topic may be unknown before it is called that: one that was just made takes a moment
 * to reach every broker.
 */
const UNKNOWN_TOPIC_MS = 2_000;

/**
 * Sends batches: one at a time to a partition, each in a request of its own, so that one that fails
 * takes no other with it and none overtakes another.
 *
 * A batch whose answer does not come ends the connection. The broker may still have it, which is
 * why a send that rejects with LOG_UNAVAILABLE may have stored everything; what the broker reads
 * later from a connection that has ended can then double that batch, unless it is idempotent.
 */
export class KafkaProducer implements Producer {
  readonly #cluster: Cluster;
  readonly #connections: Connections;
  readonly #configured: ReadonlyMap<string, number>;
  readonly #acks: number;
  readonly #sequences: Sequences | undefined;
  readonly #turns = new Map<string, number>();
  readonly #sending = new Set<string>();
  /** By the partition that exists, which two that were chosen before it was known may share. */
  readonly #inFlight = new Map<string, Promise<unknown>>();
  readonly #forget: () => void;
  #closed = false;

  constructor(
    cluster: Cluster,
    configured: ReadonlyMap<string, number>,
    { acks = cluster.config.acks }: { readonly acks?: '1' | 'all' },
    forget: () => void,
  ) {
    this.#forget = forget;
    this.#acks = acks === 'all' ? ALL_REPLICAS : 1;
    this.#cluster = cluster;
    this.#connections = cluster.connections();
    this.#configured = configured;
    this.#sequences = cluster.config.idempotent ? new Sequences(this.#connections) : undefined;
    // Known before the first records come, if the cluster can be reached.
    if (configured.size > 0) cluster.refresh([...configured.keys()]).catch(() => {});
  }

  partitionFor(topic: string, key?: Uint8Array): number {
    const partitions = this.#cluster.topic(topic)?.leaders.length ?? this.#configured.get(topic);
    if (partitions === undefined) {
      // Asked for in the background, so that a topic that others have made is known the next time.
      this.#cluster.refresh([topic]).catch(() => {});
      throw logErrors.TOPIC_UNKNOWN(`there is no topic ${JSON.stringify(topic)}`);
    }
    if (key) return partitionOfKey(key, partitions);
    const turn = this.#turns.get(topic) ?? 0;
    this.#turns.set(topic, turn + 1);
    return turn % partitions;
  }

  async send(to: TopicPartition, records: readonly NewRecord[]): Promise<Appended> {
    if (this.#closed || this.#cluster.closed.aborted) throw logErrors.LOG_CLOSED('the producer is closed');
    const name = partitionName(to);
    if (this.#sending.has(name)) throw new Error(`a send to ${name} is still under way`);
    if (records.length === 0) throw new Error('a send needs records');
    this.#sending.add(name);
    try {
      return await this.#send(to, records);
    } finally {
      this.#sending.delete(name);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#inFlight.values());
    this.#connections.close();
    this.#forget();
  }

  async #send({ topic, partition }: TopicPartition, records: readonly NewRecord[]): Promise<Appended> {
    const { clock, config } = this.#cluster;
    const deadline = clock.monotonic() + config.requestTimeout;
    const { bytes, largest } = measure(records);
    if (largest > config.recordBytes || bytes > MAX_BATCH_BYTES) {
      throw logErrors.RECORD_TOO_LARGE(
        `a record of ${largest} bytes in a batch of ${bytes} is more than Kafka may be sent`,
      );
    }
    const encoded = encodeRecords(records, bytes);
    const codec = codecOf(config.compression);
    const body = await codec.compress(encoded.buffer.subarray(BATCH_HEAD_BYTES));
    const partitions = await this.#partitionsOf(topic, deadline);
    const to = { topic, partition: partition % partitions };
    const name = partitionName(to);
    const before = this.#inFlight.get(name);
    const settled = (async () => {
      await before?.catch(() => {});
      return this.#deliver(to, records, encoded, { codec: codec.id, body }, deadline);
    })();
    this.#inFlight.set(name, settled);
    try {
      return await settled;
    } finally {
      if (this.#inFlight.get(name) === settled) this.#inFlight.delete(name);
    }
  }

  async #partitionsOf(topic: string, deadline: number): Promise<number> {
    const known = this.#cluster.topic(topic);
    if (known) return known.leaders.length;
    const { clock } = this.#cluster;
    const unknownUntil = clock.monotonic() + UNKNOWN_TOPIC_MS;
    return this.#cluster.persist({ timeoutMs: deadline - clock.monotonic() }, async () => {
      await this.#cluster.refresh([topic]);
      const found = this.#cluster.topic(topic);
      if (found) return found.leaders.length;
      // The program makes the topics of its configuration; their records wait for that.
      if (this.#configured.has(topic) || clock.monotonic() < unknownUntil) {
        throw logErrors.LOG_UNAVAILABLE(`topic ${JSON.stringify(topic)} is not there yet`);
      }
      throw logErrors.TOPIC_UNKNOWN(`there is no topic ${JSON.stringify(topic)} in Kafka`);
    });
  }

  async #deliver(
    to: TopicPartition,
    records: readonly NewRecord[],
    encoded: EncodedRecords,
    packed: { readonly codec: number; readonly body: Buffer },
    deadline: number,
  ): Promise<Appended> {
    const { clock, config } = this.#cluster;
    const what = `send to ${partitionName(to)}`;
    const timeoutMs = deadline - clock.monotonic();
    return this.#cluster.persist({ topics: [to.topic], timeoutMs }, async (remainingMs) => {
      // A leader that does not answer must leave time to find the one that was chosen after it.
      const attemptMs = Math.min(remainingMs, config.requestTimeout / 2);
      const leader = this.#cluster.leaderOf(to);
      if (!leader) throw logErrors.LOG_UNAVAILABLE(`${what}: it has no leader at present`);
      const sequence = await this.#sequences?.of(to, records, leader.node, attemptMs);
      const batch = encodeBatch(encoded, packed.codec, packed.body, sequence);
      const request = {
        ...to,
        batch,
        acks: this.#acks,
        timeoutMs: Math.ceil(attemptMs),
      };
      const answer = await this.#connections.request(leader.node, attemptMs, apis.produce, request);
      const [result] = answer.responses[0]?.partitionResponses ?? [];
      if (!result) throw logErrors.LOG_UNAVAILABLE(`${what}: the answer is empty`);
      this.#sequences?.answered(to, result.errorCode);
      // The leader's name has been learnt, so the topic exists: it is on its way to this broker.
      if (result.errorCode === UNKNOWN_TOPIC_OR_PARTITION) {
        throw logErrors.LOG_UNAVAILABLE(`${what}: the broker does not know it yet`);
      }
      check(result.errorCode, what, result.recordErrors[0]?.batchIndexErrorMessage ?? result.errorMessage);
      return { baseOffset: Number(result.baseOffset) };
    });
  }
}
