import type { TopicPartition } from '../log/log.ts';

/** What a comparison of a partition with a store found. Records of the log count by what they say, byte for byte. */
export interface PartitionFindings extends TopicPartition {
  /** The first offset that was compared, and the one after the last: what the log still holds, and the store says it has. */
  readonly from: number;
  readonly to: number;
  /** Records of the log in between. */
  readonly records: number;
  /** Of these: in the dead letters of the connector, and so not in the store. */
  readonly deadLettered: number;
  /** Records that the store holds for them. */
  readonly stored: number;
  /** Records that neither the store nor the dead letters have. */
  readonly lost: number;
  /** Copies beyond the records of the log. */
  readonly doubled: number;
  /** Records in the store that are not in that part of the log. */
  readonly unexpected: number;
  /** Files that can't be read to their end, or are not what was committed. */
  readonly corrupt: number;
}

/** Told how many records of how many have been compared. */
export type VerifyProgress = (done: number, all: number) => void;

/** Whether nothing is wrong. */
export function isSound({ lost, doubled, unexpected, corrupt }: PartitionFindings): boolean {
  return lost + doubled + unexpected + corrupt === 0;
}
