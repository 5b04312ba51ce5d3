import type { MessagePort } from 'node:worker_threads';
import type { DirectoryLock } from '../../support/directory-lock.ts';
import { lockDirectory } from '../../support/directory-lock.ts';
import type { MillraceError } from '../../support/errors.ts';
import { toPlainError } from '../../support/errors.ts';
import type { Logger } from '../../support/logger.ts';
import { CONNECTORS_TOPIC } from '../dead-letter.ts';
import { logErrors } from '../errors.ts';
import type { Position, TopicOptions, TopicPartition } from '../log.ts';
import type { EncodedBatch } from './codec.ts';
import type { EmbeddedLogConfig } from './config.ts';
import { Connection } from './connection.ts';
import { GroupCommit } from './group-commit.ts';
import { Groups } from './groups.ts';
import type { LogStatistics, PositionChange, StoredTopic } from './protocol.ts';
import { Retention, SLICE_BYTES } from './retention.ts';
import { openFailure } from './sqlite-errors.ts';
import type { StoredPartition } from './store.ts';
import { LogStore } from './store.ts';

/** Kafka's rules: such names are safe in paths, metrics and URLs. */
const TOPIC_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;

/** As many as anyone has had a use for on one machine; each is a table. */
const MAX_PARTITIONS = 1024;

const RETENTION_INTERVAL_MS = 30_000;

/** A full log says so this often, not for each batch that it refuses. */
const FULL_REPORT_INTERVAL_MS = 60_000;

export interface ServerOptions {
  readonly directory: string;
  readonly config: EmbeddedLogConfig;
  readonly logger: Logger;
  /** The log has failed for good. */
  onFailure(error: MillraceError): void;
}

