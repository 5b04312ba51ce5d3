/**
 * One canonical value for all stores, made once, at the door. Stores disagree about lone
 * surrogates, NUL, duplicate keys, large integers and deep nesting; what can be made safe is,
 * and the rest is refused.
 */
import { Ajv } from 'ajv';
import type { EventFault } from './errors.ts';
import type { CanonicalEvent, EventInput, Stamp } from './event.ts';
import { COLLECTOR_FIELDS, newEventId } from './event.ts';
import { eventSchema } from './schema.ts';
import { formatTimestamp, parseTimestamp, toTime } from './time.ts';

/** Bounds of one event. */
export interface EventRules {
  /** Bytes, as sent and again as stored. */
  readonly bytes: number;
  /** Levels of nesting; a flat event has one. */
  readonly depth: number;
  /** Fields, those of nested objects included. */
  readonly fields: number;
  /** How long before its arrival an event may have happened, in milliseconds. */
  readonly pastMs: number;
  /** How long after its arrival an event may claim to have happened, in milliseconds. */
  readonly futureMs: number;
}

const isEvent = new Ajv({
  strict: true,
  allowUnionTypes: true,
  formats: { 'date-time': (text: string) => parseTimestamp(text) !== undefined },
}).compile<EventInput>(eventSchema);

/** Parses one event and makes it safe. `text` must have passed the check of its depth (scan.ts). */
export function readEvent(text: string, rules: EventRules): EventInput | EventFault {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return 'JSON_INVALID';
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return 'EVENT_NOT_OBJECT';
  const fault = cleanObject(parsed as Record<string, unknown>, { left: rules.fields });
  if (fault !== undefined) return fault;
  if (!isEvent(parsed)) return faultOf(isEvent.errors?.[0]);
  for (const field of COLLECTOR_FIELDS) {
    if (field in parsed) delete parsed[field];
  }
  return parsed;
}

/**
 * The stored form of an event that `readEvent` returned; uses up `input`. The time is corrected
 * by the client's own clock error where `sentAt` shows it, and kept within the bounds.
 */
export function canonicalEvent(input: EventInput, stamp: Stamp, rules: EventRules): CanonicalEvent | EventFault {
  const { id = newEventId(), type = '', timestamp: sent, sentAt } = input;
  const timestamp = sent === undefined ? stamp.receivedAt : eventTime(sent, sentAt, stamp.receivedAt, rules);
  input.id = input.type = input.timestamp = input.sentAt = undefined;
  const own = JSON.stringify(input);
  const value = serializeEvent({
    idJson: JSON.stringify(id),
    typeJson: JSON.stringify(type),
    timestamp,
    stamp,
    sentTimestampJson: sent === undefined ? undefined : JSON.stringify(sent),
    own: own.slice(1, -1),
  });
  if (value.length > rules.bytes) return 'EVENT_TOO_LARGE';
  return { id, type, timestamp, value };
}

/** The parts of a stored event, each as JSON. */
export interface EventParts {
  readonly idJson: string;
  readonly typeJson: string;
  readonly timestamp: number;
  readonly stamp: Stamp;
  readonly sentTimestampJson?: string | undefined;
  /** The event's own fields without the braces around them; empty if it has none. */
  readonly own: string;
}

export function serializeEvent({ idJson, typeJson, timestamp, stamp, sentTimestampJson, own }: EventParts): Buffer {
  let text = `{"id":${idJson},"type":${typeJson},"timestamp":"${formatTimestamp(timestamp)}"`;
  text += `,"receivedAt":"${formatTimestamp(stamp.receivedAt)}"`;
  if (stamp.userAgentJson !== undefined) text += `,"userAgent":${stamp.userAgentJson}`;
  if (sentTimestampJson !== undefined) text += `,"sentTimestamp":${sentTimestampJson}`;
  if (stamp.clientAddress !== undefined) text += `,"clientAddress":"${stamp.clientAddress}"`;
  return Buffer.from(own === '' ? `${text}}` : `${text},${own}}`);
}

/** Text that every store takes: no NUL, no half of a surrogate pair; each becomes U+FFFD. */
export function safeText(text: string): string {
  if (text.isWellFormed() && !text.includes('\0')) return text;
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

function eventTime(
  sent: string | number,
  sentAt: string | number | undefined,
  receivedAt: number,
  rules: EventRules,
): number {
  const claimed = toTime(sent) ?? receivedAt;
  const clockError = sentAt === undefined ? 0 : (toTime(sentAt) ?? receivedAt) - receivedAt;
  return Math.max(receivedAt - rules.pastMs, Math.min(receivedAt + rules.futureMs, claimed - clockError));
}

function faultOf(error: { readonly instancePath: string; readonly keyword: string } | undefined): EventFault {
  if (error?.keyword === 'required') return 'TYPE_MISSING';
  if (error?.instancePath === '/type') return 'TYPE_INVALID';
  return error?.instancePath === '/id' ? 'ID_INVALID' : 'TIMESTAMP_INVALID';
}

/** Fields that may still come. */
interface Allowance {
  left: number;
}

function cleanObject(object: Record<string, unknown>, allowance: Allowance): EventFault | undefined {
  for (const key in object) {
    if (--allowance.left < 0) return 'FIELDS_TOO_MANY';
    if (!isSafeKey(key)) return 'KEY_UNSAFE';
    const fault = cleanMember(object, key, allowance);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function cleanArray(array: unknown[], allowance: Allowance): EventFault | undefined {
  for (let index = 0; index < array.length; index++) {
    const fault = cleanMember(array, index, allowance);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function cleanMember<K extends string | number>(
  parent: Record<K, unknown>,
  key: K,
  allowance: Allowance,
): EventFault | undefined {
  const value = parent[key];
  switch (typeof value) {
    case 'string':
      parent[key] = safeText(value);
      return undefined;
    case 'number':
      return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? undefined : 'NUMBER_OUT_OF_RANGE';
    case 'object':
      if (value === null) return undefined;
      if (Array.isArray(value)) return cleanArray(value, allowance);
      return cleanObject(value as Record<string, unknown>, allowance);
    default:
      return undefined;
  }
}

const PLAIN_KEY = /^[A-Za-z0-9_$-]{1,128}$/;
/** No control character or half of a surrogate pair; dots part a name into parts that are not blank. */
const SAFE_KEY = /^(?=.{1,128}$)[^\p{Cc}\p{Cs}]+$/u;

function isSafeKey(key: string): boolean {
  // Written as a plain assignment somewhere downstream, this one would change an object's prototype.
  if (key === '__proto__') return false;
  if (PLAIN_KEY.test(key)) return true;
  return SAFE_KEY.test(key) && key.split('.').every((part) => part.trim() !== '');
}
