/** What connectors that were made at run time mean on this machine, in whichever process asks. */
import path from 'node:path';
import { connectorsTopic } from '../connect/config/config.ts';
import type { TopicChoice } from '../connect/config/mapping.ts';
import type { ReferenceSources } from '../connect/config/references.ts';
import { processReferences } from '../connect/config/references.ts';
import { topicPattern } from '../connect/config/topic-pattern.ts';
import { CONNECTORS_TOPIC, isOwnTopic } from '../log/dead-letter.ts';
import type { Admin } from '../log/log.ts';
import { defineErrors } from '../support/errors.ts';
import type { Configuration } from './definition.ts';

export const madeConnectorErrors = defineErrors({
  CONNECTOR_TOPIC_MISSING: {
    decision: 'retry',
    help: 'Make the topic, or change "topics"; the connector starts by itself then.',
  },
});

/** The topic in which they stand. */
export function topicOfConnectors({ connect }: Configuration): string {
  return connectorsTopic(CONNECTORS_TOPIC, connect.group);
}

/** Below this folder is what they have on this machine. */
function storesDirectory({ data, connect }: Configuration): string {
  return path.resolve(connect.stores ?? path.join(data, 'connect'));
}

/** What a connector has on this machine, unless its configuration says otherwise. */
export function directoryOf(configuration: Configuration, connector: string): string {
  return path.join(storesDirectory(configuration), connector);
}

/** What references in their configurations may stand for. */
export function referencesOf(configuration: Configuration): ReferenceSources {
  const { environment, secrets } = configuration.connect;
  return processReferences({
    environment: process.env,
    variables: environment,
    directory: secrets === undefined ? undefined : path.resolve(secrets),
    stores: storesDirectory(configuration),
  });
}

/** The topics that a choice means by now. Throws CONNECTOR_TOPIC_MISSING. */
export async function chosenTopics({ names, pattern }: TopicChoice, admin: Admin): Promise<readonly string[]> {
  const topics = await admin.topics();
  if (names) {
    const missing = names.filter((wanted) => !topics.some(({ name }) => name === wanted));
    if (missing.length === 0) return names;
    throw madeConnectorErrors.CONNECTOR_TOPIC_MISSING(`There is no topic ${missing.join(', ')}.`);
  }
  const meant = topicPattern(pattern);
  return topics.map(({ name }) => name).filter((name) => !isOwnTopic(name) && meant.test(name));
}
