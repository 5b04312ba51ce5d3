import { Worker } from 'node:worker_threads';
import { Channel } from '../support/channel.ts';
import type { Clock } from '../support/clock.ts';
import { systemClock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { BreakdownItem, EventFilter, EventPage, EventQuery, HistogramBucket } from './event-query.ts';
import { queryErrors } from './query-errors.ts';
import type { QueryHandlers } from './query-worker.ts';

/** What a thread answers questions from; plain data. */
export interface QuerySource {
  readonly kind: 'sqlite';
  /** Absolute path of the database file; it need not exist yet. */
  readonly path: string;
}

/** Most MiB for new objects: an operator's questions are few. */
const YOUNG_MIB = 3;

/** Questions that may wait for the one being answered. */
const MOST_WAITING = 32;

/**
 * Asks a synchronous store in a thread of its own, one question at a time. A question that takes
 * longer than `deadlineMs` ends with its thread, for nothing else stops SQLite in the middle of
 * one; the next question gets a new thread. The time that a question waited does not count.
 */
export function startQueryThread(source: QuerySource, deadlineMs: number, clock: Clock = systemClock): EventQuery {
  return new QueryThread(source, deadlineMs, clock);
}

interface Thread {
  readonly worker: Worker;
  readonly channel: Channel<QueryHandlers>;
}

class QueryThread implements EventQuery {
  readonly #source: QuerySource;
  readonly #deadlineMs: number;
  readonly #clock: Clock;
  #thread: Thread | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #closed = false;

  constructor(source: QuerySource, deadlineMs: number, clock: Clock) {
    this.#source = source;
    this.#deadlineMs = deadlineMs;
    this.#clock = clock;
  }

  events(...question: Parameters<EventQuery['events']>): Promise<EventPage> {
    return this.#ask((channel) => channel.call('events', question));
  }

  histogram(filter: EventFilter, intervalMs: number): Promise<readonly HistogramBucket[]> {
    return this.#ask((channel) => channel.call('histogram', [filter, intervalMs]));
  }

  breakdown(filter: EventFilter, field: string, limit: number): Promise<readonly BreakdownItem[]> {
    return this.#ask((channel) => channel.call('breakdown', [filter, field, limit]));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end(queryErrors.QUERY_BUSY('the program is stopping'));
    await this.#last;
  }

  async #ask<T>(question: (channel: Channel<QueryHandlers>) => Promise<T>): Promise<T> {
    if (this.#waiting > MOST_WAITING) throw queryErrors.QUERY_BUSY(`${MOST_WAITING} questions are waiting`);
    this.#waiting++;
    const answer = this.#last.then(() => this.#answer(question));
    this.#last = answer.catch(() => {}).finally(() => this.#waiting--);
    return await answer;
  }

  async #answer<T>(question: (channel: Channel<QueryHandlers>) => Promise<T>): Promise<T> {
    if (this.#closed) throw queryErrors.QUERY_BUSY('the program is stopping');
    this.#thread ??= this.#start();
    const answered = new AbortController();
    const late = this.#clock.sleep(this.#deadlineMs, answered.signal).then(async () => {
      if (answered.signal.aborted) return;
      await this.#end(queryErrors.QUERY_TOO_SLOW(`there was no answer within ${this.#deadlineMs} ms`));
    });
    try {
      return await question(this.#thread.channel);
    } finally {
      answered.abort();
      await late;
    }
  }

  #start(): Thread {
    const worker = new Worker(new URL('query-worker.ts', import.meta.url), {
      workerData: this.#source,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    });
    const channel = new Channel<QueryHandlers>(worker);
    const thread = { worker, channel };
    const gone = (reason: string) => {
      if (this.#thread === thread) this.#thread = undefined;
      channel.fail(new Error(reason));
    };
    worker.on('error', (error) => gone(`the thread that answers questions failed: ${messageOf(error)}`));
    worker.on('exit', () => gone('the thread that answers questions has ended'));
    return thread;
  }

  async #end(reason: Error): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    thread?.channel.fail(reason);
    await thread?.worker.terminate();
  }
}
