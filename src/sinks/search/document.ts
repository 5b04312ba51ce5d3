import type { LogRecord } from '../../log/log.ts';
import { contentHash } from '../content-hash.ts';
import type { StoredEvent } from '../event-query.ts';
import { QUERY_LIMITS } from '../query-rules.ts';
import type { EventRow } from '../row.ts';
import { isRefusal, toRow } from '../row.ts';
import type { Refusal } from '../sink.ts';
import { wordsOf } from '../words.ts';
import type { Chosen } from './index-name.ts';

/** What tells where an event goes and which one it is. */
export interface DocumentIdentity {
  readonly chosen: Chosen;
  /** `_id` of the document. */
  readonly id: string;
  /** What tells this event from another one of the same id; see contentHash. */
  readonly hash: string;
}

/** An event as it is sent to the store. */
export interface SearchDocument extends DocumentIdentity {
  /** The document's source, as JSON. */
  readonly source: string;
}

/** What we add to an event's own fields. Kibana and others go by the first; the other is ours. */
export const TIME_FIELD = '@timestamp';
export const OWN_FIELD = '_millrace';

/** What stands in {@link OWN_FIELD}. */
interface Own {
  /** The words of the event's texts, folded, each once. */
  readonly words: readonly string[];
  /** `name SEPARATOR value` for each field with a value that a question can name. */
  readonly fields: readonly string[];
  readonly hash: string;
  /** The event's own values for the two names that we take. */
  readonly displaced?: Readonly<Record<string, unknown>>;
}

/** What is no part of an event; see {@link toEvent}. */
export const OWN_PARTS = ['words', 'fields', 'hash'].map((name) => `${OWN_FIELD}.${name}`);

/** Between a field's name and its value; a name that contains it can't be asked for. */
export const SEPARATOR = '\u001f';

/** Elasticsearch and OpenSearch refuse a whole request for an id that is longer. */
const MAX_ID_BYTES = 512;

/** A longer word is found by its beginning only: a question is not as long as this. */
const WORD_CHARACTERS = QUERY_LIMITS.textCharacters + 1;
/** A longer value is cut, and so is equal to none that can be asked for. */
const VALUE_CHARACTERS = QUERY_LIMITS.valueCharacters + 1;

/** The first and last moment that stores take as a date with a year of four digits. */
export const MIN_TIME = Date.parse('0000-01-01T00:00:00Z');
export const MAX_TIME = Date.parse('9999-12-31T23:59:59.999Z');

type Json = Readonly<Record<string, unknown>>;

/** @param place the partition by its topic's id, for records without an id of their own */
export function toDocument(record: LogRecord, place: string): SearchDocument | Refusal {
  const row = toRow(record, place);
  if (isRefusal(row)) return row;
  const { id, type, timestamp } = row;
  if (Buffer.byteLength(id) > MAX_ID_BYTES) {
    return { code: 'EVENT_ID_TOO_LONG', reason: `the id is longer than ${MAX_ID_BYTES} bytes` };
  }
  const isReady = fitsAsItIs(row);
  const event: Json = isReady ? row.event : { ...row.event, id, type };
  const hash = contentHash(event);
  const own = { words: uniqueWords(row.words), fields: fieldsOf(event), hash };
  const receivedAt = Date.parse(String(event['receivedAt']));
  return {
    id,
    hash,
    chosen: {
      id,
      timestamp,
      sentTimestamp: event['sentTimestamp'],
      receivedAt: Number.isNaN(receivedAt) ? record.timestamp : receivedAt,
    },
    source: isReady ? sourceOf(timestamp, row.value.trim(), own) : remadeSource(event, timestamp, own),
  };
}

/**
 * Whether the text of an event can stand in a document as it is, as those of our collector can:
 * making it anew would cost a tenth of the whole load. A line end would end the document in a bulk.
 */
function fitsAsItIs({ id, type, value, event }: EventRow): boolean {
  return (
    event['id'] === id &&
    event['type'] === type &&
    event[TIME_FIELD] === undefined &&
    event[OWN_FIELD] === undefined &&
    !value.includes('\n')
  );
}

/** The source where the event itself has fields of our names, or lacks some that it needs. */
function remadeSource(event: Json, timestamp: number, own: Own): string {
  const { [TIME_FIELD]: itsTime, [OWN_FIELD]: itsOwn, ...rest } = event;
  const displaced = { [TIME_FIELD]: itsTime, [OWN_FIELD]: itsOwn };
  const isTaken = itsTime !== undefined || itsOwn !== undefined;
  return sourceOf(timestamp, JSON.stringify(rest), isTaken ? { ...own, displaced } : own);
}

/** Our fields around those of an event, which has some. */
function sourceOf(timestamp: number, event: string, own: Own): string {
  return `{"${TIME_FIELD}":"${timeText(timestamp)}",${event.slice(1, -1)},"${OWN_FIELD}":${JSON.stringify(own)}}`;
}

function uniqueWords(words: string): string[] {
  return [...new Set(wordsOf(words).map((word) => cut(word, WORD_CHARACTERS)))];
}

/** The event of a document, as it was before it became one. */
export function toEvent(source: Json): StoredEvent {
  const { [TIME_FIELD]: _time, [OWN_FIELD]: own, ...event } = source;
  return { ...event, ...(own as Partial<Own> | undefined)?.displaced } as unknown as StoredEvent;
}

/**
 * Every text, number and boolean that a dotted path leads to, under that path. A field whose very
 * name has the dots goes before one that lies deeper; lists have no values of their own.
 */
function fieldsOf(event: Json): string[] {
  const fields: string[] = [];
  const walk = (object: Json, path: string, level: number) => {
    for (const [name, value] of Object.entries(object)) {
      if (level > 1 && name.includes('.')) continue;
      const field = level === 1 ? name : `${path}.${name}`;
      if (level > 1 && Object.hasOwn(event, field)) continue;
      if (typeof value === 'object') {
        const nestable = value !== null && !Array.isArray(value) && level < QUERY_LIMITS.fieldLevels;
        if (nestable && !(level === 1 && name.includes('.'))) walk(value as Json, field, level + 1);
      } else if (field.length <= QUERY_LIMITS.fieldCharacters && !field.includes(SEPARATOR)) {
        fields.push(cut(`${field}${SEPARATOR}${String(value)}`, field.length + SEPARATOR.length + VALUE_CHARACTERS));
      }
    }
  };
  walk(event, '', 1);
  return fields;
}

function cut(text: string, characters: number): string {
  return (text.length > characters ? text.slice(0, characters) : text).toWellFormed();
}

/** As stores take every date: with a year of four digits. */
export function timeText(time: number): string {
  return new Date(Math.min(MAX_TIME, Math.max(MIN_TIME, time))).toISOString();
}
