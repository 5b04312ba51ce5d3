import { groupOf } from '../loader/connector.ts';
import { replayTopic } from '../log/dead-letter.ts';
import type { Admin, Position } from '../log/log.ts';

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
