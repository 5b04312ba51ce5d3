import type { BreakdownItem, EventFilter, EventPage, EventQuery, HistogramBucket } from '../event-query.ts';
import { queryErrors } from '../query-errors.ts';
import {
  assertField,
  assertFilter,
  assertInterval,
  assertLimit,
  QUERY_LIMITS,
  refuse,
  refuseBuckets,
} from '../query-rules.ts';
import { wordsAsked } from '../words.ts';
import { assertGood } from './answers.ts';
import { SearchClient } from './client.ts';
import type { SearchConfig } from './config.ts';
import { clusterOf } from './config.ts';
import { MAX_TIME, MIN_TIME, OWN_FIELD, OWN_PARTS, SEPARATOR, TIME_FIELD, timeText, toEvent } from './document.ts';
import { IndexNames } from './index-name.ts';

/** Questions that may be under way at once. */
const MOST_ASKED = 32;

/**
 * Values that a shard counts at least. Counts over several shards are exact as long as none has
 * more values than this.
 */
const SHARD_VALUES = 5_000;

const WORDS = `${OWN_FIELD}.words`;
const FIELDS = `${OWN_FIELD}.fields`;

type Json = Readonly<Record<string, unknown>>;

/** Answers questions from the indices that a connector with this configuration fills, or will fill. */
export function openSearchEventQuery(config: SearchConfig, deadlineMs: number): EventQuery {
  return new SearchEventQuery(config, deadlineMs);
}

class SearchEventQuery implements EventQuery {
  readonly #client: SearchClient;
  readonly #path: string;
  readonly #deadlineMs: number;
  readonly #closed = new AbortController();
  #asked = 0;

  constructor(config: SearchConfig, deadlineMs: number) {
    this.#client = new SearchClient({ cluster: clusterOf(config), gzip: false, timeoutMs: deadlineMs });
    const indices = new IndexNames(config.index, config.late).all;
    this.#path = `/${indices}/_search?ignore_unavailable=true&allow_no_indices=true&allow_partial_search_results=false`;
    this.#deadlineMs = deadlineMs;
  }

