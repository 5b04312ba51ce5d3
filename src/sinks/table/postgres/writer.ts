import { setImmediate } from 'node:timers/promises';
import type { LogRecord } from '../../../log/log.ts';
import { partitionName } from '../../../log/log.ts';
import { withSignal } from '../../../support/with-signal.ts';
import { isRefusal, isSameEvent, toRow } from '../../row.ts';
import type { PartitionWriter, Progress, Refusal, SinkContext } from '../../sink.ts';
import type { Chain, Claim } from '../chain.ts';
import { placeOf } from '../chain.ts';
import { tableErrors } from '../errors.ts';
import { isAboutValues, isConflict, sqlStateOf } from './classify.ts';
import type { PostgresTableConfig } from './config.ts';
import type { Database, Session } from './database.ts';
import { encodeRow, isStorable } from './encode.ts';
import { postgresErrors } from './errors.ts';
import type { EventValue, Statements } from './schema.ts';

/** A transaction has at most so many records: more of them are hardly faster. */
const BATCH_RECORDS = 1_000;
/** … or so many bytes of JSON, which reach the server within the deadline of a statement on a slow line (32 kB/s: 16 s). */
const BATCH_BYTES = 512 * 1024;
/** Records that are taken, in less than a millisecond, before the answers for the batch before them are looked at. */
const SLICE_RECORDS = 64;
/** Deadlocks in a row after which somebody else may try. */
const CONFLICT_TRIES = 5;

export interface PostgresWriterOptions {
  readonly database: Database;
  readonly statements: Statements;
  readonly chain: Chain;
  /** `undefined`: the writer loads again what was loaded before, and leaves the position alone. */
  readonly claim: Claim | undefined;
  readonly config: Pick<PostgresTableConfig, 'delay' | 'columns'>;
  readonly context: Pick<SinkContext, 'deadLetters' | 'clock'>;
}

/** An event on its way. */
interface Row {
  readonly record: LogRecord;
  readonly id: string;
  readonly value: string;
  /** As the insert takes it. */
  readonly json: string;
}

interface Refused {
  readonly record: LogRecord;
  readonly refusal: Refusal;
}

/** Records of one transaction. */
interface Batch {
  readonly rows: Row[];
  readonly refused: Refused[];
  bytes: number;
  /** The offset after the last of them. */
  end: number;
}

/**
 * Writes one partition, a transaction at a time, and takes the records of the next one meanwhile.
 *
 * Rows and position go into one transaction, whose first statement moves the position on only if
 * it is still where this writer left it: that is both the exactly-once and the fence against a
 * writer that has been replaced. That statement also locks the position; so a writer that takes
 * over waits until a transaction whose COMMIT got no answer is decided, and goes on from there.
 *
 * A refused record is in the dead letters *before* the position passes it, and no transaction is
 * open while that is awaited. So a transaction that meets a taken id rolls back, the record goes
 * to the dead letters, and the transaction runs again without it: a crash in between can double
 * a dead letter, and never lose one.
 */
export class PostgresWriter implements PartitionWriter {
  readonly #options: PostgresWriterOptions;
  readonly #place: string;
  readonly #given = new AbortController();
  #next: number | undefined;
  /** The position that the loader was told last. */
  #told: number | undefined;
  #filling = emptyBatch();
  #dueAt: number | undefined;
  #committing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #duplicates = 0;
  /** The lowest offset that was not taken yet. */
  #expected: number;

  constructor(options: PostgresWriterOptions) {
    this.#options = options;
    this.#place = placeOf(options.chain);
    this.#next = this.#told = options.claim?.next;
    this.#expected = options.claim?.next ?? 0;
  }

  resumeOffset(): number | undefined {
    return this.#options.claim?.next;
  }

