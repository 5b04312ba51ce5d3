import type { TopicPartition } from '../../log/log.ts';
import { partitionName } from '../../log/log.ts';
import { withSignal } from '../../support/with-signal.ts';
import type { SinkContext } from '../sink.ts';
import { tableErrors } from './errors.ts';

/** A partition of the log as a table knows it. */
export interface Chain extends TopicPartition {
  readonly connector: string;
  readonly topicId: string;
}

/** What the log holds of a chain. */
interface Bounds {
  readonly startOffset: number;
  readonly endOffset: number;
}

/** The row of a chain in the table of positions. */
export interface StoredPosition {
  readonly topicId: string;
  /** The next offset to load; `undefined` before the first was loaded. */
  readonly next: number | undefined;
}

/** A writer's hold of a partition, by its row in the table of positions. */
export interface Claim {
  /** Unique to the writer; the row says whose turn it is. */
  readonly writer: string;
  /** The position that the writer found there, if there was one. */
  readonly next: number | undefined;
}

/** The chain of a partition, and what the log holds of it. */
export async function chainOf(
  { connector, admin }: Pick<SinkContext, 'connector' | 'admin'>,
  partition: TopicPartition,
  signal: AbortSignal,
): Promise<{ readonly chain: Chain; readonly bounds: Bounds }> {
  const [topics, offsets] = await withSignal(Promise.all([admin.topics(), admin.offsets(partition.topic)]), signal);
  const topicId = topics.find(({ name }) => name === partition.topic)?.id;
  const bounds = offsets.find((each) => each.partition === partition.partition);
  if (topicId === undefined || !bounds) throw new Error(`the log knows no partition ${partitionName(partition)}`);
  return { chain: { connector, ...partition, topicId }, bounds };
}

/**
 * Whether loading can go on from a stored position.
 *
 * @throws TABLE_TOPIC_REPLACED, TABLE_POSITION_OUT_OF_RANGE
 */
export function assertPosition(chain: Chain, bounds: Bounds, { topicId, next }: StoredPosition): void {
  if (topicId !== chain.topicId) {
    throw tableErrors.TABLE_TOPIC_REPLACED(`the table holds another topic's position for ${partitionName(chain)}`);
  }
  if (next !== undefined && (next < bounds.startOffset || next > bounds.endOffset)) {
    throw tableErrors.TABLE_POSITION_OUT_OF_RANGE(
      `${partitionName(chain)} is loaded up to ${next}, and the log holds ${bounds.startOffset} to ${bounds.endOffset}`,
    );
  }
}

/** Names the partition for records without an id of their own, the same for ever. */
export function placeOf({ topicId, partition }: Chain): string {
  return `${topicId}+${partition}`;
}
