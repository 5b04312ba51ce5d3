import { COLLECTOR_DEAD_LETTERS } from '../log/dead-letter.ts';
import type { EmbeddedLog } from '../log/embedded/open.ts';
import { openEmbeddedLog } from '../log/embedded/open.ts';
import { logErrors } from '../log/errors.ts';
import type { NewRecord, Position, Producer, TopicPartition } from '../log/log.ts';
import { partitionName } from '../log/log.ts';
import type { Clock } from '../support/clock.ts';
import { MillraceError, messageOf } from '../support/errors.ts';
import type { Logger, LoggerOptions } from '../support/logger.ts';
import { deadLetterOf } from './dead-letters.ts';
import type { Ledger } from './ledger.ts';
import type { Settled, SpoolLaneHost } from './spool-lane.ts';
import { SpoolLane } from './spool-lane.ts';

const MIB = 2 ** 20;

/** What a record costs on disk beside its value: its entry in the batch's index, its share of a page. */
export const SPOOLED_OVERHEAD_BYTES = 64;

/** How much is read for one send; read on the thread that answers HTTP, so that a page waits at most a moment. */
const READ_BYTES = 256 * 1024;

/** A full or unreadable disk is tried again this often. */
const RETRY_MS = 1_000;

const DEAD_LETTERS: TopicPartition = { topic: COLLECTOR_DEAD_LETTERS, partition: 0 };

/** Nothing is ever removed but by `deleteRecords`: the bound in bytes is kept by refusing. */
const NEVER = { age: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };

export interface SpoolOptions {
  /** Made if need be; one process at a time. */
  readonly directory: string;
  /** Most bytes of records held; appends beyond it are the caller's to prevent, see `hasRoom`. */
  readonly maxBytes: number;
  /** Where its events are counted. */
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly logging: LoggerOptions;
  /** The spool has failed for good (its disk did not take a write): the program should stop. */
  readonly onFailure: (error: Error) => void;
}

/**
 * Events on the disk of a collector, in an embedded log with a topic for each partition of the real
 * log. A record counts as spooled until its removal is on disk, so that whatever a crash leaves in
 * the directory was not yet counted anywhere else.
 */
export class Spool implements SpoolLaneHost {
  readonly ledger: Ledger;
  readonly #options: SpoolOptions;
  readonly #log: EmbeddedLog;
  readonly #producer: Producer;
  readonly #lanes = new Map<string, SpoolLane>();
  readonly #stopped = new AbortController();
  readonly #appending = new Map<string, Promise<void>>();
  #onLane: (lane: SpoolLane) => void = () => {};
  #onEmpty: () => void = () => {};
  #trimming: Promise<void> | undefined;
  #fullUntil = Number.NEGATIVE_INFINITY;
  #failed = false;
  #bytes = 0;

  private constructor(options: SpoolOptions, log: EmbeddedLog) {
    this.#options = options;
    this.ledger = options.ledger;
    this.#log = log;
    this.#producer = log.producer();
  }

  /** Opens a spool, with what it holds. Rejects with LOG_IN_USE, LOG_FAILED, LOG_CORRUPT. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const { directory, logging, onFailure } = options;
    let spool: Spool | undefined;
    const log = await openEmbeddedLog({
      directory,
      config: { durability: 'full', retention: NEVER, recordBytes: 64 * MIB, batchBytes: 256 * MIB },
      logger: logging,
      onFailure: (error) => {
        if (spool) spool.#failed = true;
        onFailure(error);
      },
    });
    spool = new Spool(options, log);
    await spool.#recover();
    return spool;
  }

  /** Bytes that its records take on disk, about. */
  get bytes(): number {
    return this.#bytes;
  }

