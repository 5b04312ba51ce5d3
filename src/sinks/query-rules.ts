import type { EventFilter } from './event-query.ts';
import { queryErrors } from './query-errors.ts';

/** Bounds on what a question may hold, the same for every store. */
export const QUERY_LIMITS = {
  pageEvents: 1_000,
  buckets: 1_000,
  breakdownItems: 1_000,
  textCharacters: 256,
  typeCharacters: 1_000,
  whereFields: 16,
  fieldCharacters: 256,
  fieldLevels: 16,
  valueCharacters: 4_096,
} as const;

/** @throws QUERY_INVALID */
export function assertFilter({ from, to, type, text, where = [] }: EventFilter): void {
  for (const [name, time] of Object.entries({ from, to })) {
    if (time !== undefined && !Number.isSafeInteger(time)) refuse(`"${name}" is not a time in whole milliseconds`);
  }
  assertLength('type', type, QUERY_LIMITS.typeCharacters);
  assertLength('text', text, QUERY_LIMITS.textCharacters);
  if (where.length > QUERY_LIMITS.whereFields) refuse(`"where" names more than ${QUERY_LIMITS.whereFields} fields`);
  for (const { field, value } of where) {
    assertField(field);
    assertLength('where', value, QUERY_LIMITS.valueCharacters);
  }
}

/** @throws QUERY_INVALID */
export function assertField(field: string): void {
  assertLength('field', field, QUERY_LIMITS.fieldCharacters);
  if (field === '') refuse('a field has no name');
  if (field.split('.').length > QUERY_LIMITS.fieldLevels)
    refuse(`a field lies deeper than ${QUERY_LIMITS.fieldLevels}`);
}

/** @throws QUERY_INVALID */
export function assertLimit(limit: number, most: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > most) refuse(`"limit" is not a number from 1 to ${most}`);
}

/** @throws QUERY_INVALID for an interval that is none, or that makes too many buckets of a known span */
export function assertInterval({ from, to }: EventFilter, intervalMs: number): void {
  if (!Number.isSafeInteger(intervalMs) || intervalMs < 1) refuse('the interval is not a whole number of milliseconds');
  if (from !== undefined && to !== undefined && (to - from) / intervalMs > QUERY_LIMITS.buckets) refuseBuckets();
}

export function refuseBuckets(): never {
  return refuse(`the interval makes more than ${QUERY_LIMITS.buckets} buckets`);
}

function assertLength(name: string, value: string | undefined, most: number): void {
  if (value !== undefined && value.length > most) refuse(`"${name}" is longer than ${most} characters`);
}

export function refuse(message: string): never {
  throw queryErrors.QUERY_INVALID(message);
}
