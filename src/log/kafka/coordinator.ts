import { decisionOf } from '../../support/errors.ts';
import { logErrors } from '../errors.ts';
import type { Position, TopicPartition } from '../log.ts';
import * as apis from './apis.ts';
import type { Cluster, Connections } from './cluster.ts';
import type { API } from './connection.ts';
import { check, errorOf, GROUP_ID_NOT_FOUND, NO_ERROR, NOT_COORDINATOR } from './errors.ts';

const KEY_IS_GROUP = 0;

/** Offsets of open transactions are waited for, as what comes before them may yet move. */
const REQUIRE_STABLE = true;

/** States of a group in which nobody is in it. Source: org.apache.kafka.coordinator.group */
const WITHOUT_MEMBERS = ['Empty', 'Dead'];

/** Who commits: a member in a generation of its group. */
export interface Committer {
  readonly generation: number;
  readonly memberId: string;
}

/** The broker that keeps a group: found when first asked, and again when it may be another one. */
export class Coordinator {
  readonly #cluster: Cluster;
  readonly #connections: Connections;
  readonly #group: string;
  #node: number | undefined;

  constructor(cluster: Cluster, connections: Connections, group: string) {
    this.#cluster = cluster;
    this.#connections = connections;
    this.#group = group;
  }

  /** Asks the coordinator. Rejects with LOG_UNAVAILABLE if it cannot be found or does not answer. */
  async ask<A extends unknown[], R>(timeoutMs: number, api: API<A, R>, ...args: A): Promise<R> {
    const node = this.#node ?? (await this.#find(timeoutMs));
    try {
      return await this.#connections.request(node, timeoutMs, api, ...args);
    } catch (error) {
      this.#node = undefined;
      throw error;
    }
  }

  /** To be told of every code in an answer: some say that another broker is the coordinator now. */
  heard(code: number): void {
    if (code !== NO_ERROR && (code === NOT_COORDINATOR || errorOf(code, this.#group).code === 'LOG_UNAVAILABLE')) {
      this.#node = undefined;
    }
  }

  check(code: number, what: string): void {
    this.heard(code);
    check(code, `group ${JSON.stringify(this.#group)}: ${what}`);
  }

  /** The positions that the group has stored, of these partitions or of all. */
  async committed(partitions: readonly TopicPartition[] | null, timeoutMs: number): Promise<Position[]> {
    const topics = partitions && byTopic(partitions, ({ partition }) => partition);
    const asked = topics?.map(({ name, partitions: partitionIndexes }) => ({ name, partitionIndexes })) ?? null;
    const groups = [{ groupId: this.#group, memberEpoch: -1, topics: asked }];
    const answer = await this.ask(timeoutMs, apis.offsetFetch, groups, REQUIRE_STABLE);
    const [mine] = answer.groups;
    if (!mine) throw logErrors.LOG_UNAVAILABLE('the answer with positions is empty');
    this.check(mine.errorCode, 'positions');
    return mine.topics.flatMap(({ name, partitions: found }) =>
      found.flatMap(({ partitionIndex: partition, committedOffset, committedLeaderEpoch: leaderEpoch, errorCode }) => {
        this.check(errorCode, 'positions');
        if (committedOffset < 0n) return [];
        const position = { topic: name, partition, offset: Number(committedOffset) };
        return [leaderEpoch === apis.NO_EPOCH ? position : { ...position, leaderEpoch }];
      }),
    );
  }

  /** Stores positions; resolves to the first code that is none of success. */
  async commit(by: Committer, positions: readonly Position[], timeoutMs: number): Promise<number> {
    const topics = byTopic(positions, ({ partition, offset, leaderEpoch = apis.NO_EPOCH }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: leaderEpoch,
      committedMetadata: '',
    }));
    const answer = await this.ask(timeoutMs, apis.offsetCommit, this.#group, by.generation, by.memberId, null, topics);
    return this.#firstFault(answer.topics);
  }

  /** Removes positions; resolves to the first code that is none of success. */
  async forget(positions: readonly TopicPartition[], timeoutMs: number): Promise<number> {
    const topics = byTopic(positions, ({ partition }) => ({ partitionIndex: partition }));
    const answer = await this.ask(timeoutMs, apis.offsetDelete, this.#group, topics);
    this.heard(answer.errorCode);
    return answer.errorCode === NO_ERROR ? this.#firstFault(answer.topics) : answer.errorCode;
  }

  async hasMembers(timeoutMs: number): Promise<boolean> {
    const answer = await this.ask(timeoutMs, apis.describeGroups, [this.#group], false);
    const [mine] = answer.groups;
    if (!mine) throw logErrors.LOG_UNAVAILABLE('the answer about the group is empty');
    if (mine.errorCode === GROUP_ID_NOT_FOUND) return false;
    this.check(mine.errorCode, 'members');
    return !WITHOUT_MEMBERS.includes(mine.groupState);
  }

  /** Asks the brokers that are known, and if none of them says anything those that are known by now. */
  async #find(timeoutMs: number): Promise<number> {
    try {
      return await this.#findAmongKnown(timeoutMs);
    } catch (error) {
      if (decisionOf(error) !== 'retry') throw error;
    }
    // All may have other addresses by now; those of the configuration are asked as well then.
    await this.#cluster.refresh([], timeoutMs);
    return this.#findAmongKnown(timeoutMs);
  }

  async #findAmongKnown(timeoutMs: number): Promise<number> {
    let failure: unknown = logErrors.LOG_UNAVAILABLE('Kafka has no brokers at present');
    for (const node of this.#cluster.nodes()) {
      try {
        // One that does not say anything must leave time for the others.
        const waitMs = Math.min(timeoutMs, this.#cluster.config.connectTimeout);
        const answer = await this.#connections.request(node, waitMs, apis.findCoordinator, KEY_IS_GROUP, [this.#group]);
        const [found] = answer.coordinators;
        if (!found) throw logErrors.LOG_UNAVAILABLE('the answer about the coordinator is empty');
        check(found.errorCode, `coordinator of group ${JSON.stringify(this.#group)}`, found.errorMessage);
        this.#cluster.meet(found.nodeId, found);
        this.#node = found.nodeId;
        return found.nodeId;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  #firstFault(topics: readonly { readonly partitions: readonly { readonly errorCode: number }[] }[]): number {
    const codes = topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
    for (const code of codes) this.heard(code);
    return codes.find((code) => code !== NO_ERROR) ?? NO_ERROR;
  }
}

function byTopic<P extends TopicPartition, T>(partitions: readonly P[], map: (partition: P) => T) {
  return [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, ofTopic]) => ({
    name,
    partitions: ofTopic.map(map),
  }));
}
