import { settlesWithin } from '../../support/within.ts';
import { sharePartitions } from '../assignment.ts';
import { logErrors } from '../errors.ts';
import type { Position, TopicPartition } from '../log.ts';
import { partitionName } from '../log.ts';

/** How long a member may take to let go of a partition before it is taken away. */
export const REVOKE_TIMEOUT_MS = 30_000;

/** A member of a group, wherever it lives. */
export interface GroupMember {
  readonly group: string;
  readonly topics: readonly string[];
  assign(partitions: readonly TopicPartition[]): void;
  /** Settles when the member has let go. */
  revoke(partitions: readonly TopicPartition[]): Promise<void>;
  lost(partitions: readonly TopicPartition[]): void;
}

export interface GroupsOptions {
  /** All partitions of these topics that exist. */
  partitionsOf(topics: ReadonlySet<string>): readonly TopicPartition[];
  readonly revokeTimeoutMs?: number;
}

/** Who is in which consumer group, and has which partitions. */
export class Groups {
  readonly #groups = new Map<string, Group>();
  readonly #options: GroupsOptions;

  constructor(options: GroupsOptions) {
    this.#options = options;
  }

  join(member: GroupMember): void {
    let group = this.#groups.get(member.group);
    if (!group) {
      group = new Group(this.#options);
      this.#groups.set(member.group, group);
    }
    group.members.add(member);
    void group.rebalance();
  }

  leave(member: GroupMember): void {
    const group = this.#groups.get(member.group);
    if (!group?.members.delete(member)) return;
    group.release(member);
    if (group.members.size === 0) this.#groups.delete(member.group);
    void group.rebalance();
  }

  /** Members of a group at present. */
  members(group: string): readonly GroupMember[] {
    return [...(this.#groups.get(group)?.members ?? [])];
  }

  names(): readonly string[] {
    return [...this.#groups.keys()];
  }

  /** Throws unless the member has all of these partitions. */
  assertOwned(member: GroupMember, positions: readonly Position[]): void {
    const owners = this.#groups.get(member.group)?.owners;
    for (const position of positions) {
      const name = partitionName(position);
      if (owners?.get(name) !== member)
        throw logErrors.PARTITION_NOT_OWNED(`partition ${name} is not this member's in group ${member.group}`);
    }
  }

  /** Nobody is a member of anything any more, and nothing is shared out. */
  disband(): void {
    for (const group of this.#groups.values()) group.members.clear();
    this.#groups.clear();
  }

  /** There are new partitions: whoever reads their topics shares them. */
  partitionsChanged(): void {
    for (const group of this.#groups.values()) void group.rebalance();
  }
}

class Group {
  readonly members = new Set<GroupMember>();
  /** By partition name. */
  readonly owners = new Map<string, GroupMember>();
  readonly #options: GroupsOptions;
  #rebalancing = false;
  #changed = false;

  constructor(options: GroupsOptions) {
    this.#options = options;
  }

  release(member: GroupMember): void {
    for (const [name, owner] of this.owners) if (owner === member) this.owners.delete(name);
  }

  /** Shares the partitions anew; again, if members came or went meanwhile. */
  async rebalance(): Promise<void> {
    this.#changed = true;
    if (this.#rebalancing) return;
    this.#rebalancing = true;
    while (this.#changed) {
      this.#changed = false;
      await this.#shareOnce();
    }
    this.#rebalancing = false;
  }

  async #shareOnce(): Promise<void> {
    const topics = new Set([...this.members].flatMap((member) => member.topics));
    const partitions = this.#options.partitionsOf(topics);
    const shares = sharePartitions(partitions, [...this.members], this.owners);
    const moving = partitions.filter((partition) => {
      const owner = this.owners.get(partitionName(partition));
      return owner && owner !== shares.get(partitionName(partition));
    });
    const byOwner = Map.groupBy(moving, (partition) => this.owners.get(partitionName(partition))!);
    await Promise.all(Array.from(byOwner, ([owner, theirs]) => this.#take(owner, theirs)));
    if (this.#changed) return;
    const free = partitions.filter((partition) => !this.owners.has(partitionName(partition)));
    const byTaker = Map.groupBy(free, (partition) => shares.get(partitionName(partition)));
    for (const [taker, theirs] of byTaker) {
      if (!taker) continue;
      for (const partition of theirs) this.owners.set(partitionName(partition), taker);
      taker.assign(theirs);
    }
  }

  async #take(owner: GroupMember, partitions: readonly TopicPartition[]): Promise<void> {
    // A member that fails to answer has gone with its thread, and lets go by that.
    const timeoutMs = this.#options.revokeTimeoutMs ?? REVOKE_TIMEOUT_MS;
    const inTime = await settlesWithin(owner.revoke(partitions), timeoutMs);
    for (const partition of partitions) {
      const name = partitionName(partition);
      if (this.owners.get(name) === owner) this.owners.delete(name);
    }
    if (!inTime) owner.lost(partitions);
  }
}