  get records(): number {
    let records = 0;
    for (const lane of this.#lanes.values()) records += lane.records;
    return records;
  }

  /** Records of accepted events. */
  get events(): number {
    let events = 0;
    for (const lane of this.#lanes.values()) if (lane.counted) events += lane.records;
    return events;
  }

  get maxBytes(): number {
    return this.#options.maxBytes;
  }

  get lanes(): Iterable<SpoolLane> {
    return this.#lanes.values();
  }

  /** Whether so many bytes more would be taken now: within the bound, on a disk that has space and works. */
  hasRoom(bytes: number): boolean {
    if (this.#failed || this.#options.clock.monotonic() < this.#fullUntil) return false;
    return this.#bytes + bytes <= this.#options.maxBytes;
  }

  /** Who is to be told of lanes as they are made, and when nothing is left. */
  attach(events: { readonly onLane: (lane: SpoolLane) => void; readonly onEmpty?: () => void }): void {
    this.#onLane = events.onLane;
    this.#onEmpty = events.onEmpty ?? (() => {});
    for (const lane of this.#lanes.values()) events.onLane(lane);
  }

  /** Resolves when the records are on disk (fsynced). Rejects with LOG_FULL, LOG_FAILED, LOG_CLOSED. */
  async append(to: TopicPartition, records: readonly NewRecord[]): Promise<void> {
    const name = partitionName(to);
    const previous = this.#appending.get(name);
    const append = (previous ? previous.catch(() => {}) : Promise.resolve()).then(() => this.#append(to, records));
    this.#appending.set(name, append);
    try {
      await append;
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'LOG_FULL') {
        this.#fullUntil = this.#options.clock.monotonic() + RETRY_MS;
      }
      throw error;
    } finally {
      if (this.#appending.get(name) === append) this.#appending.delete(name);
    }
  }

  async read(lane: SpoolLane) {
    const batch = await this.#log.read(
      { topic: topicOf(lane.to), partition: 0, offset: lane.position },
      { maxBytes: READ_BYTES },
    );
    if (batch.records.length === 0) throw new Error(`the spool has no record ${lane.position} of ${topicOf(lane.to)}`);
    return batch;
  }

  trim(): void {
    if (!this.#trimming && !this.#failed) this.#trimming = this.#trim();
  }

  async keepDeadLetters(records: readonly NewRecord[], error: unknown): Promise<void> {
    const { clock, logger } = this.#options;
    const letters = records.map((record) => deadLetterOf(record, error, clock.now()));
    while (!this.#stopped.signal.aborted && !this.#failed) {
      try {
        await this.append(DEAD_LETTERS, letters);
        return;
      } catch (failure) {
        logger.warn({ error: messageOf(failure) }, 'dead letters could not be spooled; they are tried again');
        await clock.sleep(RETRY_MS, this.#stopped.signal);
      }
    }
    throw logErrors.LOG_CLOSED('the spool was closed before a dead letter was on disk');
  }

  /** Removes what was settled, and lets go of the directory. */
  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#trimming;
    await this.#log.close();
  }

  async #recover(): Promise<void> {
    const { usedBytes } = await this.#log.statistics();
    const topics = await this.#log.admin.topics();
    const held = (await Promise.all(topics.map(({ name }) => this.#log.admin.offsets(name)))).flat();
    const records = held.reduce((sum, { startOffset, endOffset }) => sum + endOffset - startOffset, 0);
    this.#bytes = records === 0 ? 0 : usedBytes;
    for (const { topic, startOffset: start, endOffset: end } of held) {
      const to = partitionOf(topic);
      const bytes = records === 0 ? 0 : (usedBytes * (end - start)) / records;
      this.#lanes.set(partitionName(to), new SpoolLane(to, this, { start, end, bytes }));
    }
  }

  async #append(to: TopicPartition, records: readonly NewRecord[]): Promise<void> {
    const lane = await this.#lane(to);
    await this.#producer.send({ topic: topicOf(to), partition: 0 }, records);
    let bytes = records.length * SPOOLED_OVERHEAD_BYTES;
    for (const { value, key } of records) bytes += value.byteLength + (key?.byteLength ?? 0);
    this.#bytes += bytes;
    lane.appended(records.length, bytes);
    this.#onLane(lane);
  }

  async #lane(to: TopicPartition): Promise<SpoolLane> {
    const name = partitionName(to);
    const known = this.#lanes.get(name);
    if (known) return known;
    await this.#log.admin.createTopic(topicOf(to), { partitions: 1 });
    const lane = new SpoolLane(to, this, { start: 0, end: 0, bytes: 0 });
    this.#lanes.set(name, lane);
    return lane;
  }

  /** One removal at a time: what is settled meanwhile goes with the next, so that they stay few. */
  async #trim(): Promise<void> {
    const { clock, logger } = this.#options;
    for (;;) {
      const due = [...this.#lanes.values()].filter((lane) => lane.trimmable !== undefined);
      if (due.length === 0 || this.#failed) break;
      const cuts = due.map((lane) => ({ lane, start: lane.trimmable!, settled: lane.takeSettled() }));
      const before: Position[] = cuts.map(({ lane, start }) => ({
        topic: topicOf(lane.to),
        partition: 0,
        offset: start,
      }));
      try {
        await this.#log.admin.deleteRecords(before);
      } catch (error) {
        for (const { lane, settled } of cuts) lane.putBack(settled);
        if (this.#stopped.signal.aborted || this.#failed) break;
        logger.warn({ error: messageOf(error) }, 'delivered events could not be removed from the spool; tried again');
        await clock.sleep(RETRY_MS, this.#stopped.signal);
        continue;
      }
      for (const { lane, start, settled } of cuts) {
        this.#bytes -= lane.trimmed(start);
        this.#count(lane, settled);
      }
      if (this.records === 0) this.#onEmpty();
    }
    // In the same turn as the last look, so that nothing settled meanwhile is forgotten.
    this.#trimming = undefined;
  }

  #count(lane: SpoolLane, { delivered, deadLettered, refused }: Settled): void {
    if (!lane.counted) {
      this.ledger.drop('deadLettered', 'dead_letter_refused', refused);
      return;
    }
    this.ledger.move('spooled', 'delivered', delivered);
    this.ledger.move('spooled', 'deadLettered', deadLettered);
  }
}

/** A partition is a topic of the spool, so that the spool need not know how many the log has. */
function topicOf({ topic, partition }: TopicPartition): string {
  return `${partition}.${topic}`;
}

function partitionOf(name: string): TopicPartition {
  const dot = name.indexOf('.');
  return { topic: name.slice(dot + 1), partition: Number(name.slice(0, dot)) };
}