  async events(filter: EventFilter, page: { readonly limit: number; readonly before?: string }): Promise<EventPage> {
    assertFilter(filter);
    assertLimit(page.limit, QUERY_LIMITS.pageEvents);
    const { hits } = await this.#search(filter, {
      size: page.limit + 1,
      sort: [
        { [TIME_FIELD]: { order: 'desc', unmapped_type: 'date' } },
        { id: { order: 'desc', unmapped_type: 'keyword' } },
      ],
      _source: { excludes: OWN_PARTS },
      ...(page.before === undefined ? {} : { search_after: placeOf(page.before) }),
    });
    const found = hits?.hits ?? [];
    const events = found.slice(0, page.limit).map(({ _source }) => toEvent(_source));
    const last = found[page.limit - 1];
    return found.length > page.limit && last ? { events, next: nextOf(last.sort) } : { events };
  }

  async histogram(filter: EventFilter, intervalMs: number): Promise<readonly HistogramBucket[]> {
    assertFilter(filter);
    assertInterval(filter, intervalMs);
    const time = { date_histogram: { field: TIME_FIELD, fixed_interval: `${intervalMs}ms` } };
    // Composite: a bound on buckets that are made, where others only bound those that are given out.
    const composite = { size: QUERY_LIMITS.buckets + 1, sources: [{ time }] };
    const { aggregations } = await this.#search(filter, { size: 0, aggs: { answer: { composite } } });
    const buckets = aggregations?.answer.buckets ?? [];
    if (buckets.length > QUERY_LIMITS.buckets) refuseBuckets();
    return buckets.map(({ key, doc_count: count }) => ({ from: (key as { time: number }).time, count }));
  }

  async breakdown(filter: EventFilter, field: string, limit: number): Promise<readonly BreakdownItem[]> {
    assertFilter(filter);
    assertField(field);
    assertLimit(limit, QUERY_LIMITS.breakdownItems);
    if (field.includes(SEPARATOR)) return [];
    const before = `${field}${SEPARATOR}`;
    const terms = {
      field: FIELDS,
      include: `${literal(before)}.*`,
      size: limit,
      shard_size: Math.max(limit, SHARD_VALUES),
      order: [{ _count: 'desc' }, { _key: 'asc' }],
    };
    const { aggregations } = await this.#search(filter, { size: 0, aggs: { answer: { terms } } });
    const buckets = aggregations?.answer.buckets ?? [];
    return buckets.map(({ key, doc_count: count }) => ({ value: String(key).slice(before.length), count }));
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#client.close();
  }

  async #search(filter: EventFilter, body: Json): Promise<Found> {
    if (this.#closed.signal.aborted) throw queryErrors.QUERY_BUSY('the program is stopping');
    if (this.#asked >= MOST_ASKED) throw queryErrors.QUERY_BUSY(`${MOST_ASKED} questions are being answered`);
    const late = AbortSignal.timeout(this.#deadlineMs);
    this.#asked++;
    try {
      const answer = await this.#client.ask({
        method: 'POST',
        path: this.#path,
        // The store stops where it can once its time is over.
        body: JSON.stringify({
          query: queryOf(filter),
          track_total_hits: false,
          timeout: `${this.#deadlineMs}ms`,
          ...body,
        }),
        signal: AbortSignal.any([late, this.#closed.signal]),
      });
      assertGood(answer);
      const found = answer.body as Found;
      if (found.timed_out) throw this.#tooSlow();
      return found;
    } catch (error) {
      if (this.#closed.signal.aborted) throw queryErrors.QUERY_BUSY('the program is stopping');
      throw late.aborted ? this.#tooSlow() : error;
    } finally {
      this.#asked--;
    }
  }

  #tooSlow(): Error {
    return queryErrors.QUERY_TOO_SLOW(`there was no answer within ${this.#deadlineMs} ms`);
  }
}

interface Found {
  readonly timed_out?: boolean;
  readonly hits?: { readonly hits: readonly { readonly _source: Json; readonly sort: readonly unknown[] }[] };
  readonly aggregations?: {
    readonly answer: { readonly buckets: readonly { readonly key: unknown; readonly doc_count: number }[] };
  };
}

/** What a user sent is only ever a value in this, never a query of the store's own. */
function queryOf({ from, to, type, text = '', where = [] }: EventFilter): Json {
  const words = wordsAsked(text).map(({ word, prefix }) =>
    prefix ? { prefix: { [WORDS]: { value: word } } } : { term: { [WORDS]: { value: word } } },
  );
  const fields = type === undefined ? where : [{ field: 'type', value: type }, ...where];
  const filter = [...timeRange(from, to), ...words, ...fields.map(({ field, value }) => hasValue(field, value))];
  return { bool: { filter } };
}

/** Bounds that no stored time reaches are left out, or leave nothing. */
function timeRange(from = MIN_TIME, to = MAX_TIME + 1): Json[] {
  if (from > MAX_TIME || to <= MIN_TIME) return [{ match_none: {} }];
  const range = {
    ...(from > MIN_TIME ? { gte: timeText(from) } : {}),
    ...(to <= MAX_TIME ? { lt: timeText(to) } : {}),
  };
  return Object.keys(range).length === 0 ? [] : [{ range: { [TIME_FIELD]: range } }];
}

function hasValue(field: string, value: string): Json {
  if (field.includes(SEPARATOR)) return { match_none: {} };
  return { term: { [FIELDS]: { value: `${field}${SEPARATOR}${value}`.toWellFormed() } } };
}

/** For Lucene's regular expressions, where nearly every sign may mean something. */
function literal(text: string): string {
  return text.toWellFormed().replaceAll(/[!-/:-@[-`{-~]/g, '\\$&');
}

function nextOf(sort: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(sort)).toString('base64url');
}

function placeOf(before: string): readonly unknown[] {
  try {
    const place: unknown = JSON.parse(Buffer.from(before, 'base64url').toString('utf8'));
    if (Array.isArray(place) && place.length === 2) {
      const [time, id] = place as unknown[];
      if (Number.isSafeInteger(time) && typeof id === 'string') return [time, id];
    }
  } catch {
    // Refused below.
  }
  return refuse('"before" is not the "next" of a page');
}