  async write(records: readonly LogRecord[], signal: AbortSignal): Promise<Progress> {
    signal.throwIfAborted();
    for (const record of records) {
      if (record.offset < this.#expected) {
        this.#duplicates++;
        continue;
      }
      this.#take(record);
      if (isFull(this.#filling)) await this.#commit(signal);
      else if (this.#committing && record.offset % SLICE_RECORDS === 0) {
        await setImmediate();
        signal.throwIfAborted();
      }
    }
    if (this.#filling.end > 0) this.#dueAt ??= this.#options.context.clock.monotonic() + this.#options.config.delay;
    return this.#progress();
  }

  async flush(signal: AbortSignal): Promise<Progress> {
    signal.throwIfAborted();
    if (this.#filling.end > 0) await this.#commit(signal);
    await withSignal(this.#committing ?? Promise.resolve(), signal);
    return this.#progress();
  }

  flushDueAt(): number | undefined {
    return this.#dueAt;
  }

  get underway(): Promise<void> | undefined {
    return this.#committing ?? (this.#told === this.#next ? undefined : Promise.resolve());
  }

  async abandon(): Promise<void> {
    this.#given.abort();
    this.#filling = emptyBatch();
    this.#dueAt = undefined;
    await this.#committing;
  }

  #take(record: LogRecord): void {
    const { config } = this.#options;
    const batch = this.#filling;
    const row = toRow(record, this.#place);
    if (isRefusal(row) || !isStorable(row.event)) {
      batch.refused.push({ record, refusal: isRefusal(row) ? row : NOT_STORABLE });
      batch.bytes += record.value.byteLength;
    } else {
      const json = encodeRow(row, config.columns);
      batch.rows.push({ record, id: row.id, value: row.value, json });
      batch.bytes += json.length;
    }
    batch.end = this.#expected = record.offset + 1;
  }

  /** Begins to store what was taken, once what was taken before it is stored. */
  async #commit(signal: AbortSignal): Promise<void> {
    await withSignal(this.#committing ?? Promise.resolve(), signal);
    this.#assertSound();
    this.#given.signal.throwIfAborted();
    const batch = this.#filling;
    this.#filling = emptyBatch();
    this.#dueAt = undefined;
    const committing = this.#store(batch)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        if (this.#committing === committing) this.#committing = undefined;
      });
    this.#committing = committing;
  }

  async #store({ rows, refused, end }: Batch): Promise<void> {
    await this.#refuse(refused);
    for (let left: readonly Row[] = rows; ; ) {
      const more = await this.#insert(left, end);
      if (more.length === 0) break;
      await this.#refuse(more);
      const gone = new Set(more.map(({ record }) => record));
      left = left.filter(({ record }) => !gone.has(record));
    }
    this.#next = end;
  }

  /** Stores the rows and the position; or nothing, if some of the rows are refused: then these. */
  async #insert(rows: readonly Row[], end: number): Promise<readonly Refused[]> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#transaction(rows, end);
      } catch (error) {
        if (isConflict(error) && tries < CONFLICT_TRIES) continue;
        const refused = isAboutValues(error) ? await this.#refusedOf(rows) : [];
        if (refused.length === 0) throw error;
        return refused;
      }
    }
  }

  async #transaction(rows: readonly Row[], end: number): Promise<readonly Refused[]> {
    const { database } = this.#options;
    let others: readonly Row[] = [];
    let taken: readonly Row[] = [];
    await database.transaction(async (session) => {
      await this.#advance(session, end);
      const firsts = firstOfEachId(rows);
      const inserted = await this.#insertRows(session, [...firsts.values()]);
      others = rows.filter((row) => firsts.get(row.id) !== row || !inserted.has(row.id));
      taken = await this.#differing(session, others, firsts, inserted);
      return taken.length === 0 ? true : undefined;
    }, this.#given.signal);
    if (taken.length === 0) this.#duplicates += others.length;
    return taken.map(({ record }) => ({ record, refusal: ID_TAKEN }));
  }

  async #advance(session: Session, end: number): Promise<void> {
    const { statements, chain, claim } = this.#options;
    if (!claim) return;
    const key = [chain.connector, chain.topic, chain.partition, chain.topicId];
    const { count } = await session.query(statements.advance, [end, ...key, this.#next ?? null, claim.writer]);
    if (count !== 1) throw tableErrors.TABLE_OWNERSHIP_LOST(`another writer has taken ${partitionName(chain)} over`);
  }

  /** The ids that were not in the table. In one order everywhere, so that writers wait for each other, and not in a circle. */
  async #insertRows(session: Session, rows: readonly Row[]): Promise<ReadonlySet<string>> {
    if (rows.length === 0) return new Set();
    const sorted = rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const list = `[${sorted.map(({ json }) => json).join(',')}]`;
    const answer = await session.query<{ id: string }>(this.#options.statements.insert, [list]);
    return new Set(answer.rows.map(({ id }) => id));
  }

  /** Of the rows whose id was there before them, those that are another event than the one stored under it. */
  async #differing(
    session: Session,
    others: readonly Row[],
    firsts: ReadonlyMap<string, Row>,
    inserted: ReadonlySet<string>,
  ): Promise<readonly Row[]> {
    const before = [...new Set(others.map(({ id }) => id))].filter((id) => !inserted.has(id));
    const stored = new Map([...firsts].map(([id, { value }]) => [id, value]));
    if (before.length > 0) {
      const { statements } = this.#options;
      const answer = await session.query<EventValue>(statements.stored, [before]);
      // One that was removed in this moment is inserted at the next try.
      if (answer.count < before.length) throw postgresErrors.POSTGRES_BUSY('a stored event was removed meanwhile');
      for (const { id, value } of answer.rows) stored.set(id, value);
    }
    return others.filter(({ id, value }) => !isSameEvent(stored.get(id)!, value));
  }

  /** Which rows the server refuses, each tried apart from those that it takes; stores nothing. */
  async #refusedOf(rows: readonly Row[]): Promise<readonly Refused[]> {
    const refused: Refused[] = [];
    await this.#options.database.transaction(async (session) => {
      // Else those that wait for the COMMIT would not be met.
      await session.query('SET CONSTRAINTS ALL IMMEDIATE');
      const attempt = async (part: readonly Row[]): Promise<void> => {
        await session.query('SAVEPOINT part');
        try {
          await this.#insertRows(session, part);
        } catch (error) {
          if (!isAboutValues(error)) throw error;
          await session.query('ROLLBACK TO SAVEPOINT part');
          const [first] = part;
          if (part.length === 1 && first) refused.push({ record: first.record, refusal: refusedWith(error) });
          else {
            await attempt(part.slice(0, part.length / 2));
            await attempt(part.slice(part.length / 2));
          }
        }
        await session.query('RELEASE SAVEPOINT part');
      };
      await attempt([...firstOfEachId(rows).values()]);
      return undefined;
    }, this.#given.signal);
    return refused;
  }

  async #refuse(refused: readonly Refused[]): Promise<void> {
    const { context, chain } = this.#options;
    const partition = { topic: chain.topic, partition: chain.partition };
    const kept = refused.map(({ record, refusal }) => context.deadLetters.put(partition, record, refusal));
    await withSignal(Promise.all(kept), this.#given.signal);
  }

  #progress(): Progress {
    this.#assertSound();
    const duplicates = this.#duplicates;
    this.#duplicates = 0;
    this.#told = this.#next;
    return { durableUpTo: this.#next, duplicates };
  }

  #assertSound(): void {
    if (this.#failure) throw this.#failure.error;
  }
}

const NOT_STORABLE: Refusal = {
  code: 'EVENT_NOT_STORABLE',
  reason: 'a text or a number of the event is none that PostgreSQL holds',
};

const ID_TAKEN: Refusal = { code: 'EVENT_ID_TAKEN', reason: 'a different event with this id is stored already' };

/** Without the server's words, which may hold what a visitor sent. */
function refusedWith(error: unknown): Refusal {
  return { code: 'EVENT_REFUSED_BY_TABLE', reason: `PostgreSQL refuses the event with its code ${sqlStateOf(error)}` };
}

function firstOfEachId(rows: readonly Row[]): ReadonlyMap<string, Row> {
  const firsts = new Map<string, Row>();
  for (const row of rows) if (!firsts.has(row.id)) firsts.set(row.id, row);
  return firsts;
}

function emptyBatch(): Batch {
  return { rows: [], refused: [], bytes: 0, end: 0 };
}

function isFull({ rows, refused, bytes }: Batch): boolean {
  return rows.length + refused.length >= BATCH_RECORDS || bytes >= BATCH_BYTES;
}
