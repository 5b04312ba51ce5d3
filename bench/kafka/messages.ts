/** What the processes of this bench are told and say. */

/** The same work for Java's tools and for the adapter. */
export interface ProduceOrder {
  readonly brokers: readonly string[];
  readonly topic: string;
  /** Values, one a line; which one a record gets is left to chance. */
  readonly payload: string;
  /** Sent first, and not counted: the compilers need them. */
  readonly warmUpRecords: number;
  readonly records: number;
}

export interface ConsumeOrder {
  readonly brokers: readonly string[];
  readonly topic: string;
  /** A new one, so that it begins at the topic's beginning. */
  readonly group: string;
  readonly records: number;
}

export interface Rate {
  readonly recordsPerSecond: number;
}

/** One of ours says more of itself. */
export interface OwnRate extends Rate {
  readonly cpuMicrosecondsPerRecord: number;
}

export const PARTITIONS = 2;
/** Records of {@link RECORD_BYTES} in a batch, give or take: both sides send such batches. */
export const BATCH_RECORDS = 1_000;
export const RECORD_BYTES = 300;
export const COMPRESSION = 'lz4';
/** Most bytes of a fetch: what Java asks for of a partition if it is told nothing. */
export const FETCH_BYTES = 2 ** 20;
