/**
 * What members of a group tell each other through Kafka, in the format that its tools read, and how
 * the leader shares the partitions out.
 * Source: https://kafka.apache.org/protocol and KIP-429 (cooperative rebalancing)
 */
import { sharePartitions } from '../assignment.ts';
import type { TopicPartition } from '../log.ts';
import { partitionName } from '../log.ts';
import {
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
} from './client.ts';

export const PROTOCOL_TYPE = 'consumer';

/** A name of our own: members that share out by other rules can't be in one group with these. */
export const PROTOCOL = 'millrace-cooperative';

/** The first version that carries both what a member owns and since when. */
const SUBSCRIPTION_VERSION = 2;
const ASSIGNMENT_VERSION = 0;

/** A member as the leader sees it. */
export interface GroupMember {
  readonly memberId: string;
  readonly metadata: Buffer;
}

/** What the leader gives a member. */
export interface Share {
  readonly memberId: string;
  readonly assignment: Buffer;
}

export function encodeSubscription(
  topics: readonly string[],
  owned: readonly TopicPartition[],
  generation: number,
): Buffer {
  return encodeConsumerProtocolSubscription({
    version: SUBSCRIPTION_VERSION,
    topics: [...topics],
    ownedPartitions: byTopic(owned),
    generationId: generation,
  });
}

export function decodeAssignment(assignment: Buffer): TopicPartition[] {
  return fromTopics(decodeConsumerProtocolAssignment(assignment).assignedPartitions);
}

export function topicsOf(members: readonly GroupMember[]): string[] {
  return [...new Set(members.flatMap(({ metadata }) => decodeConsumerProtocolSubscription(metadata).topics))].sort();
}

/**
 * Who gets what in the next generation: as even as can be, moving as little as can be. A partition
 * that changes hands is nobody's for one generation, so that its owner lets go of it first.
 */
export function shareOut(partitions: readonly TopicPartition[], members: readonly GroupMember[]): Share[] {
  const sharers = members.map(({ memberId, metadata }) => {
    const { topics, ownedPartitions, generationId } = decodeConsumerProtocolSubscription(metadata);
    return { memberId, topics, generation: generationId, owned: fromTopics(ownedPartitions).map(partitionName) };
  });
  const owners = new Map<string, (typeof sharers)[number]>();
  // Of two who claim a partition, the one of the later generation has it.
  for (const sharer of sharers.toSorted((a, b) => a.generation - b.generation)) {
    for (const name of sharer.owned) owners.set(name, sharer);
  }
  const shares = sharePartitions(partitions, sharers, owners);
  return sharers.map((sharer) => {
    const mine = partitions.filter((partition) => {
      const name = partitionName(partition);
      const owner = owners.get(name);
      return shares.get(name) === sharer && (owner === undefined || owner === sharer);
    });
    const assignment = encodeConsumerProtocolAssignment({
      version: ASSIGNMENT_VERSION,
      assignedPartitions: byTopic(mine),
    });
    return { memberId: sharer.memberId, assignment };
  });
}

function byTopic(partitions: readonly TopicPartition[]) {
  return [...Map.groupBy(partitions, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
    topic,
    partitions: ofTopic.map(({ partition }) => partition),
  }));
}

function fromTopics(assignments: readonly { readonly topic: string; readonly partitions: readonly number[] }[]) {
  return assignments.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}
