import { COLLECTOR_DEAD_LETTERS, deadLetterTopic, replayTopic } from '../log/dead-letter.ts';
import type { Admin, TopicDescription, TopicOptions } from '../log/log.ts';
import { Backoff } from '../support/backoff.ts';
import type { Clock } from '../support/clock.ts';
import { decisionOf, messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import { eventTopics } from './configuration.ts';
import type { Configuration } from './definition.ts';
import { topicSettings } from './policy.ts';

/** How Millrace's own topics are: dead letters and replays are few and want no order, so one partition, as safe as the events are. */
export function ownTopicOptions(configuration: Configuration): TopicOptions {
  const replication = Math.max(0, ...eventTopics(configuration).map((topic) => topic.replication ?? 0));
  return topicSettings(configuration, { partitions: 1, ...(replication > 0 ? { replication } : {}) });
}

/** Every topic that the configuration implies: those of events, and Millrace's own. */
export function impliedTopics(configuration: Configuration): ReadonlyMap<string, TopicOptions> {
  const topics = new Map<string, TopicOptions>();
  const own = ownTopicOptions(configuration);
  topics.set(COLLECTOR_DEAD_LETTERS, own);
  for (const connector of Object.keys(configuration.connectors)) {
    topics.set(deadLetterTopic(connector), own);
    topics.set(replayTopic(connector), own);
  }
  for (const { name, partitions, replication, config } of eventTopics(configuration)) {
    topics.set(
      name,
      topicSettings(configuration, {
        partitions,
        ...(replication === undefined ? {} : { replication }),
        ...(config === undefined ? {} : { config }),
      }),
    );
  }
  return topics;
}

/** Partitions by topic, by which a log goes that was not reached yet. */
export function configuredPartitions(configuration: Configuration): Readonly<Record<string, number>> {
  return Object.fromEntries(Array.from(impliedTopics(configuration), ([name, { partitions }]) => [name, partitions]));
}

/** Makes the topics, or finds them made. One that differs from the configuration is left alone, and told of. */
export async function createTopics(admin: Admin, configuration: Configuration, logger?: Logger): Promise<void> {
  for (const [name, options] of impliedTopics(configuration)) {
    for (const difference of differences(options, await admin.createTopic(name, options))) {
      logger?.warn(
        { topic: name, ...difference },
        'a topic is not as the configuration says; it is left as it is, which "millrace doctor" explains',
      );
    }
  }
}

/** In what a topic that was found differs from what was asked for. */
export function differences(
  asked: TopicOptions,
  found: TopicDescription,
): { readonly setting: string; readonly configured: string | number; readonly found: string | number }[] {
  const pairs: [string, string | number | undefined, string | number | undefined][] = [
    ['partitions', asked.partitions, found.partitions],
    ['replication', asked.replication, found.replication],
    ...Object.entries(asked.config ?? {}).map(
      ([setting, value]) => [setting, value, found.config?.[setting]] as [string, string, string | undefined],
    ),
  ];
  return pairs.flatMap(([setting, configured, is]) =>
    configured === undefined || is === undefined || configured === is ? [] : [{ setting, configured, found: is }],
  );
}

const RETRY = { initialMs: 200, maxMs: 5_000 };

/** The same, trying again for as long as the log is away. Rejects for what waiting can't mend. */
export async function createTopicsOnceReached(
  admin: Admin,
  configuration: Configuration,
  { logger, clock, signal }: { readonly logger: Logger; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const backoff = new Backoff(RETRY);
  let told = '';
  while (!signal.aborted) {
    try {
      await createTopics(admin, configuration, logger);
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (decisionOf(error) !== 'retry') throw error;
      const message = messageOf(error);
      if (message !== told)
        logger.warn({ error: message }, 'the log is not reached yet; its topics are made once it is');
      told = message;
      await clock.sleep(backoff.next(), signal);
    }
  }
}
