import { WakeUps } from '../../support/wake-ups.ts';
import { settlesWithin } from '../../support/within.ts';
import { logErrors } from '../errors.ts';
import type { AssignmentListener, Consumer, ConsumerOptions, Position, RecordBatch, TopicPartition } from '../log.ts';
import { partitionName, plainPartition } from '../log.ts';
import type { Cluster } from './cluster.ts';
import type { Reading } from './fetcher.ts';
import { Fetcher } from './fetcher.ts';
import { Membership } from './membership.ts';

/**
 * Packed batches wait in few objects; of unpacked ones, what waits long outlasts the cheap collections
 * and takes some 80 MiB more before the next thorough one.
 */
const DEFAULT_MAX_BYTES = 256 * 1024;

export interface Subscription {
  readonly group: string;
  readonly topics: readonly string[];
}

/** A member of a consumer group of Kafka's: who has what, and when whoever listens is told of it. */
export class KafkaConsumer implements Consumer {
  readonly #cluster: Cluster;
  readonly #options: ConsumerOptions;
  readonly #fetcher: Fetcher;
  readonly #membership: Membership;
  readonly #forget: () => void;
  readonly #wakeUps = new WakeUps();
  #listener: AssignmentListener | undefined;
  /** Assignments and revocations, one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #ended: unknown;
  #closing: Promise<void> | undefined;

  constructor(cluster: Cluster, subscription: Subscription, options: ConsumerOptions, forget: () => void) {
    this.#cluster = cluster;
    this.#options = options;
    this.#forget = forget;
    this.#fetcher = new Fetcher(cluster, {
      arrived: () => this.#wakeUps.wake(),
      replaced: () => this.#membership.startOver(),
      failed: (error) => this.#end(error),
    });
    this.#membership = new Membership(cluster, subscription, options.from ?? 'earliest', {
      assigned: (positions, topicIds) => this.#assign(positions, topicIds),
      revoked: (partitions) => this.#revoke(partitions),
      lost: (partitions) => this.#lose(this.#fetcher.readings(partitions)),
      confirmed: () => this.#wakeUps.wake(),
      failed: (error) => this.#end(error),
    });
  }

  async subscribe(listener: AssignmentListener): Promise<void> {
    if (this.#ended) throw this.#ended;
    if (this.#listener) throw new Error('a consumer subscribes once');
    this.#listener = listener;
    await this.#membership.join();
  }

  async poll(options: { readonly maxWaitMs: number; readonly signal?: AbortSignal }): Promise<readonly RecordBatch[]> {
    const deadline = performance.now() + options.maxWaitMs;
    for (;;) {
      if (this.#ended) throw this.#ended;
      // After a silence in which the group may have given them away, partitions wait for its word.
      const batches = this.#membership.isCurrent ? this.#fetcher.take(this.#options.maxBytes ?? DEFAULT_MAX_BYTES) : [];
      const remainingMs = deadline - performance.now();
      if (batches.length > 0 || remainingMs <= 0 || options.signal?.aborted) return batches;
      await this.#wakeUps.wait(remainingMs, options.signal);
    }
  }

  pause(partition: TopicPartition): void {
    this.#fetcher.pause(partition, true);
  }

  resume(partition: TopicPartition): void {
    this.#fetcher.pause(partition, false);
    this.#wakeUps.wake();
  }

  seek(partition: TopicPartition, offset: number): void {
    if (!this.#fetcher.seek(partition, offset)) {
      throw logErrors.PARTITION_NOT_OWNED(`partition ${partitionName(partition)} is not this member's`);
    }
    this.#wakeUps.wake();
  }

  async commit(positions: readonly Position[]): Promise<void> {
    await this.#membership.commit(positions);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #assign(positions: readonly Position[], topicIds: ReadonlyMap<string, string>): void {
    const readings = positions.map((position) => this.#fetcher.add(position, topicIds.get(position.topic)));
    void this.#inTurn(async () => {
      const current = this.#current(readings);
      if (current.length === 0) return;
      await this.#listener?.assigned(current.map(plainPartition));
      for (const reading of current) this.#fetcher.start(reading);
      this.#wakeUps.wake();
    });
  }

  async #revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const readings = this.#fetcher.readings(partitions);
    for (const reading of readings) this.#fetcher.stop(reading);
    const revoked = this.#inTurn(async () => {
      const current = this.#current(readings);
      if (current.length > 0) await this.#listener?.revoked(current.map(plainPartition));
    });
    const inTime = await settlesWithin(revoked, this.#cluster.config.group.rebalanceTimeout);
    if (!inTime) this.#lose(readings);
    for (const reading of readings) this.#fetcher.remove(reading);
  }

  #lose(readings: readonly Reading[]): void {
    const current = this.#current(readings);
    for (const reading of current) this.#fetcher.remove(reading);
    if (current.length > 0) this.#listener?.lost(current.map(plainPartition));
  }

  /** Those that go on: partitions that were lost meanwhile, and assigned again, are others. */
  #current(readings: readonly Reading[]): Reading[] {
    return readings.filter((reading) => this.#fetcher.holds(reading));
  }

  async #close(): Promise<void> {
    this.#fetcher.stopAll();
    this.#end(logErrors.LOG_CLOSED('the consumer is closed'));
    await this.#membership.leave();
    this.#fetcher.close();
    this.#forget();
  }

  /** One after the other; what a listener throws ends the consumer, and the next poll throws it. */
  #inTurn(step: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(step).catch((error) => this.#end(error));
    return this.#turn;
  }

  #end(reason: unknown): void {
    this.#ended ??= reason;
    this.#wakeUps.wake();
  }
}
