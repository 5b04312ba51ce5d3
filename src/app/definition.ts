import { collectorConfig } from '../collector/config.ts';
import type { Static } from '../config/fields.ts';
import { choice, integer, list, mapOf, oneOf, optional, section, text } from '../config/fields.ts';
import { connectConfig } from '../connect/config/config.ts';
import { deliveryConfig } from '../delivery/config.ts';
import { DEFAULT_TOPIC } from '../event/routing.ts';
import { loaderConfig } from '../loader/config.ts';
import { embeddedLogConfig } from '../log/embedded/config.ts';
import { kafkaLogConfig } from '../log/kafka/config.ts';
import { operationsConfig } from '../operations/config.ts';
import { sinks } from '../sinks/registry.ts';
import { LOG_FORMATS, LOG_LEVELS } from '../support/logger.ts';
import { POLICIES, POLICY_PRESETS } from './policy.ts';

export const DEFAULT_PARTITIONS = 2;

const topic = section(
  {
    types: list(text({ description: 'A type' }), { description: 'Event types that go to this topic', default: [] }),
    partitions: integer({
      description: 'Partitions of the topic when it is made; those of an existing one are left alone',
      default: DEFAULT_PARTITIONS,
      minimum: 1,
      maximum: 1000,
    }),
    replication: optional(
      integer({
        description: 'Copies of each partition when the topic is made; what the brokers have as default if left out',
        minimum: 1,
        maximum: 100,
      }),
    ),
    config: optional(
      mapOf(text({ description: 'A value' }), {
        description: 'Settings of the topic in Kafka when it is made, such as "retention.ms": "86400000"',
        namePattern: '^[a-z.]{1,100}$',
      }),
    ),
    key: optional(
      text({
        description:
          'Field whose value keys the records, so that events with one value stay in order; none if left out',
      }),
    ),
    schema: optional(
      text({
        description:
          'File with a JSON Schema that events of these types must match, relative to the configuration file',
      }),
    ),
  },
  { description: 'A topic' },
);

const connector = section(
  {
    topics: optional(
      list(text({ description: 'A topic' }), {
        description: 'Topics to load; all topics of events if left out',
        minItems: 1,
      }),
    ),
    files: optional(sinks.files.config),
    search: optional(sinks.search.config),
    table: optional(sinks.table.config),
    loader: loaderConfig,
  },
  { description: 'A connector: topics into one sink, which is exactly one of "files", "search" and "table"' },
);

/** The whole configuration. Every part is defined by the component that it is for. */
export const configurationDefinition = section(
  {
    data: text({
      description: 'Directory of everything embedded, relative to the working directory',
      default: './data',
    }),
    policy: oneOf(POLICIES, {
      description: 'What delivery and loading promise; "millrace config show --policy" says it in full',
      default: 'steady',
    }),
    collector: collectorConfig,
    delivery: deliveryConfig,
    log: choice(
      { embedded: embeddedLogConfig, kafka: kafkaLogConfig },
      { description: 'The log between collector and stores', default: { embedded: {} } },
    ),
    topics: mapOf(topic, {
      description: `Topics by name. Types that no topic names go to "${DEFAULT_TOPIC}"`,
      namePattern: '^[a-zA-Z0-9._-]{1,200}$',
      default: { 'select-color': { types: ['select-color'] } },
    }),
    connectors: mapOf(connector, {
      description: 'Connectors by name',
      namePattern: '^[a-z0-9][a-z0-9-]{0,62}$',
      default: { files: { files: {} }, search: { table: { sqlite: {} } } },
    }),
    connect: connectConfig,
    operations: operationsConfig,
    logging: section(
      {
        level: oneOf(LOG_LEVELS, { description: 'What is worth a line', default: 'info' }),
        format: oneOf(LOG_FORMATS, {
          description: 'How lines are written to standard error; auto is text on a terminal, else JSON',
          default: 'auto',
        }),
      },
      { description: 'What the program says about itself' },
    ),
  },
  { description: 'The configuration of Millrace', presets: POLICY_PRESETS },
);

export type Configuration = Static<typeof configurationDefinition>;
export type ConnectorConfiguration = Configuration['connectors'][string];
