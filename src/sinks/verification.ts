import { deadLetterTopic, fromDeadLetter } from '../log/dead-letter.ts';
import type { Log, LogRecord, TopicPartition } from '../log/log.ts';
import { partitionName } from '../log/log.ts';

/**
 * What a comparison of a partition with a store found. For files, records of the log count by what
 * they say, byte for byte; for keyed stores by the event that they carry.
 */
export interface PartitionFindings extends TopicPartition {
  /** The first offset that was compared, and the one after the last: what the log still holds, and the store says it has. */
  readonly from: number;
  readonly to: number;
  /** Records of the log in between. */
  readonly records: number;
  /** Of these: in the dead letters of the connector, and so not in the store. */
  readonly deadLettered: number;
  /** Records that the store holds for them; a keyed store holds two records of one event by one entry. */
  readonly stored: number;
  /** Records that neither the store nor the dead letters have. */
  readonly lost: number;
  /** Copies beyond the records of the log. */
  readonly doubled: number;
  /** Records in the store that are not in that part of the log. */
  readonly unexpected: number;
  /** Files that can't be read to their end, or are not what was committed; entries of a keyed store that say something else. */
  readonly corrupt: number;
}

/** What a comparison of a connector found. */
export interface Findings {
  readonly partitions: readonly PartitionFindings[];
  /** Entries of the store that belong to no partition of the log. */
  readonly unexpected: number;
}

/** Told how many records of how many have been compared. */
export type VerifyProgress = (done: number, all: number) => void;

/** Whether nothing is wrong. */
export function isSound({
  lost,
  doubled,
  unexpected,
  corrupt,
}: Pick<PartitionFindings, 'lost' | 'doubled' | 'unexpected' | 'corrupt'>): boolean {
  return lost + doubled + unexpected + corrupt === 0;
}

/** The offsets of records that the connector refused, by partition. */
export async function deadLetterOffsets(log: Log, connector: string): Promise<Map<string, Set<number>>> {
  const topic = deadLetterTopic(connector);
  const offsets = new Map<string, Set<number>>();
  for (const { partition, startOffset, endOffset } of await log.admin.offsets(topic)) {
    for await (const record of recordsOf(log, { topic, partition }, startOffset, endOffset)) {
      const { source } = fromDeadLetter(record).context;
      if (!source) continue;
      const of = offsets.get(partitionName(source)) ?? new Set<number>();
      offsets.set(partitionName(source), of.add(source.offset));
    }
  }
  return offsets;
}

/** The records from an offset to before another one. */
export async function* recordsOf(log: Log, at: TopicPartition, from: number, to: number): AsyncGenerator<LogRecord> {
  for (let offset = from; offset < to; ) {
    const { records } = await log.read({ ...at, offset });
    const last = records.at(-1);
    if (!last) return;
    for (const record of records) if (record.offset >= from && record.offset < to) yield record;
    offset = last.offset + 1;
  }
}
