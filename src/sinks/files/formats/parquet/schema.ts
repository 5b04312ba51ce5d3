/**
 * The columns of a Parquet file. They follow from the configuration alone, never from the events:
 * all files have the same ones, so an event with a new field, or a field with a new type, breaks
 * no reader. What has no column stands in `event`.
 */
import type { SchemaElement } from 'hyparquet';
import { toTime } from '../../../../event/time.ts';

export const PARQUET_EXTENSION = '.parquet';

export const COLUMN_TYPES = ['string', 'integer', 'double', 'boolean', 'timestamp'] as const;

/**
 * - `string`: a JSON string.
 * - `integer`: a number without a fraction that JSON readers agree on (up to 2^53 − 1), as INT64.
 * - `double`: any number.
 * - `boolean`: true or false.
 * - `timestamp`: RFC 3339, or milliseconds since the epoch; milliseconds in UTC.
 */
export type ColumnType = (typeof COLUMN_TYPES)[number];

/** The fields that every event may have (event/event.ts). */
const EVENT_FIELDS: Readonly<Record<string, ColumnType>> = {
  id: 'string',
  type: 'string',
  timestamp: 'timestamp',
  receivedAt: 'timestamp',
  sentTimestamp: 'timestamp',
  userAgent: 'string',
  clientAddress: 'string',
};

/** The column with the whole event, as the JSON text that stands in the log. */
export const EVENT_COLUMN = 'event';

/** Columns that are always there, in this order; the configured ones stand before the last. */
export const FIXED_COLUMNS = [...Object.keys(EVENT_FIELDS), EVENT_COLUMN];

/** What a column holds of an event; null where the event has none, or one that does not fit. */
export type ColumnValue = string | number | bigint | boolean | null;

export interface Column {
  /** Also the field of the event. */
  readonly name: string;
  readonly element: SchemaElement;
  readonly read: (value: unknown) => ColumnValue;
}

/** 1900-01-01: Spark refuses to read a file with an earlier time, since old writers meant another calendar. */
const EARLIEST_TIME = Date.UTC(1900, 0, 1);

const READERS: Readonly<Record<ColumnType, Column['read']>> = {
  string: (value) => (typeof value === 'string' ? value : null),
  integer: (value) => (Number.isSafeInteger(value) ? BigInt(value as number) : null),
  double: (value) => (Number.isFinite(value) ? (value as number) : null),
  boolean: (value) => (typeof value === 'boolean' ? value : null),
  timestamp: readTime,
};

/** Types as the Parquet format names them; every reader knows these, also the older "converted" ones. */
const ELEMENTS: Readonly<Record<ColumnType, Omit<SchemaElement, 'name'>>> = {
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  integer: { type: 'INT64' },
  double: { type: 'DOUBLE' },
  boolean: { type: 'BOOLEAN' },
  timestamp: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
};

/** All columns but that of the whole event. */
export function columnsWith(configured: Readonly<Record<string, ColumnType>>): Column[] {
  return Object.entries({ ...EVENT_FIELDS, ...configured }).map(([name, type]) => ({
    name,
    element: { name, ...ELEMENTS[type], repetition_type: 'OPTIONAL' },
    read: READERS[type],
  }));
}

/** The schema of the file: its root, then its columns. */
export function schemaOf(columns: readonly Column[]): SchemaElement[] {
  const event: SchemaElement = { name: EVENT_COLUMN, ...ELEMENTS.string, repetition_type: 'REQUIRED' };
  const elements = [...columns.map(({ element }) => element), event];
  return [{ name: 'event_record', num_children: elements.length }, ...elements];
}

function readTime(value: unknown): ColumnValue {
  const time = typeof value === 'string' || typeof value === 'number' ? toTime(value) : undefined;
  return time !== undefined && time >= EARLIEST_TIME ? BigInt(time) : null;
}
