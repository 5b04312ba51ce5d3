import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type {
  BreakdownItem,
  EventFilter,
  EventPage,
  EventQuery,
  HistogramBucket,
  StoredEvent,
} from '../../event-query.ts';
import {
  assertField,
  assertFilter,
  assertInterval,
  assertLimit,
  QUERY_LIMITS,
  refuse,
  refuseBuckets,
} from '../../query-rules.ts';
import type { Parameter, Sql } from '../filter.ts';
import { allOf, NOTHING } from '../filter.ts';
import { assertVersion, coded, schemaVersion } from './database.ts';
import { conditionsOf, jsonOf, matchOf } from './filter.ts';

/** How long a question waits for a writer that is just making the file. */
const BUSY_MS = 1_000;

/**
 * Words that fewer events contain lead to these events; with more of them it is faster to walk
 * along the time and look each event up among them (1 M events, page of 50: 280 ms and 17 ms for
 * a word in every sixth event, 0.1 ms and 42 ms for one in 20 events).
 */
const RARE = 10_000;

/**
 * Calls back into JavaScript once in a while. A thread that is to end only ends in JavaScript, and
 * a statement that reads for a minute would go on for that minute.
 */
const ALIVE: Sql = { text: '(event.seq % 256 <> 0 OR alive())', parameters: [] };

/** Answers questions from a database file that others write to, or will make later. */
export function openSqliteEventQuery(path: string): EventQuery {
  return new SqliteEventQuery(path);
}

class SqliteEventQuery implements EventQuery {
  readonly #path: string;
  #database: DatabaseSync | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async events(filter: EventFilter, page: { readonly limit: number; readonly before?: string }): Promise<EventPage> {
    assertFilter(filter);
    assertLimit(page.limit, QUERY_LIMITS.pageEvents);
    const older: Sql = page.before === undefined ? NOTHING : olderThan(page.before);
    const rows = this.#ask('SELECT event.seq, event.id, event.type, event.timestamp, event.value', filter, older, {
      text: 'ORDER BY event.timestamp DESC, event.seq DESC LIMIT ?',
      parameters: [page.limit + 1],
    });
    const events = rows.slice(0, page.limit).map(toEvent);
    const last = rows[page.limit - 1];
    if (rows.length <= page.limit || !last) return { events };
    return { events, next: `${last['timestamp']}.${last['seq']}` };
  }

  async histogram(filter: EventFilter, intervalMs: number): Promise<readonly HistogramBucket[]> {
    assertFilter(filter);
    assertInterval(filter, intervalMs);
    // `%` takes the sign of what is divided: times before 1970 would share a bucket with those after.
    const bucket = 'event.timestamp - (event.timestamp % ?1 + ?1) % ?1';
    const rows = this.#ask(
      `SELECT ${bucket.replaceAll('?1', String(intervalMs))} AS start, count(*) AS count`,
      filter,
      NOTHING,
      { text: 'GROUP BY start ORDER BY start LIMIT ?', parameters: [QUERY_LIMITS.buckets + 1] },
    );
    if (rows.length > QUERY_LIMITS.buckets) refuseBuckets();
    return rows.map(({ start, count }) => ({ from: Number(start), count: Number(count) }));
  }

  async breakdown(filter: EventFilter, field: string, limit: number): Promise<readonly BreakdownItem[]> {
    assertFilter(filter);
    assertField(field);
    assertLimit(limit, QUERY_LIMITS.breakdownItems);
    const json = jsonOf(field);
    // The text "12" and the number 12 are one value. Null is none, and lists and objects are not
    // values of the field but of what is in them.
    const rows = this.#ask(
      `SELECT iif(json GLOB '"*', json ->> '$', json) AS value, sum(count) AS count
       FROM (SELECT ${json.text} AS json, count(*) AS count`,
      filter,
      NOTHING,
      {
        text: `GROUP BY json) WHERE json NOT GLOB '[[{n]*' GROUP BY value ORDER BY count DESC, value LIMIT ?`,
        parameters: [limit],
      },
      json.parameters,
    );
    return rows.map(({ value, count }) => ({ value: String(value), count: Number(count) }));
  }

  async close(): Promise<void> {
    this.#database?.close();
    this.#database = undefined;
  }

  #ask(
    select: string,
    filter: EventFilter,
    further: Sql,
    tail: Sql,
    selected: readonly Parameter[] = [],
  ): readonly Row[] {
    return coded(() => {
      const database = this.#open();
      if (!database) return [];
      const match = matchOf(filter);
      const conditions = allOf([ALIVE, conditionsOf(filter), further]);
      const source = match === undefined ? from('event', conditions) : fromWords(database, match, conditions);
      const parameters = [...selected, ...source.parameters, ...tail.parameters];
      return database.prepare(`${select} ${source.text} ${tail.text}`).all(...parameters) as Row[];
    });
  }

  #open(): DatabaseSync | undefined {
    if (this.#database || !existsSync(this.#path)) return this.#database;
    const database = new DatabaseSync(this.#path, { readOnly: true, timeout: BUSY_MS });
    try {
      const version = schemaVersion(database);
      if (version !== 0) {
        assertVersion(version);
        database.function('alive', { directOnly: true }, () => 1);
        this.#database = database;
      }
      return this.#database;
    } finally {
      if (!this.#database) database.close();
    }
  }
}

type Row = Readonly<Record<string, string | number>>;

function from(tables: string, conditions: Sql): Sql {
  return { text: `FROM ${tables} WHERE ${conditions.text}`, parameters: conditions.parameters };
}

function fromWords(database: DatabaseSync, match: string, conditions: Sql): Sql {
  const counted = database
    .prepare('SELECT count(*) AS n FROM (SELECT 1 FROM event_text WHERE event_text MATCH ? LIMIT ?)')
    .get(match, RARE + 1);
  const rare = Number(counted?.['n']) <= RARE;
  // CROSS JOIN and the sign keep SQLite from choosing the other way.
  if (rare) {
    const words: Sql = { text: 'event_text MATCH ?', parameters: [match] };
    return from('event_text CROSS JOIN event ON event.seq = event_text.rowid', allOf([words, conditions]));
  }
  const words: Sql = {
    text: '+event.seq IN (SELECT rowid FROM event_text WHERE event_text MATCH ?)',
    parameters: [match],
  };
  return from('event', allOf([words, conditions]));
}

function olderThan(before: string): Sql {
  const [, timestamp, seq] =
    /^(-?\d{1,16})\.(\d{1,16})$/.exec(before) ?? refuse('"before" is not the "next" of a page');
  return { text: '(event.timestamp, event.seq) < (?, ?)', parameters: [Number(timestamp), Number(seq)] };
}

function toEvent({ id, type, value }: Row): StoredEvent {
  return { ...(JSON.parse(String(value)) as object), id: String(id), type: String(type) };
}
