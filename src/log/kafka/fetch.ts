import type { TopicPartition } from '../log.ts';
import type * as apis from './apis.ts';
import type { Leader } from './cluster.ts';

/** Rule of this client: with more, a backlog takes hundreds of megabytes. */
export const FETCH_BYTES = 512 * 1024;

const READ_COMMITTED = 1;
const NO_SESSION = 0;
const FULL_FETCH = -1;
const MIN_BYTES = 1;

/** From where on to read one partition. */
export interface FetchFrom extends TopicPartition {
  readonly offset: number;
  readonly leader: Leader;
  /** Epoch of the leader that wrote what was read last, by which Kafka knows what is gone; -1 if none. */
  readonly lastEpoch: number;
  readonly maxBytes: number;
}

type FetchArguments = Parameters<typeof apis.fetchRecords.async> extends [unknown, ...infer A] ? A : never;

/** The request for records of partitions that one broker leads. */
export function fetchRequest(from: readonly FetchFrom[], maxWaitMs: number): FetchArguments {
  const topics = [...Map.groupBy(from, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
    topicId: topic,
    partitions: ofTopic.map(({ partition, offset, leader, lastEpoch, maxBytes }) => ({
      partition,
      currentLeaderEpoch: leader.epoch,
      fetchOffset: BigInt(offset),
      lastFetchedEpoch: lastEpoch,
      partitionMaxBytes: maxBytes,
    })),
  }));
  return [maxWaitMs, MIN_BYTES, FETCH_BYTES, READ_COMMITTED, NO_SESSION, FULL_FETCH, topics, [], ''];
}
