import { MAX_TIME } from '../../../event/time.ts';
import type { BreakdownItem, EventFilter, EventPage, EventQuery, HistogramBucket } from '../../event-query.ts';
import { queryErrors } from '../../query-errors.ts';
import {
  assertField,
  assertFilter,
  assertInterval,
  assertLimit,
  QUERY_LIMITS,
  refuse,
  refuseBuckets,
} from '../../query-rules.ts';
import type { Sql } from '../filter.ts';
import { allOf, NOTHING } from '../filter.ts';
import { isAboutValues, sqlStateOf } from './classify.ts';
import type { PostgresTableConfig } from './config.ts';
import { Database } from './database.ts';
import { isText, MIN_TIME, timeText } from './encode.ts';
import { conditionsOf, jsonOf, numbered } from './filter.ts';
import type { EventValue } from './schema.ts';
import { tableNames, toEvent } from './schema.ts';

/** Questions that may be under way or waiting for a connection. */
const MOST_ASKED = 32;

/** What PostgreSQL calls a table that is not there, and a statement that took too long. */
const NO_TABLE = '42P01';
const TOO_LATE = '57014';

/** Answers questions from the table that a connector with this configuration fills, or will fill. */
export function openPostgresEventQuery(config: PostgresTableConfig, deadlineMs: number): EventQuery {
  return new PostgresEventQuery(config, deadlineMs);
}

class PostgresEventQuery implements EventQuery {
  readonly #database: Database;
  readonly #table: string;
  readonly #deadlineMs: number;
  readonly #closed = new AbortController();
  #asked = 0;

  constructor(config: PostgresTableConfig, deadlineMs: number) {
    const deadlines = { connectTimeout: Math.min(config.connectTimeout, deadlineMs), statementTimeout: deadlineMs };
    this.#database = new Database({ ...config, ...deadlines }, 'millrace search');
    this.#table = tableNames(config.table).table;
    this.#deadlineMs = deadlineMs;
  }

  async events(filter: EventFilter, page: { readonly limit: number; readonly before?: string }): Promise<EventPage> {
    assertFilter(filter);
    assertLimit(page.limit, QUERY_LIMITS.pageEvents);
    const older = page.before === undefined ? NOTHING : olderThan(page.before);
    const rows = await this.#ask<EventRow>(
      { text: `SELECT id, type, value::text AS value, ${msOf('timestamp')} AS time`, parameters: [] },
      allOf([conditionsOf(filter), older]),
      { text: 'ORDER BY timestamp DESC, id DESC LIMIT ?', parameters: [page.limit + 1] },
    );
    const events = rows.slice(0, page.limit).map(toEvent);
    const last = rows[page.limit - 1];
    if (rows.length <= page.limit || !last) return { events };
    return { events, next: Buffer.from(JSON.stringify([Number(last.time), last.id])).toString('base64url') };
  }

  async histogram(filter: EventFilter, intervalMs: number): Promise<readonly HistogramBucket[]> {
    assertFilter(filter);
    assertInterval(filter, intervalMs);
    const bucket = `date_bin(?::double precision * interval '1 millisecond', timestamp, timestamptz 'epoch')`;
    const rows = await this.#ask<CountRow>(
      {
        text: `SELECT ${msOf('start')} AS value, count FROM (SELECT ${bucket} AS start, count(*)`,
        parameters: [intervalMs],
      },
      conditionsOf(filter),
      {
        text: `GROUP BY start ORDER BY start LIMIT ?) AS buckets ORDER BY start`,
        parameters: [QUERY_LIMITS.buckets + 1],
      },
    );
    if (rows.length > QUERY_LIMITS.buckets) refuseBuckets();
    return rows.map(({ value, count }) => ({ from: Number(value), count: Number(count) }));
  }

  async breakdown(filter: EventFilter, field: string, limit: number): Promise<readonly BreakdownItem[]> {
    assertFilter(filter);
    assertField(field);
    assertLimit(limit, QUERY_LIMITS.breakdownItems);
    if (!isText(field)) return [];
    const json = jsonOf(field);
    // The text "12" and the number 12 are one value. Null is none, and lists and objects are not
    // values of the field but of what is in them.
    const rows = await this.#ask<CountRow>(
      {
        text: `SELECT (json #>> '{}') COLLATE "C" AS value, sum(count) AS count FROM (SELECT ${json.text} AS json, count(*) AS count`,
        parameters: json.parameters,
      },
      conditionsOf(filter),
      {
        text: `GROUP BY json) AS found WHERE jsonb_typeof(json) IN ('string', 'number', 'boolean')
               GROUP BY value ORDER BY count DESC, value LIMIT ?`,
        parameters: [limit],
      },
    );
    return rows.map(({ value, count }) => ({ value: String(value), count: Number(count) }));
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#database.close();
  }

  async #ask<T extends object>(select: Sql, conditions: Sql, tail: Sql): Promise<readonly T[]> {
    if (this.#closed.signal.aborted) throw queryErrors.QUERY_BUSY('the program is stopping');
    if (this.#asked >= MOST_ASKED) throw queryErrors.QUERY_BUSY(`${MOST_ASKED} questions are being answered`);
    const where = conditions.text === '' ? '' : `WHERE ${conditions.text}`;
    const statement = numbered(`${select.text} FROM ${this.#table} ${where} ${tail.text}`);
    const values = [...select.parameters, ...conditions.parameters, ...tail.parameters];
    const late = AbortSignal.timeout(this.#deadlineMs);
    this.#asked++;
    try {
      const answer = await this.#database.transaction(
        (session) => session.query<T>(statement, values),
        AbortSignal.any([late, this.#closed.signal]),
      );
      return answer?.rows ?? [];
    } catch (error) {
      const state = sqlStateOf(error);
      if (state === NO_TABLE) return [];
      if (this.#closed.signal.aborted) throw queryErrors.QUERY_BUSY('the program is stopping');
      if (late.aborted || state === TOO_LATE) {
        throw queryErrors.QUERY_TOO_SLOW(`there was no answer within ${this.#deadlineMs} ms`);
      }
      if (isAboutValues(error)) refuse('PostgreSQL does not take a value of the question');
      throw error;
    } finally {
      this.#asked--;
    }
  }
}

interface EventRow extends EventValue {
  readonly time: string;
}

interface CountRow {
  readonly value: string;
  readonly count: string;
}

/** Milliseconds since the epoch; what is stored has no more than those. */
function msOf(time: string): string {
  return `(extract(epoch FROM ${time}) * 1000)::bigint`;
}

function olderThan(before: string): Sql {
  const [time, id] = placeOf(before);
  return { text: '(timestamp, id) < (?::timestamptz, ?)', parameters: [timeText(time), id] };
}

function placeOf(before: string): readonly [number, string] {
  try {
    const place: unknown = JSON.parse(Buffer.from(before, 'base64url').toString('utf8'));
    if (Array.isArray(place) && place.length === 2) {
      const [time, id] = place as unknown[];
      const isTime = Number.isSafeInteger(time) && (time as number) >= MIN_TIME && (time as number) <= MAX_TIME;
      if (isTime && typeof id === 'string' && isText(id)) return [time as number, id];
    }
  } catch {
    // Refused below.
  }
  return refuse('"before" is not the "next" of a page');
}
