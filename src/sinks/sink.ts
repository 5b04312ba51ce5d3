import type { Admin, LogRecord, TopicPartition } from '../log/log.ts';
import type { Clock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';

/**
 * The contract of a sink: the code that writes to one kind of store.
 *
 *     open ──▶ partition(p) │ reload(p) ──▶ write* ⇄ flush ──▶ abandon ──▶ close
 *
 * A sink may refuse a record (`dead-letter`) but never skips one. After any call that threw, the
 * loader abandons the writer and asks for a new one, which says where to go on: a writer needs
 * no recovery of its own in mid-life.
 */
export interface Sink {
  /** Prepares the store, or throws why that can't be. Once, before anything else. */
  open(signal: AbortSignal): Promise<void>;
  /** Takes over a partition of the log. At most one writer a partition exists in one sink. */
  partition(partition: TopicPartition, signal: AbortSignal): Promise<PartitionWriter>;
  /**
   * A writer of records that were loaded before: what the store has stays as it is and counts as
   * duplicate, what is missing is written. It neither has nor moves a position, and so fences off
   * nobody: it may write beside a loader of the same partition. Absent where the store can't tell
   * what it has.
   */
  reload?(partition: TopicPartition, signal: AbortSignal): Promise<PartitionWriter>;
  /**
   * Moves the position that the store keeps of a partition, or forgets it, so that the group's
   * counts; a writer of before is fenced off. Absent where the group's position alone counts.
   * Refuses where records would be stored twice.
   */
  alterPosition?(partition: TopicPartition, offset: number | undefined, signal: AbortSignal): Promise<void>;
  /** Frees everything, after all writers have been abandoned. */
  close(): Promise<void>;
}

export interface PartitionWriter {
  /**
   * Whether a `write` that has settled has copied all that is kept of its records, so that the loader may free them.
   * Absent: it has not.
   */
  readonly copies?: true;
  /**
   * The next offset to be read, where the store itself knows it; it then counts before the
   * position of the consumer group. `undefined`: the group's position counts.
   */
  resumeOffset(): number | undefined;
  /**
   * Takes records, in order, following on from those before. Settles when it can take more, which
   * is how a slow store slows its loader; what is durable by then is in the result. `leaderEpoch`
   * is that of the batch, where the log has leaders.
   */
  write(records: readonly LogRecord[], signal: AbortSignal, leaderEpoch?: number): Promise<Progress>;
  /** Makes everything taken so far durable. */
  flush(signal: AbortSignal): Promise<Progress>;
  /** When `flush` is due, on the monotonic clock; `undefined` if nothing waits. The loader calls it then. */
  flushDueAt(): number | undefined;
  /**
   * What the writer does between its calls, if it does anything: settles, and never rejects, when
   * there is something to be told, which the next call does, be it a `write` of no records.
   */
  readonly underway?: Promise<void> | undefined;
  /** Gives up whatever is not durable, leaving nothing half-done that a reader could see. Never throws. */
  abandon(): Promise<void>;
}

export interface Progress {
  /** Every record below this offset is durable in the store or in the dead letters; `undefined`: none of this writer's yet. */
  readonly durableUpTo: number | undefined;
  /** Events since the last progress that were met a second time: by their id, or by their place. */
  readonly duplicates: number;
}

/** Where refused records go. */
export interface DeadLetters {
  /**
   * Settles when the record is durably kept. A sink that stores its own position awaits this
   * before it moves the position past the record: else a crash between the two loses it.
   */
  put(partition: TopicPartition, record: LogRecord, reason: Refusal): Promise<void>;
}

/** Why a record was refused. */
export interface Refusal {
  /** A code from an error table with the decision `dead-letter`. */
  readonly code: string;
  /** One sentence, without what a visitor sent. */
  readonly reason: string;
}

/** What a sink gets to work with. */
export interface SinkContext {
  /** The connector's name. */
  readonly connector: string;
  /** The log's admin, for ids and bounds of topics. */
  readonly admin: Admin;
  readonly deadLetters: DeadLetters;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Absolute path of the data directory; embedded stores live below it. */
  readonly dataDirectory: string;
}
