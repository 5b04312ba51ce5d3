import { groupOf } from '../loader/connector.ts';
import { replayTopic } from '../log/dead-letter.ts';
import type { Admin, Position, TopicPartition } from '../log/log.ts';
import { partitionName } from '../log/log.ts';
import { defineErrors } from '../support/errors.ts';

export const positionErrors = defineErrors({
  OFFSET_NOT_HELD: { decision: 'refuse', help: 'Give an offset from the first to the end of what the log holds.' },
});

/** A new position of a partition; without an offset it is forgotten. */
export type PositionChange = TopicPartition & { readonly offset?: number };

/**
 * Those of the changes whose partitions the log has: a position in one that is gone can only be
 * forgotten. Throws OFFSET_NOT_HELD where loading could not go on.
 */
export async function heldOf(admin: Admin, changes: readonly PositionChange[]): Promise<readonly PositionChange[]> {
  const known = new Set((await admin.topics()).map(({ name }) => name));
  const topics = [...new Set(changes.map(({ topic }) => topic))].filter((topic) => known.has(topic));
  const partitions = (await Promise.all(topics.map((topic) => admin.offsets(topic)))).flat();
  const bounds = new Map(partitions.map((one) => [partitionName(one), one]));
  return changes.filter((change) => {
    const { offset } = change;
    const name = partitionName(change);
    const held = bounds.get(name);
    if (offset === undefined) return held !== undefined;
    if (!held) throw positionErrors.OFFSET_NOT_HELD(`The log has no partition ${name}.`);
    const { startOffset, endOffset } = held;
    if (offset >= startOffset && offset <= endOffset) return true;
    const range = `from offset ${startOffset} to ${endOffset}`;
    throw positionErrors.OFFSET_NOT_HELD(`The log holds ${name} ${range}, and not ${offset}.`);
  });
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
