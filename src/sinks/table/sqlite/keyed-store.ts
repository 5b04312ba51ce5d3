import { DatabaseSync } from 'node:sqlite';
import type { TopicPartition } from '../../../log/log.ts';
import type { KeyedStore } from '../../keyed-verification.ts';
import { assertVersion, coded, schemaVersion } from './database.ts';

type Json = Readonly<Record<string, unknown>>;

/** How long a question waits for a writer that holds the file. */
const BUSY_MS = 10_000;

/** The file that a connector fills, as its comparison with the log reads it. */
export class SqliteKeyedStore implements KeyedStore {
  readonly #database: DatabaseSync;
  readonly #connector: string;

  /** @throws TABLE_UNUSABLE, TABLE_VERSION_UNKNOWN for a file that is not there or none of ours */
  constructor(file: string, connector: string) {
    this.#database = coded(() => new DatabaseSync(file, { readOnly: true, timeout: BUSY_MS }));
    this.#connector = connector;
    try {
      coded(() => assertVersion(schemaVersion(this.#database)));
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  async position({
    topic,
    partition,
    topicId,
  }: TopicPartition & { readonly topicId: string }): Promise<number | undefined> {
    const [row] = this.#all(
      'SELECT next FROM position WHERE connector = ? AND topic = ? AND partition = ? AND topic_id = ?',
      [this.#connector, topic, partition, topicId],
    );
    const next = row?.['next'] ?? undefined;
    return next === undefined ? undefined : Number(next);
  }

  async lookup(ids: readonly string[]): Promise<ReadonlyMap<string, readonly Json[]>> {
    const rows = this.#all('SELECT id, type, value FROM event WHERE id IN (SELECT value FROM json_each(?))', [
      JSON.stringify(ids),
    ]);
    return new Map(
      rows.map(({ id, type, value }) => [String(id), [{ ...(JSON.parse(String(value)) as Json), id, type }]]),
    );
  }

  async count(): Promise<number> {
    return Number(this.#all('SELECT count(*) AS count FROM event', [])[0]?.['count']);
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  #all(statement: string, parameters: readonly (string | number)[]): Json[] {
    return coded(() => this.#database.prepare(statement).all(...parameters)) as Json[];
  }
}
