import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { StatementSync } from 'node:sqlite';
import { DatabaseSync } from 'node:sqlite';
import { makeDirectory } from '../../support/make-directory.ts';
import { logErrors } from '../errors.ts';
import type { LogRecord, PartitionOffsets, Position, TopicPartition } from '../log.ts';
import { partitionName } from '../log.ts';
import type { EncodedBatch } from './codec.ts';
import { decodeBatch } from './codec.ts';
import type { EmbeddedLogConfig } from './config.ts';
import type { PartitionEnd, PositionChange, StoredTopic } from './protocol.ts';
import { batchTable, createBatchTable, DATABASE_FILE, PAGE_BYTES, prepareDatabase } from './schema.ts';

/** A partition as the writer knows it. */
export interface StoredPartition extends TopicPartition {
  /** The number of its table. */
  readonly number: number;
  startOffset: number;
  endOffset: number;
}

/** A batch without its records. */
export interface BatchSummary {
  readonly base: number;
  readonly count: number;
  /** When the log took it, milliseconds since the epoch. */
  readonly writtenAt: number;
  readonly bytes: number;
}

/** PASSIVE keeps the file of the write-ahead log; TRUNCATE gives its space back, unless it is being read. */
export type CheckpointMode = 'PASSIVE' | 'TRUNCATE';

interface PartitionStatements {
  readonly insert: StatementSync;
  readonly oldest: StatementSync;
  readonly removeBelow: StatementSync;
}

/**
 * The tables of the log through the one connection that writes. Whatever changes them runs inside
 * `transaction`; when that fails, what is known in memory is read again.
 */
export class LogStore {
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #partitionStatements = new Map<number, PartitionStatements>();
  readonly #topics = new Map<string, StoredTopic>();
  readonly #partitions = new Map<string, StoredPartition>();
  #appended = new Set<StoredPartition>();

