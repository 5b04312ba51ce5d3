import { logErrors } from '../errors.ts';
import type { TopicPartition } from '../log.ts';
import { partitionName } from '../log.ts';
import * as apis from './apis.ts';
import type { Cluster, Connections } from './cluster.ts';
import { check } from './errors.ts';

/** Times that mean places. Source: the ListOffsets request of Kafka's protocol. */
export const LATEST = -1;
export const EARLIEST = -2;

const NO_REPLICA = -1;
const READ_UNCOMMITTED = 0;
const ANY_EPOCH = -1;

/** Finds offsets by time. */
export class Offsets {
  readonly #cluster: Cluster;
  readonly #connections: Connections;

  constructor(cluster: Cluster, connections: Connections) {
    this.#cluster = cluster;
    this.#connections = connections;
  }

  /**
   * The first offset at or after a time for each partition, the end if there is none; asks once.
   * Rejects as a whole, mostly with LOG_UNAVAILABLE.
   */
  async find(
    partitions: readonly TopicPartition[],
    time: number,
    timeoutMs = this.#cluster.config.requestTimeout,
  ): Promise<readonly number[]> {
    const found = await this.#ask(partitions, time, timeoutMs);
    const after = partitions.filter((partition) => found.get(partitionName(partition)) === undefined);
    const ends = after.length > 0 ? await this.#ask(after, LATEST, timeoutMs) : found;
    return partitions.map((partition) => {
      const name = partitionName(partition);
      const offset = found.get(name) ?? ends.get(name);
      if (offset === undefined) throw logErrors.LOG_UNAVAILABLE(`no broker told the offsets of ${name}`);
      return offset;
    });
  }

  async #ask(partitions: readonly TopicPartition[], time: number, timeoutMs: number): Promise<Map<string, number>> {
    const byNode = Map.groupBy(partitions, (partition) => {
      const leader = this.#cluster.leaderOf(partition);
      if (!leader) throw logErrors.LOG_UNAVAILABLE(`${partitionName(partition)} has no leader at present`);
      return leader.node;
    });
    const found = new Map<string, number>();
    await Promise.all(
      [...byNode].map(async ([node, mine]) => {
        const topics = [...Map.groupBy(mine, ({ topic }) => topic)].map(([name, ofTopic]) => ({
          name,
          partitions: ofTopic.map(({ partition }) => ({
            partitionIndex: partition,
            currentLeaderEpoch: ANY_EPOCH,
            timestamp: BigInt(time),
          })),
        }));
        const answer = await this.#connections.request(
          node,
          timeoutMs,
          apis.listOffsets,
          NO_REPLICA,
          READ_UNCOMMITTED,
          topics,
        );
        for (const { name: topic, partitions: results } of answer.topics) {
          for (const { partitionIndex: partition, errorCode, offset } of results) {
            const name = partitionName({ topic, partition });
            check(errorCode, `offsets of ${name}`);
            if (offset >= 0n) found.set(name, Number(offset));
          }
        }
      }),
    );
    return found;
  }
}
