/**
 * The keys that every sink connector of Kafka Connect has (SinkConnectorConfig in its source), and
 * what becomes of each here: no key is dropped without a word.
 */
import { TOLERANCES } from '../../loader/config.ts';
import { deadLetterTopic } from '../../log/dead-letter.ts';

export type KeyType = 'STRING' | 'INT' | 'LONG' | 'DOUBLE' | 'BOOLEAN' | 'LIST' | 'PASSWORD';
export type Importance = 'HIGH' | 'MEDIUM' | 'LOW';

export interface ConnectKey {
  readonly name: string;
  readonly type: KeyType;
  readonly required?: true;
  readonly default?: string;
  readonly importance: Importance;
  readonly group: 'Common' | 'Error Handling';
  readonly documentation: string;
  readonly words?: readonly string[];
  /** What is wrong with a value, as a sentence; `undefined` if it is honoured. */
  check?(value: string, connector: string): string | undefined;
  /** Why a value that is taken changes nothing, as a sentence; `undefined` if it is honoured. */
  caution?(value: string): string | undefined;
}

/** By what `connector.class` calls them. */
export const CONNECTOR_CLASSES = { FilesSink: 'files', SearchSink: 'search', TableSink: 'table' } as const;
export type ConnectorClass = keyof typeof CONNECTOR_CLASSES;

export function isConnectorClass(name: string | undefined): name is ConnectorClass {
  return name !== undefined && Object.hasOwn(CONNECTOR_CLASSES, name);
}

/** As in `connectors` of the configuration file. */
export const CONNECTOR_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const MOST_TASKS = 1_000;
const LONGEST_MS = 2 ** 31 - 1;

/** Converters that leave a JSON record as it is; others would read another format. */
const JSON_CONVERTERS: ReadonlySet<string> = new Set([
  'org.apache.kafka.connect.json.JsonConverter',
  'org.apache.kafka.connect.storage.StringConverter',
  'org.apache.kafka.connect.converters.ByteArrayConverter',
]);

function wholeNumber(value: string, least: number, most: number): string | undefined {
  const number = /^-?\d{1,10}$/.test(value.trim()) ? Number(value) : Number.NaN;
  return number >= least && number <= most ? undefined : `must be a whole number from ${least} to ${most}.`;
}

function flag(value: string): string | undefined {
  return /^(true|false)$/i.test(value.trim()) ? undefined : 'must be true or false.';
}

const converter = (name: string, what: string): ConnectKey => ({
  name,
  type: 'STRING',
  importance: 'LOW',
  group: 'Common',
  documentation: `Converter of ${what}; records are JSON, and are not converted`,
  check: (value) =>
    JSON_CONVERTERS.has(value.trim())
      ? undefined
      : `names a converter that is not here; records are JSON. Leave it out, or give one of ${[...JSON_CONVERTERS].join(', ')}.`,
  caution: () => 'has no effect: records are JSON, and are stored as they are.',
});

const schemas = (name: string, what: string): ConnectKey => ({
  name,
  type: 'BOOLEAN',
  importance: 'LOW',
  group: 'Common',
  documentation: `Whether JSON of ${what} comes with its schema; it never does`,
  words: ['false'],
  check: (value) =>
    flag(value) ?? (/^true$/i.test(value.trim()) ? 'must be false: records come without schemas.' : undefined),
  caution: () => 'has no effect: records come without schemas.',
});

