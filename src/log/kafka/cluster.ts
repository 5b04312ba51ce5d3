import { parseAddress } from '../../config/address.ts';
import { Backoff } from '../../support/backoff.ts';
import type { Clock } from '../../support/clock.ts';
import { decisionOf, MillraceError } from '../../support/errors.ts';
import type { Logger } from '../../support/logger.ts';
import { settlesWithin } from '../../support/within.ts';
import { logErrors } from '../errors.ts';
import type { TopicPartition } from '../log.ts';
import * as apis from './apis.ts';
import type { KafkaLogConfig } from './config.ts';
import type { Address, API, ConnectionSettings } from './connection.ts';
import { BrokerConnection } from './connection.ts';
import { errorOf, NO_ERROR } from './errors.ts';
import { securityOf } from './security.ts';

/** How long to wait before a question is asked again. */
export const RETRY = { initialMs: 20, maxMs: 1_000 };

export interface Leader {
  readonly node: number;
  readonly epoch: number;
}

export interface Topic {
  /** A UUID of Kafka's. */
  readonly id: string;
  /** By partition; `undefined` while one has no leader. */
  readonly leaders: readonly (Leader | undefined)[];
  /** Copies of each partition. */
  readonly replication: number;
}

export interface ClusterOptions {
  readonly config: KafkaLogConfig;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What is known of a cluster, and the way to its brokers. */
export class Cluster {
  readonly config: KafkaLogConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly #settings: ConnectionSettings;
  readonly #bootstrap: readonly BrokerConnection[];
  readonly #nodes = new Map<number, Address>();
  readonly #topics = new Map<string, Topic>();
  readonly #users = new Set<Connections>();
  readonly #metadata: Connections;
  readonly #closed = new AbortController();
  #id: string | undefined;
  #controller: number | undefined;
  /** Where the search for a broker that answers goes on. */
  #turn = 0;
  #refreshing: { readonly topics: ReadonlySet<string> | undefined; readonly done: Promise<void> } | undefined;

  constructor({ config, clock, logger }: ClusterOptions) {
    this.config = config;
    this.clock = clock;
    this.logger = logger;
    this.#settings = {
      ...securityOf(config),
      clientId: config.clientId,
      connectTimeoutMs: config.connectTimeout,
    };
    this.#bootstrap = config.brokers.map((broker) => new BrokerConnection(parseAddress(broker), this.#settings));
    this.#metadata = this.connections();
  }