  constructor(directory: string, durability: EmbeddedLogConfig['durability']) {
    makeDirectory(directory);
    this.#database = new DatabaseSync(path.join(directory, DATABASE_FILE));
    prepareDatabase(this.#database, durability);
    this.#statements = prepareStatements(this.#database);
    this.#load();
  }

  get logId(): string {
    return (this.#database.prepare('SELECT id FROM log').get() as { id: string }).id;
  }

  get topics(): readonly StoredTopic[] {
    return [...this.#topics.values()];
  }

  /** Disk space that is in use by the tables. */
  get usedBytes(): number {
    const { heldBytes, freeBytes } = this.#space();
    return heldBytes - freeBytes;
  }

  /** Disk space that the database holds without using it. */
  get freeBytes(): number {
    return this.#space().freeBytes;
  }

  topic(name: string): StoredTopic {
    const topic = this.#topics.get(name);
    if (!topic) throw logErrors.TOPIC_UNKNOWN(`there is no topic ${JSON.stringify(name)}`);
    return topic;
  }

  partition(of: TopicPartition): StoredPartition {
    const partition = this.#partitions.get(partitionName(of));
    if (!partition) throw logErrors.TOPIC_UNKNOWN(`there is no partition ${JSON.stringify(partitionName(of))}`);
    return partition;
  }

  partitions(): readonly StoredPartition[] {
    return [...this.#partitions.values()];
  }

  offsets(topic: string): readonly PartitionOffsets[] {
    return this.topic(topic).tables.map((_, partition) => {
      const { startOffset, endOffset } = this.partition({ topic, partition });
      return { topic, partition, startOffset, endOffset };
    });
  }

  /** Runs `work` and commits it, or leaves everything as it was and throws. */
  transaction<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      this.#appended.clear();
      this.#load();
      throw error;
    }
  }

  /** Makes a topic, or finds it. */
  createTopic(name: string, partitions: number): StoredTopic {
    const existing = this.#topics.get(name);
    if (existing) return existing;
    const addTopic = this.#database.prepare('INSERT INTO topics (name, id) VALUES (?, ?)');
    const addPartition = this.#database.prepare('INSERT INTO partitions (topic, partition) VALUES (?, ?)');
    const topicNumber = addTopic.run(name, randomUUID()).lastInsertRowid;
    for (let partition = 0; partition < partitions; partition++) {
      createBatchTable(this.#database, Number(addPartition.run(topicNumber, partition).lastInsertRowid));
    }
    this.#load();
    return this.topic(name);
  }

  /** Adds a batch at the partition's end, and says at which offset. */
  append(to: StoredPartition, { data, count, maxTimestamp }: EncodedBatch, now: number): number {
    const base = to.endOffset;
    this.#statementsOf(to).insert.run(base, count, now, maxTimestamp, data);
    to.endOffset = base + count;
    this.#appended.add(to);
    return base;
  }

  /** The ends of the partitions that have grown since this was last asked. */
  takeAppended(): readonly PartitionEnd[] {
    if (this.#appended.size === 0) return [];
    const ends = Array.from(this.#appended, ({ topic, partition, endOffset }) => ({ topic, partition, endOffset }));
    this.#appended.clear();
    return ends;
  }

  /** The oldest batch still held. */
  oldest(partition: StoredPartition): BatchSummary | undefined {
    return this.#statementsOf(partition).oldest.get() as unknown as BatchSummary | undefined;
  }

  /** Removes every record below an offset. A batch that reaches beyond it stays, hidden below it. */
  removeBelow(partition: StoredPartition, offset: number): void {
    const start = Math.min(offset, partition.endOffset);
    if (start <= partition.startOffset) return;
    this.#statementsOf(partition).removeBelow.run(start);
    this.#statements.moveStart.run(start, partition.endOffset, partition.number);
    partition.startOffset = start;
  }

  /** The first offset whose record has this timestamp or a later one; the end if there is none. */
  offsetAt(partition: StoredPartition, timestamp: number): number {
    const table = batchTable(partition.number);
    // Two batches, since the first may match only by records that are hidden below the start.
    const rows = this.#database
      .prepare(
        `SELECT base, data FROM ${table} WHERE base IN
         (SELECT base FROM ${table} INDEXED BY ${table}_time WHERE max_timestamp >= ? ORDER BY base LIMIT 2)
         ORDER BY base`,
      )
      .all(timestamp) as unknown as { base: number; data: Uint8Array }[];
    const records: LogRecord[] = [];
    for (const { base, data } of rows) decodeBatch(data, base, partition.startOffset, records);
    return records.find((record) => record.timestamp >= timestamp)?.offset ?? partition.endOffset;
  }

  groups(): readonly string[] {
    const rows = this.#database.prepare('SELECT DISTINCT consumer_group AS name FROM positions').all();
    return (rows as { name: string }[]).map(({ name }) => name);
  }

  positions(group: string): readonly Position[] {
    return this.#statements.positions.all(group).map((row) => ({ ...(row as unknown as Position) }));
  }

  position(group: string, { topic, partition }: TopicPartition): number | undefined {
    const row = this.#statements.position.get(group, topic, partition) as { offset: number } | undefined;
    return row?.offset;
  }

  /** Stores positions of a group; one without an offset is forgotten. */
  setPositions(group: string, changes: readonly PositionChange[]): void {
    const { setPosition, forgetPosition } = this.#statements;
    for (const { topic, partition, offset } of changes) {
      if (offset === undefined) forgetPosition.run(group, topic, partition);
      else setPosition.run(group, topic, partition, offset);
    }
  }

  /** The topics that a group was last known to read, if it ever was. */
  subscription(group: string): readonly string[] {
    const rows = this.#statements.subscription.all(group);
    return (rows as { topic: string }[]).map(({ topic }) => topic);
  }

  setSubscription(group: string, topics: Iterable<string>): void {
    this.#database.prepare('DELETE FROM subscriptions WHERE consumer_group = ?').run(group);
    const add = this.#database.prepare('INSERT INTO subscriptions VALUES (?, ?)');
    for (const topic of topics) add.run(group, topic);
  }

  /** Moves what is in the write-ahead log to its place, so that the next commits start it anew. */
  checkpoint(mode: CheckpointMode): void {
    this.#database.exec(`PRAGMA wal_checkpoint(${mode})`);
  }

  /** Gives up to this many free bytes back to the file system, at the next checkpoint. */
  vacuum(bytes: number): void {
    this.#database.exec(`PRAGMA incremental_vacuum(${Math.ceil(bytes / PAGE_BYTES)})`);
  }

  close(): void {
    this.#database.close();
  }

  #load(): void {
    const rows = this.#database
      .prepare(
        `SELECT name AS topic, id, partition, partitions.number, start_offset AS startOffset, end_offset AS endOffset
         FROM topics JOIN partitions ON topics.number = partitions.topic ORDER BY topics.number, partition`,
      )
      .all() as unknown as (StoredPartition & { readonly id: string })[];
    this.#topics.clear();
    this.#partitions.clear();
    for (const { topic, id, partition, number, startOffset, endOffset } of rows) {
      const tables = [...(this.#topics.get(topic)?.tables ?? []), number];
      this.#topics.set(topic, { name: topic, id, tables });
      const last = this.#database
        .prepare(`SELECT base + count AS end FROM ${batchTable(number)} ORDER BY base DESC LIMIT 1`)
        .get() as { end: number } | undefined;
      const stored = { topic, partition, number, startOffset, endOffset: Math.max(endOffset, last?.end ?? 0) };
      this.#partitions.set(partitionName(stored), stored);
    }
  }

  #statementsOf({ number }: StoredPartition): PartitionStatements {
    const known = this.#partitionStatements.get(number);
    if (known) return known;
    const table = batchTable(number);
    const statements = {
      insert: this.#database.prepare(
        `INSERT INTO ${table} (base, count, written_at, max_timestamp, data) VALUES (?, ?, ?, ?, ?)`,
      ),
      oldest: this.#database.prepare(
        `SELECT base, count, written_at AS writtenAt, length(data) AS bytes FROM ${table} ORDER BY base LIMIT 1`,
      ),
      removeBelow: this.#database.prepare(`DELETE FROM ${table} WHERE base < ?1 AND base + count <= ?1`),
    };
    this.#partitionStatements.set(number, statements);
    return statements;
  }

  #space(): { readonly heldBytes: number; readonly freeBytes: number } {
    return this.#statements.space.get() as unknown as { heldBytes: number; freeBytes: number };
  }
}

/** What is asked or done often; the rest is prepared where it is used. */
function prepareStatements(database: DatabaseSync) {
  return {
    space: database.prepare(
      `SELECT page_count * page_size AS heldBytes, freelist_count * page_size AS freeBytes
       FROM pragma_page_count, pragma_freelist_count, pragma_page_size`,
    ),
    moveStart: database.prepare('UPDATE partitions SET start_offset = ?, end_offset = ? WHERE number = ?'),
    subscription: database.prepare('SELECT topic FROM subscriptions WHERE consumer_group = ?'),
    positions: database.prepare(
      'SELECT topic, partition, next_offset AS offset FROM positions WHERE consumer_group = ?',
    ),
    position: database.prepare(
      'SELECT next_offset AS offset FROM positions WHERE consumer_group = ? AND topic = ? AND partition = ?',
    ),
    setPosition: database.prepare('INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)'),
    forgetPosition: database.prepare('DELETE FROM positions WHERE consumer_group = ? AND topic = ? AND partition = ?'),
  };
}
