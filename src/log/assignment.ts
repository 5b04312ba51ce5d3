import type { TopicPartition } from './log.ts';
import { partitionName } from './log.ts';

/** What shares partitions: whoever reads these topics. */
export interface Sharer {
  readonly topics: readonly string[];
}

/**
 * Shares partitions out so that no two members that could take each other's partitions differ by
 * more than one, and as few as possible change hands. The result is by partition name.
 */
export function sharePartitions<M extends Sharer>(
  partitions: readonly TopicPartition[],
  members: readonly M[],
  owners: ReadonlyMap<string, M>,
): Map<string, M> {
  const loads = new Map(members.map((member) => [member, 0]));
  const loadOf = (member: M) => loads.get(member)!;
  const leastLoaded = (topic: string) =>
    members
      .filter((member) => member.topics.includes(topic))
      .reduce<M | undefined>((best, member) => (best && loadOf(best) <= loadOf(member) ? best : member), undefined);
  const shares = new Map<string, M>();
  const give = (name: string, member: M) => {
    const before = shares.get(name);
    if (before) loads.set(before, loadOf(before) - 1);
    loads.set(member, loadOf(member) + 1);
    shares.set(name, member);
  };

  for (const partition of partitions) {
    const name = partitionName(partition);
    const owner = owners.get(name);
    if (owner && loads.has(owner) && owner.topics.includes(partition.topic)) give(name, owner);
  }
  for (const partition of partitions) {
    const name = partitionName(partition);
    const taker = shares.has(name) ? undefined : leastLoaded(partition.topic);
    if (taker) give(name, taker);
  }
  for (let moved = true; moved; ) {
    moved = false;
    for (const partition of partitions) {
      const name = partitionName(partition);
      const owner = shares.get(name);
      const taker = leastLoaded(partition.topic);
      if (!owner || !taker || loadOf(owner) <= loadOf(taker) + 1) continue;
      give(name, taker);
      moved = true;
    }
  }
  return shares;
}
