import { isDeepStrictEqual } from 'node:util';
import type { LogRecord } from '../log/log.ts';
import { TYPE_HEADER } from '../log/log.ts';
import type { Refusal } from './sink.ts';
import { foldWords } from './words.ts';

/** An event as the keyed stores hold it, in a table or an index. */
export interface EventRow {
  readonly offset: number;
  /** The event's own, else made of the record's place in the log, the same at every reading. */
  readonly id: string;
  readonly type: string;
  /** When it happened, milliseconds since the epoch. */
  readonly timestamp: number;
  /** JSON as JSON.stringify writes it, so that equal values are equal texts. */
  readonly value: string;
  /** The same, parsed. */
  readonly event: Readonly<Record<string, unknown>>;
  /** The folded words of the event's own texts. */
  readonly words: string;
}

/** SQLite's JSON functions refuse a value of more levels than 1,000, and with it the whole query. */
const MAX_DEPTH = 500;

/** What the collector and the envelope say of an event; a search for words looks at the page's own fields. */
export const NOT_SEARCHED: ReadonlySet<string> = new Set([
  'id',
  'type',
  'timestamp',
  'receivedAt',
  'sentTimestamp',
  'userAgent',
  'clientAddress',
]);

/** Set anew whenever the same event is sent again. */
export const CHANGES_ON_RETRY: readonly string[] = ['timestamp', 'receivedAt'];

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

type Json = Record<string, unknown>;

/**
 * A record as a row, or why it can't be one. Events of our own collector always can;
 * other producers write what they like.
 *
 * @param place the partition by its topic's id, for records without an id of their own
 */
export function toRow(record: LogRecord, place: string): EventRow | Refusal {
  const text = decode(record.value);
  const event = text === undefined ? undefined : parse(text);
  if (text === undefined || !event)
    return { code: 'RECORD_NOT_AN_EVENT', reason: 'the value is not a JSON object in UTF-8' };
  const id = event['id'] ?? `${place}+${record.offset}`;
  const type = event['type'] ?? record.headers?.[TYPE_HEADER];
  if (!isPlainText(id)) return { code: 'RECORD_NOT_AN_EVENT', reason: 'the id is not a text that can be stored' };
  if (!isPlainText(type)) return { code: 'RECORD_NOT_AN_EVENT', reason: 'the type is not a text that can be stored' };
  let texts = '';
  for (const name in event) {
    const value = event[name];
    if (typeof value !== 'object' && NOT_SEARCHED.has(name)) continue;
    const more = typeof value === 'string' ? value : textsIn(value, 1);
    if (more === undefined) {
      return { code: 'RECORD_TOO_DEEP', reason: `the value is nested more than ${MAX_DEPTH} levels deep` };
    }
    if (more !== '' && !NOT_SEARCHED.has(name)) texts = texts === '' ? more : `${texts} ${more}`;
  }
  return {
    offset: record.offset,
    id,
    type,
    timestamp: timeOf(event['timestamp']) ?? Math.trunc(record.timestamp),
    value: isCanonical(event) ? text : JSON.stringify(event),
    event,
    words: foldWords(texts),
  };
}

export function isRefusal(row: object): row is Refusal {
  return 'code' in row;
}

/** Whether two stored values are one event, sent or loaded twice. */
export function isSameEvent(one: string, other: string): boolean {
  if (one === other) return true;
  const [a, b] = [JSON.parse(one) as Json, JSON.parse(other) as Json];
  for (const name of CHANGES_ON_RETRY) {
    delete a[name];
    delete b[name];
  }
  return isDeepStrictEqual(a, b);
}

function decode(value: Uint8Array): string | undefined {
  try {
    return utf8.decode(value);
  } catch {
    return undefined;
  }
}

function parse(text: string): Json | undefined {
  try {
    const event: unknown = JSON.parse(text);
    return typeof event === 'object' && event !== null && !Array.isArray(event) ? (event as Json) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether this is an event of our collector, which JSON.stringify wrote: doing that again would
 * cost a tenth of the whole load. A producer that pretends to it only makes its own events hard to find.
 */
function isCanonical(event: Json): boolean {
  return event['receivedAt'] !== undefined && event['sentTimestamp'] !== undefined;
}

/** Text that every store can keep in a column: neither empty, nor with NUL, nor with half a character. */
function isPlainText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0') && value.isWellFormed();
}

/** The texts in a value, with a space between each; `undefined` if it is too deep. */
function textsIn(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  if (depth >= MAX_DEPTH) return undefined;
  const texts: string[] = [];
  for (const inner of Object.values(value)) {
    const more = textsIn(inner, depth + 1);
    if (more === undefined) return undefined;
    texts.push(more);
  }
  return texts.join(' ');
}

function timeOf(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const time = Date.parse(value);
  return Number.isNaN(time) ? undefined : time;
}
