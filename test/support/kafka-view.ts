import { randomUUID } from 'node:crypto';
import { Admin, Consumer, ListOffsetTimestamps } from '@platformatic/kafka';
import type { Copies } from './read-back.ts';

/** Longest time to read topics back. */
const READ_MS = 600_000;
const CLIENT_ID = 'from-outside';

/** Kafka as someone sees it who has nothing to do with the program: none of its code is used. */
export class KafkaView {
  readonly #brokers: string[];
  readonly #admin: Admin;

  constructor(brokers: readonly string[]) {
    this.#brokers = [...brokers];
    this.#admin = new Admin({ clientId: CLIENT_ID, bootstrapBrokers: this.#brokers });
  }

  /** The sum of a group's positions in these topics; a partition without one counts as 0. */
  async committed(group: string, topics: readonly string[]): Promise<number> {
    const [of] = await this.#admin.listConsumerGroupOffsets({ groups: [group] });
    return (of?.topics ?? [])
      .filter(({ name }) => topics.includes(name))
      .flatMap(({ partitions }) => partitions)
      .reduce((sum, { committedOffset }) => sum + Math.max(0, Number(committedOffset)), 0);
  }

  /** The sum of the ends of all partitions of these topics. */
  async end(topics: readonly string[]): Promise<number> {
    const ends = await this.#ends(topics);
    return [...ends.values()].reduce((sum, end) => sum + end, 0);
  }

  /** The id of the node that leads a partition. */
  async leaderOf(topic: string, partition: number): Promise<number | undefined> {
    const { topics } = await this.#admin.metadata({ topics: [topic], forceUpdate: true });
    return topics.get(topic)?.partitions[partition]?.leader;
  }

  async create(topic: string, partitions: number): Promise<void> {
    await this.#admin.createTopics({ topics: [topic], partitions, replicas: 1 });
  }

  async remove(topic: string): Promise<void> {
    await this.#admin.deleteTopics({ topics: [topic] });
  }

  /** How often each event id stands in these topics, from their beginnings to their present ends. */
  async ids(topics: readonly string[], field = 'id'): Promise<Copies> {
    const copies = new Map<string, number>();
    const left = new Map([...(await this.#ends(topics))].filter(([, end]) => end > 0));
    if (left.size === 0) return copies;
    const consumer = new Consumer({
      clientId: CLIENT_ID,
      groupId: `${CLIENT_ID}-${randomUUID()}`,
      bootstrapBrokers: this.#brokers,
    });
    try {
      const stream = await consumer.consume({ topics: [...topics], mode: 'earliest', autocommit: false });
      const deadline = setTimeout(() => stream.destroy(new Error('the topics could not be read back')), READ_MS);
      for await (const { topic, partition, offset, value } of stream) {
        const { [field]: id = '' } = JSON.parse(value.toString()) as Record<string, string>;
        copies.set(id, (copies.get(id) ?? 0) + 1);
        const name = `${topic}-${partition}`;
        if (Number(offset) + 1 >= (left.get(name) ?? Number.POSITIVE_INFINITY)) left.delete(name);
        if (left.size === 0) break;
      }
      clearTimeout(deadline);
    } finally {
      await consumer.close(true);
    }
    return copies;
  }

  async close(): Promise<void> {
    await this.#admin.close();
  }

  async #ends(topics: readonly string[]): Promise<Map<string, number>> {
    const described = (await this.#admin.metadata({ topics: [...topics], forceUpdate: true })).topics;
    const listed = await this.#admin.listOffsets({
      topics: [...described].map(([name, { partitions }]) => ({
        name,
        partitions: partitions.map((_, partitionIndex) => ({ partitionIndex, timestamp: ListOffsetTimestamps.LATEST })),
      })),
    });
    return new Map(
      listed.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, offset }) => [`${name}-${partitionIndex}`, Number(offset)] as const),
      ),
    );
  }
}
