import { Backoff } from '../../support/backoff.ts';
import { MillraceError, messageOf } from '../../support/errors.ts';
import { settlesWithin } from '../../support/within.ts';
import { logErrors } from '../errors.ts';
import type { ConsumerOptions, Position, TopicPartition } from '../log.ts';
import { partitionName } from '../log.ts';
import * as apis from './apis.ts';
import type { Cluster, Connections } from './cluster.ts';
import { isPassing, RETRY } from './cluster.ts';
import type { Subscription } from './consumer.ts';
import type { Committer } from './coordinator.ts';
import { Coordinator } from './coordinator.ts';
import { ILLEGAL_GENERATION, MEMBER_ID_REQUIRED, REBALANCE_IN_PROGRESS } from './errors.ts';
import { EARLIEST, LATEST, Offsets } from './offsets.ts';
import type { GroupMember, Share } from './sharing.ts';
import { decodeAssignment, encodeSubscription, PROTOCOL, PROTOCOL_TYPE, shareOut, topicsOf } from './sharing.ts';

/** How often the leader of a group looks whether its topics have become more, or have more partitions. */
const TOPICS_AGE_MS = 30_000;

/** Of one who is in no generation. */
const NO_GENERATION = -1;

/** What a membership tells its consumer. */
export interface MembershipEvents {
  /** Partitions are ours, with the place to start at and the ids of their topics. */
  assigned(positions: readonly Position[], topicIds: ReadonlyMap<string, string>): void;
  /** Partitions go to another member once this settles; bounded by the consumer. */
  revoked(partitions: readonly TopicPartition[]): Promise<void>;
  lost(partitions: readonly TopicPartition[]): void;
  /** The group has confirmed, after a silence, that we still belong to it. */
  confirmed(): void;
  failed(error: unknown): void;
}

/** How a generation ends for a member. */
type Ending = 'rebalance' | 'replaced' | 'fenced' | 'left';

/**
 * A member of a consumer group. Rebalances are cooperative: only what goes to another member is let
 * go, and everything else is read on meanwhile.
 *
 *     join ──▶ sync ──▶ let go of what is another's ──▶ (let go of any: join again)
 *      ▲                                              └▶ take what is new ──▶ heartbeats
 *      └──────────────── another member comes or goes, or we were given up ◀─────┘
 *
 * A member lets go of a partition, and commits, before it joins again without it; nobody gets it
 * before that. Commits carry the generation, so that those of one who was given up are refused.
 */
export class Membership {
  readonly #cluster: Cluster;
  readonly #subscription: Subscription;
  readonly #from: NonNullable<ConsumerOptions['from']>;
  readonly #events: MembershipEvents;
  /** Joining waits for the others, which must hold up neither heartbeats nor commits. */
  readonly #joinConnections: Connections;
  readonly #connections: Connections;
  readonly #joiner: Coordinator;
  readonly #coordinator: Coordinator;
  readonly #offsets: Offsets;
  readonly #owned = new Map<string, TopicPartition>();
  readonly #joined = Promise.withResolvers<void>();
  readonly #left = new AbortController();
  #committer: Committer = { generation: NO_GENERATION, memberId: '' };
  /** Settles when the join that is under way has given a generation, or has failed. */
  #joining: Promise<unknown> | undefined;
  #endGeneration: (ending: Ending) => void = () => {};
  #running: Promise<void> | undefined;
  #confirmedAt = 0;
  /** The leader of a group shares out the partitions of all its members' topics. */
  #isLeader = false;
  #sharedTopics: readonly string[] = [];
  #sharedPartitions = '';

  constructor(
    cluster: Cluster,
    subscription: Subscription,
    from: NonNullable<ConsumerOptions['from']>,
    events: MembershipEvents,
  ) {
    this.#cluster = cluster;
    this.#subscription = subscription;
    this.#from = from;
    this.#events = events;
    this.#joinConnections = cluster.connections();
    this.#connections = cluster.connections();
    this.#joiner = new Coordinator(cluster, this.#joinConnections, subscription.group);
    this.#coordinator = new Coordinator(cluster, this.#connections, subscription.group);
    this.#offsets = new Offsets(cluster, this.#connections);
    // Whoever joins hears of it; a consumer may also be closed without ever having joined.
    this.#joined.promise.catch(() => {});
  }

