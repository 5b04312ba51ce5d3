import { randomUUID } from 'node:crypto';
import type { TopicPartition } from '../../../log/log.ts';
import { withSignal } from '../../../support/with-signal.ts';
import type { PartitionWriter, Sink, SinkContext } from '../../sink.ts';
import type { Chain, Claim } from '../chain.ts';
import { assertPosition, chainOf } from '../chain.ts';
import type { PostgresTableConfig } from './config.ts';
import { Database } from './database.ts';
import { prepareTables } from './prepare.ts';
import type { Statements } from './schema.ts';
import { statementsFor } from './schema.ts';
import { Upkeep } from './upkeep.ts';
import { PostgresWriter } from './writer.ts';

/** Loads events into a table of PostgreSQL. Any number of sinks, anywhere, may share the table. */
export class PostgresSink implements Sink {
  readonly #config: PostgresTableConfig;
  readonly #context: SinkContext;
  readonly #statements: Statements;
  #database: Database | undefined;
  #upkeep: Upkeep | undefined;

  constructor(config: PostgresTableConfig, context: SinkContext) {
    this.#config = config;
    this.#context = context;
    this.#statements = statementsFor(config);
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#database = new Database(this.#config, `millrace ${this.#context.connector}`);
    await prepareTables(this.#database, this.#config, signal);
    const { clock, logger } = this.#context;
    this.#upkeep = new Upkeep({ database: this.#database, config: this.#config, clock, logger });
    await withSignal(this.#upkeep.start(), signal);
  }

  async partition(partition: TopicPartition, signal: AbortSignal): Promise<PartitionWriter> {
    const database = this.#opened();
    const { chain, bounds } = await chainOf(this.#context, partition, signal);
    const writer = randomUUID();
    const position = await database.transaction(async (session) => {
      const place = [chain.connector, chain.topic, chain.partition, chain.topicId];
      const { rows } = await session.query<PositionRow>(this.#statements.takeOver, [...place, writer]);
      const [row] = rows as [PositionRow];
      const stored = { topicId: row.topic_id, next: row.next === null ? undefined : Number(row.next) };
      assertPosition(chain, bounds, stored);
      return stored;
    }, signal);
    return this.#writer(chain, { writer, next: position?.next });
  }

  async reload(partition: TopicPartition, signal: AbortSignal): Promise<PartitionWriter> {
    const { chain } = await chainOf(this.#context, partition, signal);
    return this.#writer(chain);
  }

  async alterPosition(partition: TopicPartition, offset: number | undefined, signal: AbortSignal): Promise<void> {
    const database = this.#opened();
    const { chain } = await chainOf(this.#context, partition, signal);
    const place = [chain.connector, chain.topic, chain.partition];
    const { setPosition, forgetPosition } = this.#statements;
    await database.transaction(async (session) => {
      // Another writer's name in the row, or no row, is what ends the writer of before.
      if (offset === undefined) await session.query(forgetPosition, place);
      else await session.query(setPosition, [...place, chain.topicId, randomUUID(), offset]);
      return true;
    }, signal);
  }

  async close(): Promise<void> {
    await this.#upkeep?.stop();
    this.#database?.close();
    this.#database = undefined;
  }

  #opened(): Database {
    if (!this.#database) throw new Error('the sink is not open');
    return this.#database;
  }

  #writer(chain: Chain, claim?: Claim): PostgresWriter {
    return new PostgresWriter({
      database: this.#opened(),
      statements: this.#statements,
      chain,
      claim,
      config: this.#config,
      context: this.#context,
    });
  }
}

interface PositionRow {
  readonly topic_id: string;
  /** A bigint comes as text. */
  readonly next: string | null;
}
