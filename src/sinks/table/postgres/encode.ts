import { MAX_TIME, parseTimestamp } from '../../../event/time.ts';
import { QUERY_LIMITS } from '../../query-rules.ts';
import type { EventRow } from '../../row.ts';
import { wordsOf } from '../../words.ts';
import type { ColumnType, PostgresTableConfig } from './config.ts';

/** The first moment that stands in the table, whose times have years of four digits; the last is MAX_TIME. */
export const MIN_TIME = Date.parse('0001-01-01T00:00:00Z');

/** A longer word is found by its beginning only: a question is not as long as this. */
const WORD_CHARACTERS = QUERY_LIMITS.textCharacters + 1;
/** A tsvector holds a megabyte of words; those beyond are not found. Each is at most three bytes a character here. */
const WORDS_CHARACTERS = 300_000;

type Json = Readonly<Record<string, unknown>>;

/** A row as the JSON object that the insert takes apart. The event is the text that it came as. */
export function encodeRow(row: EventRow, columns: PostgresTableConfig['columns']): string {
  const { userName } = row.event;
  let json = `{"id":${JSON.stringify(row.id)},"type":${JSON.stringify(row.type)},"timestamp":"${timeText(row.timestamp)}"`;
  if (typeof userName === 'string') json += `,"user_name":${JSON.stringify(userName)}`;
  for (const name in columns) {
    const { field, type } = columns[name]!;
    const value = columnValue(valueAt(row.event, field), type);
    if (value !== undefined) json += `,"${name}":${JSON.stringify(value)}`;
  }
  return `${json},"words":"${wordsText(row.words)}","value":${row.value}}`;
}

/** Whether jsonb holds every text and number of an event, which is nested no deeper than rows are. */
export function isStorable(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return isText(value);
    case 'number':
      return Number.isFinite(value);
    case 'object':
      if (value === null) return true;
      for (const name in value) if (!isText(name) || !isStorable((value as Json)[name])) return false;
      return true;
    default:
      return true;
  }
}

/** A moment as PostgreSQL reads it. */
export function timeText(time: number): string {
  return new Date(Math.min(MAX_TIME, Math.max(MIN_TIME, time))).toISOString();
}

/** Whether it is a text to PostgreSQL, which it then stores, or takes as a question. */
export function isText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** A field by its name, else by the dotted path that the name is. */
function valueAt(event: Json, field: string): unknown {
  if (Object.hasOwn(event, field)) return event[field];
  let value: unknown = event;
  for (const name of field.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return;
    value = (value as Json)[name];
  }
  return value;
}

/** What a column takes of a value; `undefined` leaves it empty. */
function columnValue(value: unknown, type: ColumnType): string | number | boolean | undefined {
  switch (type) {
    case 'text':
      return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
        ? String(value)
        : undefined;
    case 'integer':
      return Number.isSafeInteger(value) ? (value as number) : undefined;
    case 'number':
      return typeof value === 'number' ? value : undefined;
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'timestamp': {
      const time = typeof value === 'string' ? parseTimestamp(value) : undefined;
      return time === undefined ? undefined : timeText(time);
    }
  }
}

/** The words, each once, with a space between: letters, digits and marks only. */
function wordsText(folded: string): string {
  const words = new Set<string>();
  let characters = 0;
  for (const word of wordsOf(folded)) {
    const cut = word.length > WORD_CHARACTERS ? word.slice(0, WORD_CHARACTERS).toWellFormed() : word;
    characters += cut.length;
    if (characters > WORDS_CHARACTERS) break;
    words.add(cut);
  }
  return [...words].join(' ');
}
