import { randomUUID } from 'node:crypto';
import type { TopicPartition } from '../../../log/log.ts';
import type { PartitionWriter, Sink, SinkContext } from '../../sink.ts';
import type { Chain, Claim } from '../chain.ts';
import { assertPosition, chainOf } from '../chain.ts';
import type { SqliteTableConfig } from '../config.ts';
import { TableDatabase } from './database.ts';
import { SqliteWriter } from './writer.ts';

/** Loads events into a SQLite file. Several sinks, in one process or several on one host, may share the file. */
export class SqliteSink implements Sink {
  readonly #config: SqliteTableConfig;
  readonly #path: string;
  readonly #context: SinkContext;
  #database: TableDatabase | undefined;

  constructor(config: SqliteTableConfig, path: string, context: SinkContext) {
    this.#config = config;
    this.#path = path;
    this.#context = context;
  }

  async open(): Promise<void> {
    this.#database = new TableDatabase(this.#path, this.#config.durability);
  }

  async partition(partition: TopicPartition, signal: AbortSignal): Promise<PartitionWriter> {
    const database = this.#opened();
    const { chain, bounds } = await chainOf(this.#context, partition, signal);
    const writer = randomUUID();
    const taken = database.transaction(() => {
      const place = [chain.connector, chain.topic, chain.partition] as const;
      const row = database.readPosition.get(...place);
      const next = (row?.['next'] ?? undefined) as number | undefined;
      if (row) assertPosition(chain, bounds, { topicId: String(row['topic_id']), next });
      database.takeOver.run(...place, chain.topicId, writer);
      return { next };
    });
    return this.#writer(chain, { writer, next: taken?.next });
  }

  async reload(partition: TopicPartition, signal: AbortSignal): Promise<PartitionWriter> {
    const { chain } = await chainOf(this.#context, partition, signal);
    return this.#writer(chain);
  }

  async alterPosition(partition: TopicPartition, offset: number | undefined, signal: AbortSignal): Promise<void> {
    const database = this.#opened();
    const { chain } = await chainOf(this.#context, partition, signal);
    const place = [chain.connector, chain.topic, chain.partition] as const;
    database.transaction(() => {
      // Another writer's name in the row, or no row, is what ends the writer of before.
      if (offset === undefined) database.forgetPosition.run(...place);
      else database.setPosition.run(...place, chain.topicId, randomUUID(), offset);
      return true;
    });
  }

  async close(): Promise<void> {
    this.#database?.close();
    this.#database = undefined;
  }

  #opened(): TableDatabase {
    if (!this.#database) throw new Error('the sink is not open');
    return this.#database;
  }

  #writer(chain: Chain, claim?: Claim): SqliteWriter {
    return new SqliteWriter({
      database: this.#opened(),
      chain,
      claim,
      config: this.#config,
      context: this.#context,
    });
  }
}
