import { COLLECTOR_DEAD_LETTERS, deadLetterTopic, replayTopic } from '../log/dead-letter.ts';
import type { Admin } from '../log/log.ts';
import { eventTopics } from './configuration.ts';
import type { Configuration } from './definition.ts';

/** Makes every topic that the configuration implies, or finds it made: those of events, and Millrace's own. */
export async function createTopics(admin: Admin, configuration: Configuration): Promise<void> {
  for (const { name, partitions } of eventTopics(configuration)) await admin.createTopic(name, { partitions });
  await admin.createTopic(COLLECTOR_DEAD_LETTERS, { partitions: 1 });
  for (const connector of Object.keys(configuration.connectors)) {
    await admin.createTopic(deadLetterTopic(connector), { partitions: 1 });
    await admin.createTopic(replayTopic(connector), { partitions: 1 });
  }
}
