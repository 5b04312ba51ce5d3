import { readConfiguration } from '../../src/config/read.ts';
import type { KafkaLogConfig } from '../../src/log/kafka/config.ts';
import { kafkaLogConfig } from '../../src/log/kafka/config.ts';
import { openKafkaLog } from '../../src/log/kafka/open.ts';
import type { Log } from '../../src/log/log.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';

/** The configuration of these brokers as it is without further settings, but for some. */
export function kafkaConfig(brokers: readonly string[], settings: Partial<KafkaLogConfig> = {}): KafkaLogConfig {
  const { value, faults } = readConfiguration(kafkaLogConfig, JSON.stringify({ brokers }), {});
  if (faults.length > 0) throw new Error(faults.map(({ message }) => message).join(' '));
  return { ...value, ...settings };
}

export interface KafkaLogSettings {
  readonly config?: Partial<KafkaLogConfig>;
  readonly topics?: ReadonlyMap<string, number>;
}

export function kafkaLog(brokers: readonly string[], settings: KafkaLogSettings = {}): Log {
  return openKafkaLog({
    config: kafkaConfig(brokers, settings.config),
    topics: settings.topics ?? new Map(),
    clock: systemClock,
    logger: silentLogger,
  });
}