  /** Whether the group has confirmed us within the time after which it gives a member up. */
  get isCurrent(): boolean {
    if (this.#joining) return true;
    return this.#cluster.clock.monotonic() - this.#confirmedAt < this.#cluster.config.group.sessionTimeout;
  }

  /**
   * Resolves once we are a member. Rejects when that fails for the time of a request, waiting for
   * the other members aside, or for good.
   */
  join(): Promise<void> {
    this.#running = this.#run();
    return this.#joined.promise;
  }

  /** Gives up all partitions, as they mean something else now, and joins again. */
  startOver(): void {
    this.#endGeneration('replaced');
  }

  async commit(positions: readonly Position[]): Promise<void> {
    await this.#cluster.persist({}, async (remainingMs) => {
      for (const position of positions) this.#requireOwned(position);
      const committer = this.#committer;
      const code = await this.#coordinator.commit(committer, positions, remainingMs);
      const isOutdated = this.#committer !== committer || this.#joining !== undefined;
      if (code === REBALANCE_IN_PROGRESS || (code === ILLEGAL_GENERATION && isOutdated)) {
        // The group is between two generations: what is still ours is committed in the next one.
        if (this.#joining) await settlesWithin(this.#joining, remainingMs);
        throw logErrors.LOG_UNAVAILABLE('the group is being shared out anew');
      }
      this.#coordinator.check(code, 'commit');
    });
  }

