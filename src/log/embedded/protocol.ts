/** What the log's thread and the threads that use it say to each other. */
import type { MessagePort } from 'node:worker_threads';
import type { PlainError } from '../../support/errors.ts';
import type { LoggerOptions } from '../../support/logger.ts';
import type { PartitionOffsets, Position, TopicOptions, TopicPartition } from '../log.ts';
import type { BatchLimits, EncodedBatch } from './codec.ts';
import type { EmbeddedLogConfig } from './config.ts';

/** A topic and where its records lie. */
export interface StoredTopic {
  readonly name: string;
  readonly id: string;
  /** By partition: the number of its table. */
  readonly tables: readonly number[];
}

/** A partition that a member gets, and where the group stands in it. */
export interface StartingPosition extends Position {
  readonly endOffset: number;
}

export interface PartitionEnd extends TopicPartition {
  readonly endOffset: number;
}

export interface Membership {
  /** Unique among the members of one connection. */
  readonly member: number;
  readonly group: string;
  readonly topics: readonly string[];
  readonly from: 'earliest' | 'latest';
}

export interface Greeting {
  readonly logId: string;
  readonly topics: readonly StoredTopic[];
  readonly limits: BatchLimits;
}

export type PositionChange = TopicPartition & { readonly offset?: number };

/** What a connection may ask of the log's thread. */
export type LogCalls = {
  greet(): Greeting;
  /** The base offset, once the batch is as safe as the log was told to make it. */
  append(to: TopicPartition, batch: EncodedBatch): Promise<number>;
  createTopic(name: string, options: TopicOptions): Promise<StoredTopic>;
  offsets(topic: string): readonly PartitionOffsets[];
  offsetsAt(topic: string, timestamp: number): readonly Position[];
  committed(group: string): readonly Position[];
  groups(): readonly string[];
  alterPositions(group: string, changes: readonly PositionChange[]): Promise<void>;
  deleteRecords(before: readonly Position[]): Promise<void>;
  join(membership: Membership): Promise<void>;
  leave(member: number): void;
  commit(member: number, positions: readonly Position[]): Promise<void>;
};

/** What the log's thread tells a connection. */
export type ConnectionCalls = {
  topics(topics: readonly StoredTopic[]): void;
  /** Partitions have grown. */
  appended(ends: readonly PartitionEnd[]): void;
  assign(member: number, partitions: readonly StartingPosition[]): void;
  /** Settles when the member has let go of the partitions. */
  revoke(member: number, partitions: readonly TopicPartition[]): Promise<void>;
  lost(member: number, partitions: readonly TopicPartition[]): void;
  /** The log has been closed, or has failed. */
  ended(reason: PlainError): void;
};

export interface ThreadOptions {
  readonly directory: string;
  readonly config: EmbeddedLogConfig;
  readonly logger: LoggerOptions;
}

/** What the opener of the log asks of its thread. */
export type ControlCalls = {
  open(options: ThreadOptions): void;
  connect(port: MessagePort): void;
  protect(groups: readonly string[]): void;
  runRetention(now: number): Promise<void>;
  statistics(): LogStatistics;
  close(): void;
};

/** What the log's thread tells its opener. */
export type OpenerCalls = {
  failed(error: PlainError): void;
};

/** Figures since the log was opened, for metrics. */
export interface LogStatistics {
  readonly batches: number;
  /** Transactions, each of which is one sync of the disk if durability is full. */
  readonly commits: number;
  /** Disk space that records take, of all topics. */
  readonly usedBytes: number;
  /** Disk space held for the next records. */
  readonly freeBytes: number;
}
