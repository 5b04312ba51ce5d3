import type { StoredEvent } from '../../event-query.ts';
import type { ColumnType, PostgresTableConfig } from './config.ts';

/** Names of a table and of what belongs to it, quoted. */
export interface TableNames {
  /** Schema, if one is configured, and name. */
  readonly table: string;
  readonly position: string;
  /** The partition of ids that no other one is for. */
  readonly rest: string;
  /** A partition, by the end of its name. */
  partition(suffix: string): string;
}

/** The name in the configuration holds no sign that would need more than quotes. */
export function tableNames(configured: string): TableNames {
  const quoted = (suffix: string) =>
    `${configured}${suffix}`
      .split('.')
      .map((part) => `"${part}"`)
      .join('.');
  return {
    table: quoted(''),
    position: quoted('_position'),
    rest: quoted('_rest'),
    partition: (suffix) => quoted(`_${suffix}`),
  };
}

/** The types that own columns have, as format_type() of PostgreSQL calls them. */
export const OWN_TYPES: Readonly<Record<string, string>> = {
  id: 'text',
  type: 'text',
  timestamp: 'timestamp with time zone',
  user_name: 'text',
  value: 'jsonb',
  words: 'tsvector',
};

export const SQL_TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  integer: 'bigint',
  number: 'double precision',
  boolean: 'boolean',
  timestamp: 'timestamp with time zone',
};

type Config = Pick<PostgresTableConfig, 'table' | 'columns' | 'partitionBy'>;

/**
 * The tables of a connector:
 *
 * - the events, one row an event id. Ids compare byte by byte, so that those that begin with their
 *   time are in its order, whatever the database's language; partitions are ranges of them.
 * - `…_position`: per connector and partition of the log the next offset to load, and the writer
 *   that may.
 */
export function createEvents(config: Config): string {
  const { table, rest } = tableNames(config.table);
  const name = config.table.split('.').at(-1);
  const columns = Object.entries(config.columns).map(([column, { type }]) => `,\n  "${column}" ${SQL_TYPES[type]}`);
  const partitioned = config.partitionBy !== 'none';
  return `
CREATE TABLE ${table} (
  id        text COLLATE "C" PRIMARY KEY,
  type      text NOT NULL,
  timestamp timestamptz NOT NULL,
  user_name text,
  value     jsonb NOT NULL,
  words     tsvector NOT NULL${columns.join('')}
)${partitioned ? ' PARTITION BY RANGE (id)' : ''};
CREATE INDEX "${name}_timestamp" ON ${table} (timestamp);
CREATE INDEX "${name}_type_timestamp" ON ${table} (type, timestamp);
CREATE INDEX "${name}_words" ON ${table} USING gin (words);
${partitioned ? `CREATE TABLE ${rest} PARTITION OF ${table} DEFAULT;` : ''}`;
}

export function createPosition({ table }: Pick<Config, 'table'>): string {
  return `
CREATE TABLE ${tableNames(table).position} (
  connector text NOT NULL,
  topic     text NOT NULL,
  partition integer NOT NULL,
  topic_id  text NOT NULL,
  next      bigint,
  writer    uuid NOT NULL,
  PRIMARY KEY (connector, topic, partition)
)`;
}

/** The statements of a writer. */
export interface Statements {
  /** connector, topic, partition, topic id, writer → topic_id, next. Locks the row until the transaction's end. */
  readonly takeOver: string;
  /** new next, connector, topic, partition, topic id, old next, writer. Changes one row, or none if another writer has it. */
  readonly advance: string;
  /** Connector, topic, partition, topic id, writer, next: whoever had the position, and wherever it was. */
  readonly setPosition: string;
  /** Connector, topic, partition. */
  readonly forgetPosition: string;
  /** Rows as a JSON list (encode.ts) → the ids that were not there. */
  readonly insert: string;
  /** Ids → {@link EventValue}. */
  readonly stored: string;
}

export function statementsFor(config: Pick<Config, 'table' | 'columns'>): Statements {
  const { table, position } = tableNames(config.table);
  const more = Object.entries(config.columns);
  const names = ['id', 'type', 'timestamp', 'user_name', 'value', ...more.map(([name]) => `"${name}"`)];
  const types = ['text', 'text', 'timestamptz', 'text', 'jsonb', ...more.map(([, { type }]) => SQL_TYPES[type])];
  const record = names.map((name, i) => `${name} ${types[i]}`);
  return {
    takeOver: `
INSERT INTO ${position} (connector, topic, partition, topic_id, writer) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (connector, topic, partition) DO UPDATE SET writer = excluded.writer
RETURNING topic_id, next`,
    advance: `
UPDATE ${position} SET next = $1
WHERE connector = $2 AND topic = $3 AND partition = $4 AND topic_id = $5
  AND next IS NOT DISTINCT FROM $6 AND writer = $7`,
    setPosition: `
INSERT INTO ${position} (connector, topic, partition, topic_id, writer, next) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (connector, topic, partition)
DO UPDATE SET topic_id = excluded.topic_id, writer = excluded.writer, next = excluded.next`,
    forgetPosition: `DELETE FROM ${position} WHERE connector = $1 AND topic = $2 AND partition = $3`,
    insert: `
INSERT INTO ${table} (${names.join(', ')}, words)
SELECT ${names.join(', ')}, array_to_tsvector(string_to_array(words, ' '))
FROM jsonb_to_recordset($1::jsonb) AS r (${record.join(', ')}, words text)
ON CONFLICT (id) DO NOTHING
RETURNING id`,
    stored: `SELECT id, type, value::text AS value FROM ${table} WHERE id = ANY ($1::text[])`,
  };
}

/** A stored event as it is read back; the value is asked for as text. */
export interface EventValue {
  readonly id: string;
  readonly type: string;
  readonly value: string;
}

export function toEvent({ id, type, value }: EventValue): StoredEvent {
  return { ...(JSON.parse(value) as object), id, type };
}