/** The log's side of everything: owns the directory and the only connection that writes. */
export class LogServer {
  readonly #options: ServerOptions;
  readonly #lock: DirectoryLock;
  readonly #store: LogStore;
  readonly #commits: GroupCommit;
  readonly #retention: Retention;
  readonly #connections = new Set<Connection>();
  readonly #retentionTimer: NodeJS.Timeout;
  readonly groups: Groups;
  #protected: readonly string[] = [];
  #batches = 0;
  #fullReportedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ServerOptions) {
    this.#options = options;
    const { directory, config, logger } = options;
    const lock = takeLock(directory);
    if (!lock) throw logErrors.LOG_IN_USE(`the log in ${directory} is in use by another process`);
    this.#lock = lock;
    try {
      this.#store = new LogStore(directory, config.durability);
    } catch (error) {
      this.#lock.release();
      throw openFailure(directory, error);
    }
    this.#commits = new GroupCommit(this.#store, {
      committed: () => this.#announceEnds(),
      failed: (error) => this.#fail(error),
    });
    this.#retention = new Retention({
      store: this.#store,
      limits: config.retention,
      floorOf: (partition) => this.#floorOf(partition),
    });
    this.groups = new Groups({
      partitionsOf: (topics) => this.#store.partitions().filter(({ topic }) => topics.has(topic)),
    });
    this.#retentionTimer = setInterval(() => {
      this.runRetention(Date.now()).catch((error) => logger.warn({ err: error }, 'old records could not be removed'));
    }, RETENTION_INTERVAL_MS);
  }

  get store(): LogStore {
    return this.#store;
  }

  get config(): EmbeddedLogConfig {
    return this.#options.config;
  }

  connect(port: MessagePort): void {
    const connection = new Connection(this, port);
    this.#connections.add(connection);
    port.on('close', () => {
      this.#connections.delete(connection);
      connection.leaveAll();
    });
  }

  append(to: TopicPartition, batch: EncodedBatch): Promise<number> {
    return this.#commits.submit(() => {
      const partition = this.#store.partition(to);
      if (!this.#retention.makeRoom(batch.data.length)) {
        this.#reportFull();
        throw logErrors.LOG_FULL('the log has reached log.retention.bytes, and holds only what is yet to be loaded');
      }
      this.#batches++;
      return this.#store.append(partition, batch, Date.now());
    }, batch.data.length);
  }

  async createTopic(name: string, { partitions }: TopicOptions): Promise<StoredTopic> {
    if (!TOPIC_NAME.test(name)) throw logErrors.TOPIC_NAME_INVALID(`${JSON.stringify(name)} is no name for a topic`);
    if (!Number.isInteger(partitions) || partitions < 1 || partitions > MAX_PARTITIONS)
      throw new RangeError(`a topic has 1 to ${MAX_PARTITIONS} partitions, not ${partitions}`);
    const existing = this.#store.topics.find((topic) => topic.name === name);
    if (existing) return existing;
    const topic = await this.#commits.submit(() => this.#store.createTopic(name, partitions));
    for (const connection of this.#connections) connection.announceTopics(this.#store.topics);
    this.groups.partitionsChanged();
    return topic;
  }

  async deleteRecords(before: readonly Position[]): Promise<void> {
    before.forEach(assertOffset);
    await this.#commits.submit(() => {
      const partitions = before.map((position) => this.#store.partition(position));
      for (const [index, partition] of partitions.entries()) {
        this.#store.removeBelow(partition, before[index]!.offset);
      }
    });
  }

  async setPositions(group: string, changes: readonly PositionChange[]): Promise<void> {
    changes.forEach(assertOffset);
    await this.#commits.submit(() => {
      for (const change of changes) this.#store.partition(change);
      this.#store.setPositions(group, changes);
    });
  }

  /** Remembers what the members of a group read, for when it has none. */
  async rememberSubscription(group: string): Promise<void> {
    const topics = () => new Set(this.groups.members(group).flatMap((member) => member.topics));
    if (topics().symmetricDifference(new Set(this.#store.subscription(group))).size === 0) return;
    await this.#commits.submit(() => this.#store.setSubscription(group, topics()));
  }

  protect(groups: readonly string[]): void {
    this.#protected = groups;
  }

  /** Removes what is too old or too much as of `now`, and gives the space back, in slices between appends. */
  async runRetention(now: number): Promise<void> {
    let more = true;
    while (more) more = await this.#commits.submit(() => this.#retention.removeSlice(now));
    const vacuum = () => this.#commits.submit(() => this.#retention.vacuumSlice(), SLICE_BYTES);
    if (!(await vacuum())) return;
    while (await vacuum());
    this.#commits.truncateWal();
  }

  statistics(): LogStatistics {
    const { usedBytes, freeBytes } = this.#store;
    return { batches: this.#batches, commits: this.#commits.commits, usedBytes, freeBytes };
  }

  /** Writes what waits, and lets go of everything. */
  close(): void {
    clearInterval(this.#retentionTimer);
    this.#commits.close();
    this.#end(logErrors.LOG_CLOSED('the log is closed'));
    try {
      this.#store.close();
    } finally {
      this.#lock.release();
    }
  }

  /** Records from here on are yet to be committed by a protected group. */
  #floorOf(partition: StoredPartition): number {
    // Kafka compacts that topic and drops nothing that counts; its few records all stay here.
    if (partition.topic.startsWith(CONNECTORS_TOPIC)) return 0;
    const floors = this.#protected.map((group) => {
      const topics = this.#topicsOf(group);
      if (topics && !topics.includes(partition.topic)) return Number.POSITIVE_INFINITY;
      return this.#store.position(group, partition) ?? 0;
    });
    return Math.min(...floors);
  }

  /** What a group reads; undefined if it has never been seen, and so may read anything. */
  #topicsOf(group: string): readonly string[] | undefined {
    const subscribed = this.#store.subscription(group);
    if (subscribed.length > 0) return subscribed;
    const positions = this.#store.positions(group);
    return positions.length > 0 ? positions.map(({ topic }) => topic) : undefined;
  }

  #announceEnds(): void {
    const ends = this.#store.takeAppended();
    if (ends.length === 0) return;
    for (const connection of this.#connections) connection.announceEnds(ends);
  }

  #reportFull(): void {
    if (performance.now() - this.#fullReportedAt < FULL_REPORT_INTERVAL_MS) return;
    this.#fullReportedAt = performance.now();
    const { logger, config } = this.#options;
    logger.error(
      { retentionBytes: config.retention.bytes },
      'the log is full of records yet to be loaded, and refuses more',
    );
  }

  #fail(error: MillraceError): void {
    clearInterval(this.#retentionTimer);
    this.#options.logger.error({ err: error }, 'the log has failed');
    this.#end(error);
    this.#options.onFailure(error);
  }

  #end(reason: MillraceError): void {
    this.groups.disband();
    const plain = toPlainError(reason);
    for (const connection of this.#connections) connection.end(plain);
    this.#connections.clear();
  }
}

function assertOffset({ offset }: PositionChange): void {
  if (offset !== undefined && !(Number.isSafeInteger(offset) && offset >= 0))
    throw new RangeError(`${offset} is not an offset`);
}

function takeLock(directory: string): DirectoryLock | undefined {
  try {
    return lockDirectory(directory);
  } catch (error) {
    throw openFailure(directory, error);
  }
}
