import type { Clock } from '../../support/clock.ts';
import type { Logger } from '../../support/logger.ts';
import { logErrors } from '../errors.ts';
import type {
  Admin,
  Consumer,
  ConsumerOptions,
  Log,
  Position,
  Producer,
  ProducerOptions,
  RecordBatch,
} from '../log.ts';
import { KafkaAdmin } from './admin.ts';
import { Cluster } from './cluster.ts';
import type { KafkaLogConfig } from './config.ts';
import { unsafeIn } from './config.ts';
import { KafkaConsumer } from './consumer.ts';
import { KafkaProducer } from './producer.ts';
import { Reader } from './reader.ts';

export interface OpenKafkaLogOptions {
  readonly config: KafkaLogConfig;
  /** Partitions of the configured topics, by name: what keys go by until the cluster has answered. */
  readonly topics: ReadonlyMap<string, number>;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * The log in a Kafka cluster. Returns at once: connections are made when something is asked, and
 * made again for as long as it takes. Each thread opens its own. Throws if the files that the
 * configuration names for TLS can't be read.
 */
export function openKafkaLog(options: OpenKafkaLogOptions): Log {
  return new KafkaLog(options);
}

class KafkaLog implements Log {
  readonly admin: Admin;
  readonly #cluster: Cluster;
  readonly #topics: ReadonlyMap<string, number>;
  readonly #reader: Reader;
  readonly #producers = new Set<KafkaProducer>();
  readonly #consumers = new Set<KafkaConsumer>();
  #closing: Promise<void> | undefined;

  constructor({ topics, ...options }: OpenKafkaLogOptions) {
    for (const warning of unsafeIn(options.config)) options.logger.warn({}, warning);
    this.#cluster = new Cluster(options);
    this.#topics = topics;
    this.#reader = new Reader(this.#cluster);
    this.admin = new KafkaAdmin(this.#cluster);
  }

  producer(options: ProducerOptions = {}): Producer {
    this.#refuseIfClosed();
    const producer = new KafkaProducer(this.#cluster, this.#topics, options, () => this.#producers.delete(producer));
    this.#producers.add(producer);
    return producer;
  }

  consumer(group: string, topics: readonly string[], options: ConsumerOptions = {}): Consumer {
    this.#refuseIfClosed();
    const membership = { group, topics };
    const consumer = new KafkaConsumer(this.#cluster, membership, options, () => this.#consumers.delete(consumer));
    this.#consumers.add(consumer);
    return consumer;
  }

  async read(from: Position, options?: { readonly maxBytes?: number }): Promise<RecordBatch> {
    this.#refuseIfClosed();
    return this.#reader.read(from, options?.maxBytes);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#consumers, ...this.#producers].map((user) => user.close()));
    this.#cluster.close();
  }

  #refuseIfClosed(): void {
    if (this.#closing) throw logErrors.LOG_CLOSED('the log is closed');
  }
}
