import type { Appended, NewRecord, Producer, TopicPartition } from '../log/log.ts';
import { Backoff } from '../support/backoff.ts';
import type { Clock } from '../support/clock.ts';
import { decisionOf, MillraceError, messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import type { LiveQueue } from './live-queue.ts';
import type { Source } from './source.ts';
import { SpoolLane } from './spool-lane.ts';

/** Between tries of a log that is away. */
const RETRY = { initialMs: 50, maxMs: 1_000 };

/** Refusals of one record among others; any other refusal is of the whole partition. */
const OF_ONE_RECORD: ReadonlySet<string> = new Set(['RECORD_TOO_LARGE', 'RECORD_REFUSED']);

/** What lanes share. */
export interface LaneHost {
  readonly producer: Producer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stopped: AbortSignal;
  /** Whether what is in memory goes to the log from there, without a stay in the spool. */
  isDirect(lane: Lane): boolean;
  /** Whether the spool would take what is in memory. */
  canSpill(lane: Lane): boolean;
  /** A send has failed, or has not settled for long: what is in memory may go another way. */
  stuck(lane: Lane): void;
  /** A send has succeeded, or was decided. */
  reached(lane: Lane): void;
  delivered(lane: Lane, appended: Appended, records: readonly NewRecord[]): void;
}

/**
 * The way to one partition. At most one send is in flight, so that order is kept and a retry can't
 * double; what comes from memory and what is replayed from spools take turns in it.
 *
 *     live ────┐          taken: the next source has its turn
 *     spool ───┼──▶ send ─┼ retry: the log is away; one probe at a time, oldest first
 *     orphan ──┘          └ refused: fewer records, to find the poisoned one; then dead letters
 */
export class Lane {
  readonly to: TopicPartition;
  readonly live: LiveQueue;
  readonly #host: LaneHost;
  readonly #spools: SpoolLane[] = [];
  readonly #backoff = new Backoff(RETRY);
  /** The sends of a turn, which follow each other until there is nothing more. */
  #running: Promise<void> | undefined;
  #turn = 0;
  /** Most records of the next send; less than all only while a refused one is looked for. */
  #most = Number.POSITIVE_INFINITY;
  /** When the log was first asked for what it has not taken yet, monotonic. */
  #since: number | undefined;
  #failing = false;
  #away = false;

  constructor(to: TopicPartition, live: LiveQueue, host: LaneHost) {
    this.to = to;
    this.live = live;
    this.#host = host;
  }

  /** Whether the last send failed. */
  get failing(): boolean {
    return this.#failing;
  }

  /** Whether the log has not taken anything for so long that nothing more is kept in memory for it. */
  get away(): boolean {
    return this.#away;
  }

  addSpool(spool: SpoolLane): void {
    if (!this.#spools.includes(spool)) this.#spools.push(spool);
  }

  /** A spool that was replayed to its end is no more. */
  removeSpool(spool: SpoolLane): void {
    const at = this.#spools.indexOf(spool);
    if (at >= 0) this.#spools.splice(at, 1);
  }

  /** Looks whether the log has left a send without an answer for so many milliseconds. */
  check(now: number, afterMs: number): void {
    if (this.#since === undefined || now - this.#since < afterMs || this.#away) return;
    this.#away = true;
    this.#host.stuck(this);
  }

  /** There may be something to send. */
  wake(): void {
    if (this.#running || this.#host.stopped.aborted) return;
    const first = this.#next();
    if (first) this.#running = this.#run(first);
  }

  /** Settles when nothing is on its way any more: once the delivery is stopped nothing new is sent. */
  get idle(): Promise<void> | undefined {
    return this.#running;
  }

  async #run(first: Source): Promise<void> {
    for (let source: Source | undefined = first; source && !this.#host.stopped.aborted; source = this.#next()) {
      await this.#attempt(source);
    }
    this.#running = undefined;
  }

  /** Whose turn it is, of those that have something; while the log is away a spool goes before memory. */
  #next(): Source | undefined {
    const { live } = this;
    const sources: Source[] = this.#spools.filter(({ ready }) => ready);
    const mayGo = this.#host.isDirect(this) && live.ready && !(this.#away && this.#host.canSpill(this));
    if (mayGo && !(this.#away && sources.length > 0)) sources.push(live);
    return sources[this.#turn++ % sources.length];
  }

  async #attempt(source: Source): Promise<void> {
    const { producer, clock } = this.#host;
    let records: readonly NewRecord[];
    try {
      const peeked = source.peek(this.#most);
      records = peeked instanceof Promise ? await peeked : peeked;
    } catch (error) {
      await this.#unread(source, error);
      return;
    }
    if (records.length === 0) return;
    this.#since ??= clock.monotonic();
    try {
      const appended = await producer.send(this.to, records);
      this.#reached();
      this.#most = records.length < this.#most ? Number.POSITIVE_INFINITY : this.#most * 2;
      source.delivered(records.length);
      this.#host.delivered(this, appended, records);
    } catch (error) {
      if (decisionOf(error) === 'dead-letter') await this.#refused(source, records, error);
      else await this.#failed(source, records.length, error);
    }
  }

  /** Some of these records will never be taken: fewer at once find out which, so that the others are not held back. */
  async #refused(source: Source, records: readonly NewRecord[], error: unknown): Promise<void> {
    this.#reached();
    const code = error instanceof MillraceError ? error.code : 'REFUSED';
    if (records.length > 1 && OF_ONE_RECORD.has(code)) {
      this.#most = records.length >> 1;
      source.release();
      return;
    }
    const { logger } = this.#host;
    logger.warn({ ...this.to, code, events: records.length, error: messageOf(error) }, 'the log refused events');
    try {
      await source.refused(records, error);
    } catch (failure) {
      await this.#failed(source, records.length, failure);
    }
  }

  async #failed(source: Source, events: number, error: unknown): Promise<void> {
    const { logger, clock, stopped } = this.#host;
    if (!this.#failing) {
      this.#failing = true;
      logger.warn(
        { ...this.to, events, error: messageOf(error) },
        'the log did not take a batch; it is kept and tried again',
      );
    }
    source.release();
    this.#host.stuck(this);
    await clock.sleep(this.#backoff.next(), stopped);
  }

  #reached(): void {
    const was = this.#failing || this.#away;
    this.#since = undefined;
    this.#failing = false;
    this.#away = false;
    this.#backoff.reset();
    if (was) this.#host.reached(this);
  }

  /** What is broken in the spool stays broken; anything else, such as too many open files, passes. */
  async #unread(source: Source, error: unknown): Promise<void> {
    const { logger, clock, stopped } = this.#host;
    if (stopped.aborted || !(source instanceof SpoolLane)) return;
    if (error instanceof MillraceError && error.code !== 'LOG_CORRUPT') {
      logger.warn({ ...this.to, error: messageOf(error) }, 'spooled events could not be read; it is tried again');
      await clock.sleep(this.#backoff.next(), stopped);
      return;
    }
    source.giveUp();
    logger.error(
      { ...this.to, error: messageOf(error) },
      'spooled events can not be read; they stay in the spool until the collector is started again',
    );
  }
}
