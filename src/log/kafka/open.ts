import type { Clock } from '../../support/clock.ts';
import type { Logger } from '../../support/logger.ts';
import type { Log } from '../log.ts';
import type { KafkaLogConfig } from './config.ts';

export interface OpenKafkaLogOptions {
  readonly config: KafkaLogConfig;
  /** Partitions of the configured topics, by name: what keys go by until the cluster has answered. */
  readonly topics: ReadonlyMap<string, number>;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * The log in a Kafka cluster. Returns at once: connections are made when something is asked, and
 * made again for as long as it takes. Each thread opens its own.
 */
export function openKafkaLog(options: OpenKafkaLogOptions): Log {
  throw new Error(`Kafka at ${options.config.brokers} is not there yet`);
}
