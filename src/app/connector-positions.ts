import { groupOf } from '../loader/connector.ts';
import { replayTopic } from '../log/dead-letter.ts';
import type { Admin, Position, TopicPartition } from '../log/log.ts';
import { partitionName } from '../log/log.ts';
import { defineErrors } from '../support/errors.ts';

export const positionErrors = defineErrors({
  OFFSET_NOT_HELD: { decision: 'refuse', help: 'Give an offset from the first to the end of what the log holds.' },
});

/** Throws OFFSET_NOT_HELD unless the log has these partitions, and loading can go on at these offsets. */
export async function assertHeld(
  admin: Admin,
  positions: readonly (TopicPartition & { readonly offset?: number })[],
): Promise<void> {
  const known = new Set((await admin.topics()).map(({ name }) => name));
  const topics = [...new Set(positions.map(({ topic }) => topic))].filter((topic) => known.has(topic));
  const held = new Map(
    (await Promise.all(topics.map((topic) => admin.offsets(topic)))).flat().map((one) => [partitionName(one), one]),
  );
  for (const position of positions) {
    const bounds = held.get(partitionName(position));
    if (!bounds) throw positionErrors.OFFSET_NOT_HELD(`The log has no partition ${partitionName(position)}.`);
    const { startOffset, endOffset } = bounds;
    const { offset = startOffset } = position;
    if (offset >= startOffset && offset <= endOffset) continue;
    throw positionErrors.OFFSET_NOT_HELD(
      `The log holds ${partitionName(position)} from offset ${startOffset} to ${endOffset}, and not ${offset}.`,
    );
  }
}

/** How far a connector is in the topics of its configuration. */
export async function positionsOf(admin: Admin, connector: string): Promise<readonly Position[]> {
  const positions = await admin.committed(groupOf(connector));
  return positions.filter(({ topic }) => topic !== replayTopic(connector));
}

/** By topic, the sum of the offsets that were reached. */
export function reachedByTopic(positions: readonly Position[]): Record<string, number> {
  const sums = new Map<string, number>();
  for (const { topic, offset } of positions) sums.set(topic, (sums.get(topic) ?? 0) + offset);
  return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The topics that records were loaded of since these sums were reached. */
export function activeTopics(positions: readonly Position[], reset: Readonly<Record<string, number>>): string[] {
  const before = new Map(Object.entries(reset));
  const reached = Object.entries(reachedByTopic(positions));
  return reached.filter(([topic, offsets]) => offsets !== (before.get(topic) ?? 0)).map(([topic]) => topic);
}
