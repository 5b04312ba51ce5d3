import { logErrors } from '../errors.ts';
import type { Admin, PartitionOffsets, Position, TopicDescription, TopicOptions, TopicPartition } from '../log.ts';
import * as apis from './apis.ts';
import type { Cluster, Connections, Topic } from './cluster.ts';
import { Coordinator } from './coordinator.ts';
import {
  check,
  GROUP_ID_NOT_FOUND,
  TOPIC_ALREADY_EXISTS,
  UNKNOWN_MEMBER_ID,
  UNKNOWN_TOPIC_OR_PARTITION,
} from './errors.ts';
import { EARLIEST, LATEST, Offsets } from './offsets.ts';

/** The copies that the cluster's own `default.replication.factor` says. */
const DEFAULT_REPLICATION = -1;

/** A topic among the kinds of things that have settings. */
const TOPIC_RESOURCE = 2 as const;

/** Kafka's rule for names of topics, which it does not always tell as such. */
const TOPIC_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;

/** Of a question that no replica asks, and that is for whoever leads. */
const NO_REPLICA = -1;
const ANY_EPOCH = -1;

/** A commit from outside of a group: of no member and no generation. */
const NO_GENERATION = -1;

export class KafkaAdmin implements Admin {
  readonly #cluster: Cluster;
  readonly #connections: Connections;
  readonly #offsets: Offsets;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#connections = cluster.connections();
    this.#offsets = new Offsets(cluster, this.#connections);
  }

  async logId(): Promise<string> {
    return this.#cluster.persist({}, async () => {
      if (this.#cluster.id === undefined) await this.#cluster.refresh([]);
      if (this.#cluster.id === undefined) throw logErrors.LOG_UNAVAILABLE('Kafka does not tell its cluster id');
      return this.#cluster.id;
    });
  }

  async topics(): Promise<readonly TopicDescription[]> {
    return this.#cluster.persist({}, async () => {
      await this.#cluster.refresh(undefined);
      return this.#cluster.topicNames().map((name) => describe(name, this.#cluster.topic(name)!));
    });
  }

  async createTopic(name: string, options: TopicOptions): Promise<TopicDescription> {
    if (!TOPIC_NAME.test(name)) {
      throw logErrors.TOPIC_NAME_INVALID(`${JSON.stringify(name.slice(0, 300))} is no name for a topic`);
    }
    let isOurs = false;
    return this.#cluster.persist({}, async (remainingMs) => {
      await this.#cluster.refresh([name], remainingMs);
      const existing = this.#cluster.topic(name);
      if (existing && (!isOurs || existing.leaders.every((leader) => leader))) {
        const config = isOurs ? options.config : await this.#settingsOf(name, options, remainingMs);
        return { ...describe(name, existing), ...(config ? { config } : {}) };
      }
      if (!existing) await this.#create(name, options, remainingMs);
      // One that was just made is of use when every partition has a leader.
      isOurs = true;
      throw logErrors.LOG_UNAVAILABLE(`topic ${name} has no leaders yet`);
    });
  }

  async offsets(topic: string): Promise<readonly PartitionOffsets[]> {
    return this.#onTopic(topic, async (partitions) => {
      const [starts, ends] = await Promise.all([
        this.#offsets.find(partitions, EARLIEST),
        this.#offsets.find(partitions, LATEST),
      ]);
      return partitions.map(({ partition }, index) => ({
        topic,
        partition,
        startOffset: starts[index]!,
        endOffset: ends[index]!,
      }));
    });
  }

  async endOfEpoch({ topic, partition }: TopicPartition, leaderEpoch: number): Promise<number | undefined> {
    return this.#onTopic(topic, async (_, remainingMs) => {
      const leader = this.#cluster.leaderOf({ topic, partition });
      if (!leader) throw logErrors.LOG_UNAVAILABLE(`${topic}-${partition} has no leader at present`);
      const asked = { partitionIndex: partition, currentLeaderEpoch: ANY_EPOCH, leaderEpoch };
      const topics = [{ name: topic, partitions: [asked] }];
      const answer = await this.#connections.request(
        leader.node,
        remainingMs,
        apis.offsetForLeaderEpoch,
        NO_REPLICA,
        topics,
      );
      const [found] = answer.topics.flatMap(({ partitions }) => partitions);
      if (!found) throw logErrors.LOG_UNAVAILABLE(`the end of an epoch of ${topic}-${partition}: the answer is empty`);
      check(found.errorCode, `the end of an epoch of ${topic}-${partition}`);
      return found.endOffset < 0n ? undefined : Number(found.endOffset);
    });
  }

  async offsetsAt(topic: string, timestamp: number): Promise<readonly Position[]> {
    return this.#onTopic(topic, async (partitions) => {
      // Negative times have meanings of their own to Kafka.
      const offsets = await this.#offsets.find(partitions, Math.max(0, Math.ceil(timestamp)));
      return partitions.map(({ partition }, index) => ({ topic, partition, offset: offsets[index]! }));
    });
  }

  async committed(group: string): Promise<readonly Position[]> {
    const coordinator = new Coordinator(this.#cluster, this.#connections, group);
    const positions = await this.#cluster.persist({}, (remainingMs) => coordinator.committed(null, remainingMs));
    return positions.toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
  }

  async groups(): Promise<readonly string[]> {
    return this.#cluster.persist({}, async (remainingMs) => {
      await this.#cluster.refresh([], remainingMs);
      const answers = await Promise.all(
        this.#cluster.nodes().map((node) => this.#connections.request(node, remainingMs, apis.listGroups, [], [])),
      );
      for (const { errorCode } of answers) check(errorCode, 'groups');
      return [...new Set(answers.flatMap(({ groups }) => groups.map(({ groupId }) => groupId)))];
    });
  }

  async alterPositions(
    group: string,
    positions: readonly (TopicPartition & { readonly offset?: number })[],
  ): Promise<void> {
    for (const { offset } of positions) {
      if (offset !== undefined && !(Number.isSafeInteger(offset) && offset >= 0)) {
        throw new RangeError(`${offset} is no offset`);
      }
    }
    const set = positions.filter((position): position is Position => position.offset !== undefined);
    const forgotten = positions.filter(({ offset }) => offset === undefined);
    const coordinator = new Coordinator(this.#cluster, this.#connections, group);
    await this.#cluster.persist({}, async (remainingMs) => {
      if (await coordinator.hasMembers(remainingMs)) {
        throw logErrors.GROUP_HAS_MEMBERS(`group ${JSON.stringify(group)} has members`);
      }
      // A member that joins after the question above is met here, as an unknown member's commit.
      if (set.length > 0) await this.#commit(coordinator, set, remainingMs);
      if (forgotten.length > 0) await this.#forget(coordinator, forgotten, remainingMs);
    });
  }

  async deleteRecords(before: readonly Position[]): Promise<void> {
    for (const position of before) {
      const { topic, partition, offset } = position;
      await this.#onTopic(topic, async (_, remainingMs) => {
        const leader = this.#cluster.leaderOf(position);
        if (!leader) throw logErrors.LOG_UNAVAILABLE(`${topic}-${partition} has no leader at present`);
        const topics = [{ name: topic, partitions: [{ partitionIndex: partition, offset: BigInt(offset) }] }];
        const answer = await this.#connections.request(
          leader.node,
          remainingMs,
          apis.deleteRecords,
          topics,
          Math.ceil(remainingMs),
        );
        for (const { errorCode } of answer.topics.flatMap(({ partitions }) => partitions)) {
          check(errorCode, `delete records of ${topic}-${partition}`);
        }
      });
    }
  }

  close(): void {
    this.#connections.close();
  }

  async #create(name: string, options: TopicOptions, remainingMs: number): Promise<void> {
    const { controller } = this.#cluster;
    if (controller === undefined) throw logErrors.LOG_UNAVAILABLE('Kafka has no controller at present');
    const topic = {
      name,
      numPartitions: options.partitions,
      replicationFactor: options.replication ?? DEFAULT_REPLICATION,
      assignments: [],
      configs: Object.entries(options.config ?? {}).map(([key, value]) => ({ name: key, value })),
    };
    const timeoutMs = Math.ceil(remainingMs);
    const answer = await this.#connections.request(
      controller,
      remainingMs,
      apis.createTopics,
      [topic],
      timeoutMs,
      false,
    );
    const [created] = answer.topics;
    if (!created) throw logErrors.LOG_UNAVAILABLE(`create topic ${name}: the answer is empty`);
    if (created.errorCode !== TOPIC_ALREADY_EXISTS) {
      check(created.errorCode, `create topic ${name}`, created.errorMessage);
    }
  }

  /** Of the settings that were asked for, those in force. */
  async #settingsOf(
    name: string,
    { config }: TopicOptions,
    remainingMs: number,
  ): Promise<Readonly<Record<string, string>> | undefined> {
    if (!config) return undefined;
    const [node] = this.#cluster.nodes();
    if (node === undefined) throw logErrors.LOG_UNAVAILABLE('Kafka has no broker at present');
    const resource = { resourceType: TOPIC_RESOURCE, resourceName: name, configurationKeys: Object.keys(config) };
    const answer = await this.#connections.request(node, remainingMs, apis.describeConfigs, [resource], false, false);
    const [result] = answer.results;
    if (!result) throw logErrors.LOG_UNAVAILABLE(`settings of topic ${name}: the answer is empty`);
    check(result.errorCode, `settings of topic ${name}`, result.errorMessage);
    return Object.fromEntries(result.configs.map((setting) => [setting.name, setting.value ?? '']));
  }

  async #commit(coordinator: Coordinator, positions: readonly Position[], remainingMs: number): Promise<void> {
    const code = await coordinator.commit({ generation: NO_GENERATION, memberId: '' }, positions, remainingMs);
    if (code === UNKNOWN_MEMBER_ID) throw logErrors.GROUP_HAS_MEMBERS('the group has members');
    check(code, 'set positions');
  }

  async #forget(coordinator: Coordinator, positions: readonly TopicPartition[], remainingMs: number): Promise<void> {
    const code = await coordinator.forget(positions, remainingMs);
    // What is not known any more has no positions.
    if (code !== GROUP_ID_NOT_FOUND && code !== UNKNOWN_TOPIC_OR_PARTITION) check(code, 'forget positions');
  }

  /** On all partitions of a topic, by those who lead them now. */
  async #onTopic<T>(
    topic: string,
    ask: (partitions: readonly TopicPartition[], remainingMs: number) => Promise<T>,
  ): Promise<T> {
    return this.#cluster.persist({ topics: [topic] }, async (remainingMs) => {
      if (!this.#cluster.topic(topic)) await this.#cluster.refresh([topic], remainingMs);
      const found = this.#cluster.topic(topic);
      if (!found) throw logErrors.TOPIC_UNKNOWN(`there is no topic ${JSON.stringify(topic)} in Kafka`);
      return ask(
        found.leaders.map((_, partition) => ({ topic, partition })),
        remainingMs,
      );
    });
  }
}

function describe(name: string, { id, leaders, replication }: Topic): TopicDescription {
  return { name, id, partitions: leaders.length, replication };
}
