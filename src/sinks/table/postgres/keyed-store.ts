import type { TopicPartition } from '../../../log/log.ts';
import type { KeyedStore } from '../../keyed-verification.ts';
import type { PostgresTableConfig } from './config.ts';
import type { Session } from './database.ts';
import { Database } from './database.ts';
import type { EventValue } from './schema.ts';
import { statementsFor, tableNames, toEvent } from './schema.ts';

type Json = Readonly<Record<string, unknown>>;

/** The table that a connector fills, as its comparison with the log reads it. */
export class PostgresKeyedStore implements KeyedStore {
  readonly #database: Database;
  readonly #config: PostgresTableConfig;
  readonly #connector: string;

  constructor(config: PostgresTableConfig, connector: string) {
    this.#database = new Database(config, `millrace verify ${connector}`);
    this.#config = config;
    this.#connector = connector;
  }

  async position(
    { topic, partition, topicId }: TopicPartition & { readonly topicId: string },
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const rows = await this.#ask<{ next: string | null }>(
      `SELECT next FROM ${tableNames(this.#config.table).position}
       WHERE connector = $1 AND topic = $2 AND partition = $3 AND topic_id = $4`,
      [this.#connector, topic, partition, topicId],
      signal,
    );
    const next = rows[0]?.next ?? undefined;
    return next === undefined ? undefined : Number(next);
  }

  async lookup(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, readonly Json[]>> {
    const rows = await this.#ask<EventValue>(statementsFor(this.#config).stored, [ids], signal);
    return new Map(rows.map((row) => [row.id, [toEvent(row)]]));
  }

  async count(signal: AbortSignal): Promise<number> {
    const statement = `SELECT count(*) AS count FROM ${tableNames(this.#config.table).table}`;
    const [row] = await this.#ask<{ count: string }>(statement, [], signal);
    return Number(row?.count);
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  async #ask<T extends object>(
    statement: string,
    values: readonly unknown[],
    signal: AbortSignal,
  ): Promise<readonly T[]> {
    const work = (session: Session) => session.query<T>(statement, values);
    return (await this.#database.transaction(work, signal))?.rows ?? [];
  }
}