export const CONNECT_KEYS: readonly ConnectKey[] = [
  {
    name: 'name',
    type: 'STRING',
    required: true,
    importance: 'HIGH',
    group: 'Common',
    documentation: 'Name of the connector',
    check: (value) =>
      CONNECTOR_NAME.test(value) ? undefined : 'must be 1 to 63 small letters, digits and "-", not beginning with "-".',
  },
  {
    name: 'connector.class',
    type: 'STRING',
    required: true,
    importance: 'HIGH',
    group: 'Common',
    documentation: 'What kind of store is loaded',
    words: Object.keys(CONNECTOR_CLASSES),
    check: (value) =>
      isConnectorClass(value) ? undefined : `must be one of ${Object.keys(CONNECTOR_CLASSES).join(', ')}.`,
  },
  {
    name: 'tasks.max',
    type: 'INT',
    default: '1',
    importance: 'HIGH',
    group: 'Common',
    documentation: 'The most workers that take part in the load, a task each',
    check: (value) => wholeNumber(value, 1, MOST_TASKS),
  },
  {
    name: 'topics',
    type: 'LIST',
    default: '',
    importance: 'HIGH',
    group: 'Common',
    documentation: 'Topics to load, with commas between them; either these or topics.regex',
  },
  {
    name: 'topics.regex',
    type: 'STRING',
    default: '',
    importance: 'HIGH',
    group: 'Common',
    documentation: 'Pattern of the whole names of topics to load; either this or topics',
  },
  converter('key.converter', 'keys'),
  schemas('key.converter.schemas.enable', 'keys'),
  converter('value.converter', 'values'),
  schemas('value.converter.schemas.enable', 'values'),
  {
    name: 'errors.tolerance',
    type: 'STRING',
    default: 'all',
    importance: 'MEDIUM',
    group: 'Error Handling',
    documentation:
      'What a refused record does: with all it goes to the dead letters and the others go on, with none the connector fails at it',
    words: [...TOLERANCES],
    check: (value) => (TOLERANCES.some((word) => word === value.trim()) ? undefined : 'must be all or none.'),
  },
  {
    name: 'errors.retry.timeout',
    type: 'LONG',
    default: '-1',
    importance: 'MEDIUM',
    group: 'Error Handling',
    documentation: 'How long a store that fails is tried again, milliseconds; always without end, which is -1',
    check: (value) => wholeNumber(value, -1, LONGEST_MS),
    caution: (value) =>
      value.trim() === '-1' ? undefined : 'has no effect: what may pass is tried again without end, as with -1.',
  },
  {
    name: 'errors.retry.delay.max.ms',
    type: 'LONG',
    default: '60000',
    importance: 'MEDIUM',
    group: 'Error Handling',
    documentation: 'Longest wait between tries of a store that keeps failing, milliseconds',
    check: (value) => wholeNumber(value, 1, LONGEST_MS),
  },
  {
    name: 'errors.deadletterqueue.topic.name',
    type: 'STRING',
    importance: 'MEDIUM',
    group: 'Error Handling',
    documentation: 'Topic of the dead letters, which is always millrace-dead-letters- and the name of the connector',
    check: (value, connector) =>
      value === deadLetterTopic(connector)
        ? undefined
        : 'must be left out: the topic is always millrace-dead-letters- and the name of the connector.',
  },
  {
    name: 'errors.deadletterqueue.topic.replication.factor',
    type: 'INT',
    importance: 'MEDIUM',
    group: 'Error Handling',
    documentation: "Copies of the topic of dead letters when it is made; always the brokers' own default",
    check: (value) => wholeNumber(value, 1, 32_767),
    caution: () => "has no effect: the topic has the brokers' own default.",
  },
  {
    name: 'errors.deadletterqueue.context.headers.enable',
    type: 'BOOLEAN',
    default: 'true',
    importance: 'MEDIUM',
    group: 'Error Handling',
    documentation: 'Whether dead letters say in their headers why they were refused; they always do',
    words: ['true'],
    check: flag,
    caution: (value) => (/^true$/i.test(value.trim()) ? undefined : 'has no effect: the headers are always there.'),
  },
  {
    name: 'errors.log.enable',
    type: 'BOOLEAN',
    default: 'true',
    importance: 'MEDIUM',
    group: 'Error Handling',
    documentation: 'Whether failures are in the log of the program; they always are',
    words: ['true'],
    check: flag,
    caution: (value) => (/^true$/i.test(value.trim()) ? undefined : 'has no effect: failures are always logged.'),
  },
  {
    name: 'errors.log.include.messages',
    type: 'BOOLEAN',
    default: 'false',
    importance: 'MEDIUM',
    group: 'Error Handling',
    documentation: 'Whether refused records are in the log of the program; they never are',
    words: ['false'],
    check: flag,
    caution: (value) =>
      /^false$/i.test(value.trim()) ? undefined : 'has no effect: what visitors sent is never logged.',
  },
];

/** Parts of Connect that are not here, by how their keys begin. */
export const NOT_HERE: readonly (readonly [prefix: string, why: string])[] = [
  ['transforms', 'There are no transformations here; records are stored as they were sent.'],
  ['predicates', 'There are no predicates here, since there are no transformations.'],
  ['consumer.override.', 'The consumer can not be set for a connector; see "log" and "loader" of the configuration.'],
  ['producer.override.', 'The producer can not be set for a connector; see "log" of the configuration.'],
  ['admin.override.', 'The admin client can not be set for a connector; see "log" of the configuration.'],
  ['header.converter', 'Headers are not converted here.'],
  ['key.converter.', 'Converters have no settings here; records are JSON.'],
  ['value.converter.', 'Converters have no settings here; records are JSON.'],
  ['config.action.reload', 'References are looked up when the connector starts, and only then.'],
  ['tasks.max.enforce', 'No more than tasks.max workers ever take part.'],
];
