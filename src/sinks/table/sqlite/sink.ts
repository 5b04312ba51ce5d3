import { randomUUID } from 'node:crypto';
import type { TopicPartition } from '../../../log/log.ts';
import { partitionName } from '../../../log/log.ts';
import { withSignal } from '../../../support/with-signal.ts';
import type { PartitionWriter, Sink, SinkContext } from '../../sink.ts';
import type { SqliteTableConfig } from '../config.ts';
import { tableErrors } from '../errors.ts';
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
    const database = this.#database;
    if (!database) throw new Error('the sink is not open');
    const { connector, admin } = this.#context;
    const [topics, offsets] = await withSignal(Promise.all([admin.topics(), admin.offsets(partition.topic)]), signal);
    const topicId = topics.find(({ name }) => name === partition.topic)?.id;
    const bounds = offsets.find((each) => each.partition === partition.partition);
    if (topicId === undefined || !bounds) {
      throw new Error(`the log knows no partition ${partitionName(partition)}`);
    }
    const chain = { connector, ...partition, topicId };
    const writer = randomUUID();
    const taken = database.transaction(() => {
      const place = [connector, partition.topic, partition.partition] as const;
      const row = database.readPosition.get(...place);
      if (row && row['topic_id'] !== topicId) {
        throw tableErrors.TABLE_TOPIC_REPLACED(
          `the table holds another topic's position for ${partitionName(partition)}`,
        );
      }
      const next = (row?.['next'] ?? undefined) as number | undefined;
      if (next !== undefined && (next < bounds.startOffset || next > bounds.endOffset)) {
        throw tableErrors.TABLE_POSITION_OUT_OF_RANGE(
          `${partitionName(partition)} is loaded up to ${next}, and the log holds ${bounds.startOffset} to ${bounds.endOffset}`,
        );
      }
      database.takeOver.run(...place, topicId, writer);
      return { next };
    });
    return new SqliteWriter({
      database,
      chain,
      writer,
      next: taken?.next,
      config: this.#config,
      context: this.#context,
    });
  }

  async close(): Promise<void> {
    this.#database?.close();
    this.#database = undefined;
  }
}
