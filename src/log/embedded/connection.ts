import type { MessagePort } from 'node:worker_threads';
import { Channel } from '../../support/channel.ts';
import type { PlainError } from '../../support/errors.ts';
import { logErrors } from '../errors.ts';
import type { TopicPartition } from '../log.ts';
import type { GroupMember } from './groups.ts';
import type { ConnectionCalls, LogCalls, Membership, PartitionEnd, StoredTopic } from './protocol.ts';
import type { LogServer } from './server.ts';

/** One thread that uses the log, as the log's thread sees it. */
export class Connection {
  readonly #server: LogServer;
  readonly #port: MessagePort;
  readonly #channel: Channel<ConnectionCalls>;
  readonly #members = new Map<number, Member>();

  constructor(server: LogServer, port: MessagePort) {
    this.#server = server;
    this.#port = port;
    this.#channel = new Channel<ConnectionCalls>(port, this.#calls());
  }

  announceTopics(topics: readonly StoredTopic[]): void {
    this.#channel.tell('topics', topics);
  }

  announceEnds(ends: readonly PartitionEnd[]): void {
    if (this.#members.size > 0) this.#channel.tell('appended', ends);
  }

  /** Tells the other side why there is no log any more. */
  end(reason: PlainError): void {
    this.#channel.tell('ended', reason);
    this.#port.close();
  }

  /** The other side is gone, with all its members. */
  leaveAll(): void {
    this.#channel.fail(logErrors.LOG_CLOSED('the thread of the member has ended'));
    for (const member of this.#members.values()) this.#server.groups.leave(member);
    this.#members.clear();
  }

  #calls(): LogCalls {
    const server = this.#server;
    return {
      greet: () => {
        const { recordBytes, batchBytes } = server.config;
        return { logId: server.store.logId, topics: server.store.topics, limits: { recordBytes, batchBytes } };
      },
      append: (to, batch) => server.append(to, batch),
      createTopic: (name, options) => server.createTopic(name, options),
      offsets: (topic) => server.store.offsets(topic),
      offsetsAt: (name, timestamp) =>
        server.store.topic(name).tables.map((_, partition) => {
          const of = { topic: name, partition };
          return { ...of, offset: server.store.offsetAt(server.store.partition(of), timestamp) };
        }),
      committed: (group) => server.store.positions(group),
      groups: () => [...new Set([...server.store.groups(), ...server.groups.names()])],
      alterPositions: async (group, changes) => {
        if (server.groups.members(group).length > 0)
          throw logErrors.GROUP_HAS_MEMBERS(`group ${group} has members, whose positions would not follow`);
        await server.setPositions(group, changes);
      },
      deleteRecords: (before) => server.deleteRecords(before),
      join: async (membership) => {
        const member = new Member(server, this.#channel, membership);
        this.#members.set(membership.member, member);
        server.groups.join(member);
        await server.rememberSubscription(membership.group);
      },
      leave: (id) => {
        const member = this.#members.get(id);
        this.#members.delete(id);
        if (member) server.groups.leave(member);
      },
      commit: async (id, positions) => {
        const member = this.#members.get(id);
        if (!member) throw logErrors.PARTITION_NOT_OWNED('the consumer is not a member of its group');
        server.groups.assertOwned(member, positions);
        await server.setPositions(member.group, positions);
      },
    };
  }
}

/** A member of a group at the other end of a connection. */
class Member implements GroupMember {
  readonly #server: LogServer;
  readonly #channel: Channel<ConnectionCalls>;
  readonly #membership: Membership;

  constructor(server: LogServer, channel: Channel<ConnectionCalls>, membership: Membership) {
    this.#server = server;
    this.#channel = channel;
    this.#membership = membership;
  }

  get group(): string {
    return this.#membership.group;
  }

  get topics(): readonly string[] {
    return this.#membership.topics;
  }

  assign(partitions: readonly TopicPartition[]): void {
    const { member, group, from } = this.#membership;
    const starts = partitions.map(({ topic, partition }) => {
      const { startOffset, endOffset } = this.#server.store.partition({ topic, partition });
      const committed = this.#server.store.position(group, { topic, partition });
      const offset = committed ?? (from === 'latest' ? endOffset : startOffset);
      return { topic, partition, offset: Math.min(Math.max(offset, startOffset), endOffset), endOffset };
    });
    this.#channel.tell('assign', member, starts);
  }

  async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    await this.#channel.call('revoke', [this.#membership.member, plain(partitions)]);
  }

  lost(partitions: readonly TopicPartition[]): void {
    this.#channel.tell('lost', this.#membership.member, plain(partitions));
  }
}

function plain(partitions: readonly TopicPartition[]): readonly TopicPartition[] {
  return partitions.map(({ topic, partition }) => ({ topic, partition }));
}
