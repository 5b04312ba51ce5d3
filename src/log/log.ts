/**
 * The contract of the log: an ordered, partitioned, durable store between collector and sinks.
 * Two implementations, embedded (SQLite) and Kafka, run the same contract suite.
 *
 * Life of a consumer:
 *
 *     subscribe ──▶ assigned(p) ──▶ poll ⇄ commit(p) ──▶ revoked(p) │ lost(p) ──▶ close
 *                     may seek        pause, resume       may commit   may not
 */

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A record before it has a place. Values are UTF-8 JSON; the log does not look inside. */
export interface NewRecord {
  /** Event time, milliseconds since the epoch. */
  readonly timestamp: number;
  readonly value: Uint8Array;
  /** Records with one key stay in one partition, in order. */
  readonly key?: Uint8Array;
  /** Text by name. Records that share one object share its bytes in the log. */
  readonly headers?: Headers;
}

export type Headers = Readonly<Record<string, string>>;

/** The header that carries the event's type, so that a sink need not parse the value for it. */
export const TYPE_HEADER = 'type';

/** Headers of the records that carry events of one type. */
export function eventHeaders(type: string): Headers {
  return { [TYPE_HEADER]: type, 'content-type': 'application/json' };
}

/** A record at its place. */
export interface LogRecord extends NewRecord {
  readonly offset: number;
}

/** Records of one partition, in order, without repeats; offsets may have gaps. */
export interface RecordBatch extends TopicPartition {
  readonly records: readonly LogRecord[];
  /** Bytes held by the batch, for bounds on memory. */
  readonly bytes: number;
  /** The partition's end (next offset to be written) as last seen: end − last offset − 1 is the lag. */
  readonly endOffset: number;
  /** Which of the partition's leaders, one after another, took the last of the records; absent where the log has none. */
  readonly leaderEpoch?: number;
  /**
   * Gives the memory of keys and values back to the system, for whoever has read them for good: they may be empty from
   * then on. Absent: it is left to the garbage collector.
   */
  free?(): void;
}

export interface Appended {
  /** Offset of the first of the records; the others follow without a gap. */
  readonly baseOffset: number;
}

/**
 * Writes records. One `send` a partition may be in flight: a second one before the first has
 * settled is a programming error. It settles once the records are as safe as the log was told
 * to make them, or rejects: `retry` when nothing or everything may have been stored,
 * `dead-letter` when these records will never be taken.
 */
export interface Producer {
  /**
   * The partition for a key; without a key, partitions take turns. Answers at once: before the
   * log was ever reached it goes by the number of partitions that the configuration names.
   */
  partitionFor(topic: string, key?: Uint8Array): number;
  send(to: TopicPartition, records: readonly NewRecord[]): Promise<Appended>;
  close(): Promise<void>;
}

/** Told when partitions come and go. `poll` hands out nothing of a partition outside its time. */
export interface AssignmentListener {
  /** Before the first record of these partitions; may `seek`. */
  assigned(partitions: readonly TopicPartition[]): Promise<void>;
  /** Still ours until this settles (bounded by the log): finish and commit. */
  revoked(partitions: readonly TopicPartition[]): Promise<void>;
  /** No longer ours, without having been asked: commit nothing. */
  lost(partitions: readonly TopicPartition[]): void;
}

/** A member of a consumer group. */
export interface Consumer {
  /** Joins the group; resolves once it is a member. */
  subscribe(listener: AssignmentListener): Promise<void>;
  /**
   * The next records of assigned partitions that are not paused: at once if there are some, else
   * when some come, else an empty list after `maxWaitMs` or when `signal` is aborted.
   */
  poll(options: { readonly maxWaitMs: number; readonly signal?: AbortSignal }): Promise<readonly RecordBatch[]>;
  pause(partition: TopicPartition): void;
  resume(partition: TopicPartition): void;
  /** The next `poll` goes on from this offset. */
  seek(partition: TopicPartition, offset: number): void;
  /** Stores the group's position: the next offset to read. Rejects for a partition that is not ours. */
  commit(positions: readonly Position[]): Promise<void>;
  /** Leaves the group (with `revoked`) and frees all it held. */
  close(): Promise<void>;
}

export interface Position extends TopicPartition {
  readonly offset: number;
  /**
   * Which of the partition's leaders took the record before the offset, if that is known: with it a
   * log whose leaders can lose records tells a position from one of the same number in what came instead.
   */
  readonly leaderEpoch?: number;
}

export interface ConsumerOptions {
  /** Most bytes that one `poll` returns, give or take a batch. */
  readonly maxBytes?: number;
  /** Where a group without a position starts. */
  readonly from?: 'earliest' | 'latest';
}

export interface TopicDescription {
  readonly name: string;
  /** Unique to this topic for ever: one made anew under the same name has another. */
  readonly id: string;
  readonly partitions: number;
  /** Copies of each partition, where the log has any. */
  readonly replication?: number;
  /** Of the settings that `createTopic` was told, those in force; told by `createTopic` only. */
  readonly config?: Readonly<Record<string, string>>;
}

export interface TopicOptions {
  readonly partitions: number;
  /** Copies of each partition; the log's own default if left out. The embedded log has one. */
  readonly replication?: number;
  /** Settings of the topic in the log's own words (Kafka: `retention.ms`, …); the embedded log has none. */
  readonly config?: Readonly<Record<string, string>>;
}

export interface PartitionOffsets extends TopicPartition {
  /** The first offset still held. */
  readonly startOffset: number;
  /** The next offset to be written. */
  readonly endOffset: number;
}

export interface Admin {
  /** A stable name for this log (Kafka: the cluster id), so that a store knows whose records it holds. */
  logId(): Promise<string>;
  topics(): Promise<readonly TopicDescription[]>;
  /** Makes the topic, or finds it made; the number of partitions of an existing one is left alone. */
  createTopic(name: string, options: TopicOptions): Promise<TopicDescription>;
  offsets(topic: string): Promise<readonly PartitionOffsets[]>;
  /**
   * The offset after the last record that leaders up to this one took. One that lies below what was
   * read of them tells that the log was cut there. `undefined` where the log has no leaders, or does not know.
   */
  endOfEpoch(partition: TopicPartition, leaderEpoch: number): Promise<number | undefined>;
  /** The first offset whose record was written at or after this time; the end if there is none. */
  offsetsAt(topic: string, timestamp: number): Promise<readonly Position[]>;
  /** The positions that a group has stored. */
  committed(group: string): Promise<readonly Position[]>;
  groups(): Promise<readonly string[]>;
  /** Sets positions of a group that has no members; `undefined` as offset forgets one. */
  alterPositions(group: string, positions: readonly (TopicPartition & { readonly offset?: number })[]): Promise<void>;
  /** Drops all records below these offsets. */
  deleteRecords(before: readonly Position[]): Promise<void>;
}

export interface ProducerOptions {
  /** Every replica in sync has what is acknowledged, whatever else is configured. */
  readonly acks?: 'all';
}

export interface Log {
  readonly admin: Admin;
  producer(options?: ProducerOptions): Producer;
  consumer(group: string, topics: readonly string[], options?: ConsumerOptions): Consumer;
  /** Records from an offset on, outside any group: for `tail`, `verify` and replays. Empty at the end. */
  read(from: Position, options?: { readonly maxBytes?: number }): Promise<RecordBatch>;
  close(): Promise<void>;
}

/** The partition alone, of something that says more. */
export function plainPartition({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}

/** One string a partition, as a key of maps. */
export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