  /** Lets go of everything and leaves, so that the others need not wait for a session to end. */
  async leave(): Promise<void> {
    this.#left.abort();
    this.#joined.reject(logErrors.LOG_CLOSED('the consumer is closed'));
    this.#endGeneration('left');
    // A join that is under way may wait for others; it ends with its connection.
    if (this.#joining) this.#joinConnections.close();
    await this.#running;
    await this.#letGo([...this.#owned.values()]);
    const { memberId } = this.#committer;
    if (memberId !== '') {
      const members = [{ memberId }];
      const timeoutMs = this.#cluster.config.requestTimeout / 2;
      // If nobody hears of it, the session ends by itself.
      await this.#coordinator
        .ask(timeoutMs, apis.leaveGroup, this.#subscription.group, members)
        .catch((error: unknown) =>
          this.#cluster.logger.debug({ error: messageOf(error) }, 'could not leave the group'),
        );
    }
    this.#connections.close();
    this.#joinConnections.close();
  }

  async #run(): Promise<void> {
    const { clock, config, logger } = this.#cluster;
    const backoff = new Backoff(RETRY);
    let failingSince: number | undefined;
    while (!this.#left.signal.aborted) {
      try {
        const joining = this.#joinOnce();
        this.#joining = joining;
        const assignment = await joining.finally(() => {
          this.#joining = undefined;
        });
        failingSince = undefined;
        backoff.reset();
        this.#joined.resolve();
        const ending = await this.#stay(assignment);
        if (ending === 'replaced') this.#loseAll();
        if (ending === 'fenced') this.#giveUp();
      } catch (error) {
        if (this.#left.signal.aborted) return;
        if (error instanceof MillraceError && error.code === 'PARTITION_NOT_OWNED') {
          this.#giveUp();
          continue;
        }
        if (!(error instanceof MillraceError && isPassing(error))) return this.#fail(error);
        failingSince ??= clock.monotonic();
        logger.debug({ group: this.#subscription.group, error: messageOf(error) }, 'could not join the group');
        if (clock.monotonic() - failingSince >= config.requestTimeout) this.#joined.reject(error);
        await clock.sleep(backoff.next(), this.#left.signal);
      }
    }
  }

  #fail(error: unknown): void {
    this.#joined.reject(error);
    this.#giveUp();
    this.#events.failed(error);
  }

  /** The group has given us up, or we it: what was ours is lost, and we come as someone new. */
  #giveUp(): void {
    this.#committer = { generation: NO_GENERATION, memberId: '' };
    this.#loseAll();
  }

  #loseAll(): void {
    const lost = [...this.#owned.values()];
    this.#owned.clear();
    if (lost.length > 0) this.#events.lost(lost);
  }

  /** Joins, and resolves to what is ours in the new generation. */
  async #joinOnce(): Promise<readonly TopicPartition[]> {
    const { config, clock } = this.#cluster;
    const { group, topics } = this.#subscription;
    const { sessionTimeout, rebalanceTimeout } = config.group;
    // The others may take as long as they are allowed to.
    const timeoutMs = rebalanceTimeout + config.requestTimeout;
    for (;;) {
      const { generation, memberId } = this.#committer;
      const metadata = encodeSubscription(topics, [...this.#owned.values()], generation);
      const protocols = [{ name: PROTOCOL, metadata }];
      const times = [sessionTimeout, rebalanceTimeout] as const;
      const answer = await this.#joiner.ask(
        timeoutMs,
        apis.joinGroup,
        group,
        ...times,
        memberId,
        null,
        PROTOCOL_TYPE,
        protocols,
      );
      if (answer.errorCode === MEMBER_ID_REQUIRED) {
        this.#committer = { generation: NO_GENERATION, memberId: answer.memberId };
        continue;
      }
      this.#joiner.check(answer.errorCode, 'join');
      const committer = { generation: answer.generationId, memberId: answer.memberId };
      this.#isLeader = answer.leader === answer.memberId;
      const shares = this.#isLeader ? await this.#shareOut(answer.members) : [];
      const askedAt = clock.monotonic();
      const synced = await this.#joiner.ask(
        timeoutMs,
        apis.syncGroup,
        group,
        committer.generation,
        committer.memberId,
        null,
        PROTOCOL_TYPE,
        PROTOCOL,
        shares,
      );
      this.#committer = committer;
      if (synced.errorCode === REBALANCE_IN_PROGRESS) continue;
      this.#joiner.check(synced.errorCode, 'sync');
      this.#confirmedAt = askedAt;
      return decodeAssignment(synced.assignment);
    }
  }

  async #shareOut(members: readonly GroupMember[]): Promise<Share[]> {
    const topics = topicsOf(members);
    await this.#cluster.refresh(topics);
    this.#sharedPartitions = this.#partitionsOf(topics).map(partitionName).join();
    this.#sharedTopics = topics;
    return shareOut(this.#partitionsOf(topics), members);
  }

  #partitionsOf(topics: readonly string[]): TopicPartition[] {
    return topics.flatMap((topic) =>
      (this.#cluster.topic(topic)?.leaders ?? []).map((_, partition) => ({ topic, partition })),
    );
  }

  /** One generation, from its assignment to its end. */
  async #stay(assignment: readonly TopicPartition[]): Promise<Ending> {
    const generation = new Generation();
    this.#endGeneration = (ending) => generation.end(ending);
    if (this.#left.signal.aborted) generation.end('left');
    const beats = new AbortController();
    const beating = this.#beat(beats.signal);
    try {
      const ours = new Set(assignment.map(partitionName));
      const gone = [...this.#owned.values()].filter((partition) => !ours.has(partitionName(partition)));
      if (gone.length > 0) {
        await Promise.race([this.#letGo(gone), generation.broken]);
        return generation.ending ?? 'rebalance';
      }
      const fresh = assignment.filter((partition) => !this.#owned.has(partitionName(partition)));
      if (fresh.length > 0) await this.#take(fresh, generation);
      return await generation.ended;
    } finally {
      beats.abort();
      await beating;
    }
  }

  /** Finds where to start, for as long as the generation lasts. */
  async #take(fresh: readonly TopicPartition[], generation: Generation): Promise<void> {
    const backoff = new Backoff(RETRY);
    const topics = [...new Set(fresh.map(({ topic }) => topic))];
    for (let tries = 0; generation.ending === undefined; tries++) {
      try {
        if (tries > 0 || !topics.every((topic) => this.#cluster.topic(topic))) await this.#cluster.refresh(topics);
        const positions = await this.#positionsOf(fresh);
        if (generation.ending !== undefined) return;
        for (const partition of fresh) this.#owned.set(partitionName(partition), partition);
        const ids = topics.flatMap((topic) => {
          const id = this.#cluster.topic(topic)?.id;
          return id === undefined ? [] : ([[topic, id]] as const);
        });
        this.#events.assigned(positions, new Map(ids));
        return;
      } catch (error) {
        if (!(error instanceof MillraceError && isPassing(error))) throw error;
        await this.#cluster.clock.sleep(backoff.next(), this.#left.signal);
      }
    }
  }

  /** What the group has stored, else where the consumer wants to start. */
  async #positionsOf(partitions: readonly TopicPartition[]): Promise<readonly Position[]> {
    const { requestTimeout } = this.#cluster.config;
    const committed = await this.#coordinator.committed(partitions, requestTimeout);
    const known = new Map(committed.map((position) => [partitionName(position), position]));
    const unknown = partitions.filter((partition) => !known.has(partitionName(partition)));
    if (unknown.length > 0) {
      const found = await this.#offsets.find(unknown, this.#from === 'latest' ? LATEST : EARLIEST);
      for (const [index, { topic, partition }] of unknown.entries()) {
        known.set(partitionName({ topic, partition }), { topic, partition, offset: found[index]! });
      }
    }
    return partitions.map((partition) => known.get(partitionName(partition))!);
  }

  async #letGo(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return;
    await this.#events.revoked(partitions);
    for (const partition of partitions) {
      const name = partitionName(partition);
      // If the group gave us up meanwhile, it may have given us the partition anew.
      if (this.#owned.get(name) === partition) this.#owned.delete(name);
    }
  }

  /** Tells the group that we are there, until the signal; hears whether it is shared out anew. */
  async #beat(signal: AbortSignal): Promise<void> {
    const { clock, config } = this.#cluster;
    const { heartbeatInterval, sessionTimeout } = config.group;
    const backoff = new Backoff({ ...RETRY, maxMs: Math.min(RETRY.maxMs, heartbeatInterval) });
    let waitMs = heartbeatInterval;
    let lookedAt = clock.monotonic();
    for (;;) {
      await clock.sleep(waitMs, signal);
      if (signal.aborted) return;
      const askedAt = clock.monotonic();
      waitMs = heartbeatInterval;
      try {
        const { generation, memberId } = this.#committer;
        const timeoutMs = Math.min(config.requestTimeout, sessionTimeout / 2);
        const asked = [this.#subscription.group, generation, memberId, null] as const;
        const { errorCode } = await this.#coordinator.ask(timeoutMs, apis.heartbeat, ...asked);
        if (signal.aborted) return;
        if (errorCode === REBALANCE_IN_PROGRESS) this.#endGeneration('rebalance');
        else this.#coordinator.check(errorCode, 'heartbeat');
        this.#confirmedAt = askedAt;
        this.#events.confirmed();
        backoff.reset();
        if (this.#isLeader && (await this.#topicsChanged(askedAt - lookedAt))) this.#endGeneration('rebalance');
        if (askedAt - lookedAt >= TOPICS_AGE_MS) lookedAt = askedAt;
      } catch (error) {
        // Whatever is not known to pass is met again, and decided, when joining.
        if (!(error instanceof MillraceError && isPassing(error))) return this.#endGeneration('fenced');
        waitMs = backoff.next();
      }
    }
  }

  /** Looks at each heartbeat while there are topics missing, else every now and then. */
  async #topicsChanged(ageMs: number): Promise<boolean> {
    const topics = this.#sharedTopics;
    const isKnown = topics.every((topic) => this.#cluster.topic(topic));
    if (ageMs >= TOPICS_AGE_MS || !isKnown) await this.#cluster.refresh(topics);
    return this.#partitionsOf(topics).map(partitionName).join() !== this.#sharedPartitions;
  }

  #requireOwned(position: Position): void {
    if (this.#owned.has(partitionName(position))) return;
    throw logErrors.PARTITION_NOT_OWNED(`partition ${partitionName(position)} is not this member's`);
  }
}

/** How a generation ends: the worst that was told counts. */
class Generation {
  readonly #ended = Promise.withResolvers<Ending>();
  readonly #broken = Promise.withResolvers<void>();
  ending: Ending | undefined;

  get ended(): Promise<Ending> {
    return this.#ended.promise;
  }

  /** Settles when there is nothing left to finish in it. */
  get broken(): Promise<void> {
    return this.#broken.promise;
  }

  end(ending: Ending): void {
    if (this.ending === undefined || this.ending === 'rebalance') this.ending = ending;
    this.#ended.resolve(ending);
    if (ending !== 'rebalance') this.#broken.resolve();
  }
}
