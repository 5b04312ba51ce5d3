import type { Clock } from '../../../support/clock.ts';
import { messageOf } from '../../../support/errors.ts';
import type { Logger } from '../../../support/logger.ts';
import type { PostgresTableConfig } from './config.ts';
import type { Database, Session } from './database.ts';
import { tableNames } from './schema.ts';
import type { Span } from './spans.ts';
import { spanOfSuffix, spansAround } from './spans.ts';

/** New partitions are needed once a day at most, and what is too old may stay for a while. */
const EVERY_MS = 3_600_000;
/** Whoever wants to change partitions stands in the way of all who come after; so not for longer than this. */
const LOCK_WAIT_MS = 2_000;
/** Rows that are deleted in one transaction. */
const DELETED_ROWS = 5_000;
/** One at a time does this, whichever process it is in; the others need not. */
const LOCK = `pg_try_advisory_xact_lock(hashtextextended('millrace upkeep of ' || $1, 0))`;

export interface UpkeepOptions {
  readonly database: Database;
  readonly config: Pick<PostgresTableConfig, 'table' | 'partitionBy' | 'ahead' | 'retention'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Makes partitions ahead of their time, and removes what is older than the table is to keep. What
 * does not work is tried again later: events without a partition are in the one for the rest.
 */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** Does what is due, and then again every hour. */
  async start(): Promise<void> {
    const { partitionBy, retention } = this.#options.config;
    if (partitionBy === 'none' && retention === undefined) return;
    await this.#attempt();
    this.#running = this.#repeat();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #repeat(): Promise<void> {
    const { signal } = this.#stopped;
    for (;;) {
      await this.#options.clock.sleep(EVERY_MS, signal);
      if (signal.aborted) return;
      await this.#attempt();
    }
  }

  async #attempt(): Promise<void> {
    const { logger, config } = this.#options;
    try {
      await this.#makePartitions();
      await this.#dropPartitions();
      await this.#deleteRows();
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      logger.warn({ table: config.table, error: messageOf(error) }, 'the upkeep of the table is put off for an hour');
    }
  }

  async #makePartitions(): Promise<void> {
    const { config, clock } = this.#options;
    if (config.partitionBy === 'none') return;
    for (const span of spansAround(clock.now(), config.partitionBy, config.ahead)) {
      if (!this.#isOver(span)) await this.#alone((session) => this.#makePartition(session, span));
    }
  }

  /** Its ids may have come before it, in the partition for the rest; then they move. */
  async #makePartition(session: Session, { suffix, fromId, toId }: Span): Promise<void> {
    const { table, rest, partition } = tableNames(this.#options.config.table);
    const name = partition(suffix);
    const { rows } = await session.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [name]);
    if (rows[0]?.there) return;
    await session.query(`LOCK TABLE ${rest} IN ACCESS EXCLUSIVE MODE`);
    await session.query(`CREATE TABLE ${name} (LIKE ${table} INCLUDING ALL)`);
    await session.query(
      `WITH moved AS (DELETE FROM ${rest} WHERE id >= $1 AND id < $2 RETURNING *) INSERT INTO ${name} SELECT * FROM moved`,
      [fromId, toId],
    );
    // The bounds hold hexadecimal digits and dashes only.
    await session.query(`ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM ('${fromId}') TO ('${toId}')`);
  }

  async #dropPartitions(): Promise<void> {
    const { database, config, logger } = this.#options;
    if (config.partitionBy === 'none' || config.retention === undefined) return;
    const { table, partition } = tableNames(config.table);
    const prefix = `${config.table.split('.').at(-1)}_`;
    const found = await database.transaction(
      (session) =>
        session.query<{ name: string }>(
          `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
           WHERE i.inhparent = $1::regclass AND starts_with(c.relname, $2)`,
          [table, prefix],
        ),
      this.#stopped.signal,
    );
    for (const { name } of found?.rows ?? []) {
      const span = spanOfSuffix(name.slice(prefix.length));
      if (!span || !this.#isOver(span)) continue;
      await this.#alone(async (session) => {
        await session.query(`DROP TABLE IF EXISTS ${partition(span.suffix)}`);
      });
      logger.info({ partition: name }, 'dropped a partition that is over');
    }
  }

  /** Rows that no partition takes away with it. */
  async #deleteRows(): Promise<void> {
    const { config, clock } = this.#options;
    if (config.retention === undefined) return;
    const { table, rest } = tableNames(config.table);
    const from = config.partitionBy === 'none' ? table : rest;
    const until = new Date(clock.now() - config.retention).toISOString();
    let deleted: number;
    do {
      deleted = 0;
      await this.#alone(async (session) => {
        const { count } = await session.query(
          `DELETE FROM ${from} WHERE id IN
             (SELECT id FROM ${from} WHERE timestamp < $1::timestamptz ORDER BY timestamp LIMIT ${DELETED_ROWS})`,
          [until],
        );
        deleted = count;
      });
    } while (deleted === DELETED_ROWS);
  }

  #isOver({ to }: Span): boolean {
    const { config, clock } = this.#options;
    return config.retention !== undefined && to <= clock.now() - config.retention;
  }

  /** Does it in a transaction of its own, unless another process does such a thing just now. */
  async #alone(work: (session: Session) => Promise<void>): Promise<void> {
    const { database, config } = this.#options;
    await database.transaction(async (session) => {
      await session.query(`SET LOCAL lock_timeout = ${LOCK_WAIT_MS}`);
      const { rows } = await session.query<{ mine: boolean }>(`SELECT ${LOCK} AS mine`, [config.table]);
      if (!rows[0]?.mine) return undefined;
      await work(session);
      return true;
    }, this.#stopped.signal);
  }
}
