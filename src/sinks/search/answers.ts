/**
 * What an answer of the store means: the rules of docs/search.md. Statuses and types of errors
 * are those that Elasticsearch 8 and 9 and OpenSearch 2 and 3 were seen to give.
 */
import type { MillraceError } from '../../support/errors.ts';
import type { Refusal } from '../sink.ts';
import type { Answer } from './client.ts';
import { searchErrors } from './errors.ts';

/** `error` of an answer, or of one item of it. */
export interface StoreError {
  readonly type?: string;
  readonly reason?: string;
  /** Where the store put or looked for the document: of a data stream, the index behind it. */
  readonly index?: string;
  readonly caused_by?: StoreError;
}

/** What becomes of one event of a request that was answered. */
export type Outcome =
  | { readonly kind: 'stored' }
  /** There is a document of this id, in this index. */
  | { readonly kind: 'present'; readonly index: string | undefined }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'again'; readonly error: MillraceError }
  /** A person must act before this or any other event of its index can be stored. */
  | { readonly kind: 'stop'; readonly error: MillraceError };

/** Longest reason that is kept. */
const REASON_CHARACTERS = 300;

/** What lies with the index, not with the event, though the store says 400 or 403 for each item. */
const BLOCKED: ReadonlySet<string> = new Set(['cluster_block_exception', 'index_closed_exception']);

/** The same of an index that can't be made (the cluster has all shards that it may have), or wants more than a document. */
const UNUSABLE: ReadonlySet<string> = new Set(['validation_exception', 'routing_missing_exception']);
/** Of the same kind under a type that stores also give to faults of an event. */
const UNUSABLE_REASON = /^(pipeline with id \[|no write index is defined for alias \[)/;

/** One item of a `_bulk` answer. */
export function outcomeOf(status: number, error: StoreError = {}): Outcome {
  const type = error.type ?? '';
  if (status >= 200 && status < 300) return { kind: 'stored' };
  if (status === 409) return { kind: 'present', index: error.index };
  const said = `the store answered ${status}: ${reasonOf(error)}`;
  if (BLOCKED.has(type)) return { kind: 'again', error: searchErrors.SEARCH_BLOCKED(said) };
  if (UNUSABLE.has(type) || (type === 'illegal_argument_exception' && UNUSABLE_REASON.test(error.reason ?? ''))) {
    return { kind: 'again', error: searchErrors.SEARCH_INDEX_UNUSABLE(said) };
  }
  if (status === 429 || status >= 500) return { kind: 'again', error: searchErrors.SEARCH_OVERLOADED(said) };
  if (status === 401) return { kind: 'stop', error: searchErrors.SEARCH_UNAUTHORIZED(said) };
  if (status === 403) return { kind: 'stop', error: searchErrors.SEARCH_FORBIDDEN(said) };
  if (status === 404) return { kind: 'stop', error: searchErrors.SEARCH_INDEX_MISSING(said) };
  return { kind: 'refused', refusal: { code: 'EVENT_REFUSED_BY_STORE', reason: said } };
}

/** What a whole answer that is no success says of everything that was sent. */
export type Whole =
  | { readonly kind: 'again'; readonly error: MillraceError }
  | { readonly kind: 'stop'; readonly error: MillraceError }
  /** It was too much, or something in it broke all of it: halves of it are judged apart. */
  | { readonly kind: 'halve'; readonly refusal: Refusal };

export function wholeOutcome({ status, body }: Answer): Whole {
  const error = errorOf(body);
  const said = `the store answered ${status}${error ? `: ${reasonOf(error)}` : ''}`;
  if (status === 413) return { kind: 'halve', refusal: { code: 'EVENT_TOO_LARGE_FOR_STORE', reason: said } };
  // Without the store's own words it is not the store that refuses, and not for what an event says.
  if (status === 400 && error) return { kind: 'halve', refusal: { code: 'EVENT_REFUSED_BY_STORE', reason: said } };
  if (BLOCKED.has(error?.type ?? '')) return { kind: 'again', error: searchErrors.SEARCH_BLOCKED(said) };
  if (status === 429) return { kind: 'again', error: searchErrors.SEARCH_OVERLOADED(said) };
  if (status >= 500) return { kind: 'again', error: searchErrors.SEARCH_UNREACHABLE(said) };
  if (status === 408) return { kind: 'again', error: searchErrors.SEARCH_UNREACHABLE(said) };
  return { kind: 'stop', error: stopOf(status, said) };
}

/** @throws what a question that had to succeed met instead */
export function assertGood(answer: Answer): void {
  if (answer.status >= 200 && answer.status < 300) return;
  const whole = wholeOutcome(answer);
  throw whole.kind === 'halve' ? searchErrors.SEARCH_REFUSED(whole.refusal.reason) : whole.error;
}

function stopOf(status: number, said: string): MillraceError {
  if (status === 401) return searchErrors.SEARCH_UNAUTHORIZED(said);
  if (status === 403) return searchErrors.SEARCH_FORBIDDEN(said);
  return searchErrors.SEARCH_REFUSED(said);
}

export function errorOf(body: unknown): StoreError | undefined {
  const error = (body as { error?: unknown } | undefined)?.error;
  return typeof error === 'object' && error !== null ? (error as StoreError) : undefined;
}

/**
 * The store's reason without the value and the id that it quotes, on one line. Names of fields
 * stay, since nothing could be done about it without them.
 */
export function reasonOf({ type = 'no reason', reason = '', caused_by: cause }: StoreError): string {
  const causes = cause?.reason === undefined || cause.type === type ? '' : ` (${cause.type}: ${cause.reason})`;
  const plain = `${type}: ${reason}${causes}`
    .replaceAll(/ in document with id '.*?'(?=[. ]|$)/gs, '')
    .replaceAll(/Preview of field's value: '.*?'(?=[ ,)]|$)/gs, '')
    .replaceAll(/For input string: ".*?"(?=[ ,)]|$)/gs, '')
    .replaceAll(/prefix of the first immense term is: '\[.*?\]\.*'/gs, '')
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .trim();
  return plain.length > REASON_CHARACTERS ? `${plain.slice(0, REASON_CHARACTERS).toWellFormed()}…` : plain;
}