  /** Aborted when the log is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  get id(): string | undefined {
    return this.#id;
  }

  get controller(): number | undefined {
    return this.#controller;
  }

  topic(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  topicNames(): string[] {
    return [...this.#topics.keys()];
  }

  leaderOf({ topic, partition }: TopicPartition): Leader | undefined {
    return this.#topics.get(topic)?.leaders[partition];
  }

  nodes(): number[] {
    return [...this.#nodes.keys()];
  }

  addressOf(node: number): Address | undefined {
    return this.#nodes.get(node);
  }

  /** Connections of its own for one user, so that no one waits behind another's long question. */
  connections(): Connections {
    const connections = new Connections(this, this.#settings, () => this.#users.delete(connections));
    this.#users.add(connections);
    return connections;
  }

  /** Learns of another broker than metadata has told of, such as a group's coordinator. */
  meet(node: number, address: Address): void {
    this.#nodes.set(node, address);
  }

  /**
   * Asks who leads the partitions of these topics, or of all there are. What Kafka does not know is
   * then not known here. Rejects with LOG_UNAVAILABLE when no broker answers in time.
   */
  async refresh(topics: readonly string[] | undefined, timeoutMs = this.config.requestTimeout): Promise<void> {
    const refreshed = this.#refresh(topics);
    if (!(await settlesWithin(refreshed, timeoutMs))) {
      throw logErrors.LOG_UNAVAILABLE(`no broker of Kafka answered within ${Math.round(timeoutMs)} ms`);
    }
    await refreshed;
  }

  async #refresh(topics: readonly string[] | undefined): Promise<void> {
    const running = this.#refreshing;
    const wanted = topics && new Set(topics);
    if (running && (!running.topics || wanted?.isSubsetOf(running.topics))) return running.done;
    const mine = { topics: wanted, done: this.#askAll(wanted) };
    this.#refreshing = mine;
    try {
      await mine.done;
    } finally {
      if (this.#refreshing === mine) this.#refreshing = undefined;
    }
  }

  /**
   * Tries until it works, until the answer is not one that passes, or for the time of a request.
   * Before each further try the leaders of these topics are asked for.
   */
  async persist<T>(
    options: { readonly topics?: readonly string[] | undefined; readonly timeoutMs?: number },
    attempt: (remainingMs: number) => Promise<T>,
  ): Promise<T> {
    const deadline = this.clock.monotonic() + (options.timeoutMs ?? this.config.requestTimeout);
    const backoff = new Backoff(RETRY);
    for (let tries = 0; ; tries++) {
      if (this.closed.aborted) throw logErrors.LOG_CLOSED('the log is closed');
      try {
        const remainingMs = deadline - this.clock.monotonic();
        if (tries > 0 && options.topics) await this.refresh(options.topics, remainingMs);
        return await attempt(deadline - this.clock.monotonic());
      } catch (error) {
        if (!(error instanceof MillraceError) || !isPassing(error)) throw error;
        const waitMs = backoff.next();
        if (this.clock.monotonic() + waitMs >= deadline) throw error;
        await this.clock.sleep(waitMs, this.closed);
      }
    }
  }

  close(): void {
    this.#closed.abort();
    for (const user of [...this.#users]) user.close();
    for (const connection of this.#bootstrap) connection.destroy();
  }

  async #askAll(topics: ReadonlySet<string> | undefined): Promise<void> {
    const names: string[] | null = topics ? [...topics] : null;
    const nodes = [...this.#nodes.keys()];
    const ways = nodes.length + this.#bootstrap.length;
    let failure: unknown;
    for (let tries = 0; tries < ways; tries++) {
      if (this.closed.aborted) throw logErrors.LOG_CLOSED('the log is closed');
      const way = this.#turn % ways;
      const node = nodes[way];
      // A broker that does not say anything must leave time for the others.
      const timeoutMs = Math.min(this.config.connectTimeout, this.config.requestTimeout / 2);
      try {
        const answer =
          node === undefined
            ? await this.#bootstrap[way - nodes.length]!.request(timeoutMs, apis.metadata, names, false, false)
            : await this.#metadata.request(node, timeoutMs, apis.metadata, names, false, false);
        this.#learn(answer, topics === undefined);
        // From here on the brokers themselves are asked: these were addresses to find them by.
        if (node === undefined) {
          this.#bootstrap[way - nodes.length]!.destroy();
          this.#turn = 0;
        }
        return;
      } catch (error) {
        failure = error;
        this.#turn++;
      }
    }
    throw failure;
  }

  #learn(answer: MetadataAnswer, isAll: boolean): void {
    this.#id = answer.clusterId ?? this.#id;
    this.#controller = answer.controllerId;
    this.#nodes.clear();
    for (const { nodeId, host, port } of answer.brokers) this.#nodes.set(nodeId, { host, port });
    if (isAll) this.#topics.clear();
    for (const { errorCode, name, topicId, isInternal, partitions } of answer.topics) {
      if (!name || isInternal) continue;
      if (errorCode !== NO_ERROR) {
        this.#topics.delete(name);
        const error = errorOf(errorCode, `topic ${name}`);
        if (error.code === 'NOT_AUTHORIZED') throw error;
        continue;
      }
      const leaders: (Leader | undefined)[] = new Array(partitions.length).fill(undefined);
      for (const { partitionIndex, leaderId, leaderEpoch } of partitions) {
        if (leaderId >= 0) leaders[partitionIndex] = { node: leaderId, epoch: leaderEpoch };
      }
      const replication = partitions[0]?.replicaNodes.length ?? 0;
      this.#topics.set(name, { id: topicId, leaders, replication });
    }
  }
}

type MetadataAnswer = Awaited<ReturnType<typeof apis.metadata.async>>;

/** The connections of one user, one a broker. */
export class Connections {
  readonly #cluster: Cluster;
  readonly #settings: ConnectionSettings;
  readonly #closed: () => void;
  readonly #byNode = new Map<number, BrokerConnection>();
  #open = true;

  constructor(cluster: Cluster, settings: ConnectionSettings, closed: () => void) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#closed = closed;
  }

  /** See {@link BrokerConnection.request}. */
  async request<A extends unknown[], R>(node: number, timeoutMs: number, api: API<A, R>, ...args: A): Promise<R> {
    return this.#to(node).request(timeoutMs, api, ...args);
  }

  /** Ends the connections; what is under way rejects. */
  close(): void {
    this.#open = false;
    for (const connection of this.#byNode.values()) connection.destroy();
    this.#byNode.clear();
    this.#closed();
  }

  #to(node: number): BrokerConnection {
    if (!this.#open) throw logErrors.LOG_CLOSED('the connection is closed');
    const address = this.#cluster.addressOf(node);
    if (!address) throw logErrors.LOG_UNAVAILABLE(`Kafka has no broker ${node} at present`);
    const known = this.#byNode.get(node);
    if (known && known.address.host === address.host && known.address.port === address.port) return known;
    known?.destroy();
    const connection = new BrokerConnection(address, this.#settings);
    this.#byNode.set(node, connection);
    return connection;
  }
}

/** What may work when asked again: everything but what was decided, and what is another member's. */
export function isPassing(error: MillraceError): boolean {
  return decisionOf(error) === 'retry' && error.code !== 'PARTITION_NOT_OWNED';
}
