import type { LogRecord } from '../../../log/log.ts';
import { partitionName } from '../../../log/log.ts';
import { withSignal } from '../../../support/with-signal.ts';
import type { EventRow } from '../../row.ts';
import { isRefusal, isSameEvent, toRow } from '../../row.ts';
import type { PartitionWriter, Progress, Refusal, SinkContext } from '../../sink.ts';
import type { Chain, Claim } from '../chain.ts';
import { placeOf } from '../chain.ts';
import type { SqliteTableConfig } from '../config.ts';
import { tableErrors } from '../errors.ts';
import type { TableDatabase } from './database.ts';

/** A transaction has at most so many records, so that one holds the thread and the lock for some 50 ms. */
const BATCH_RECORDS = 2_000;
/** … or so many bytes of them, which also bounds what a writer holds in memory. */
const BATCH_BYTES = 4 * 2 ** 20;

export interface SqliteWriterOptions {
  readonly database: TableDatabase;
  readonly chain: Chain;
  /** `undefined`: the writer loads again what was loaded before, and leaves the position alone. */
  readonly claim: Claim | undefined;
  readonly config: Pick<SqliteTableConfig, 'delay'>;
  readonly context: Pick<SinkContext, 'deadLetters' | 'clock'>;
}

interface Taken {
  readonly record: LogRecord;
  readonly row: EventRow | Refusal;
}

/**
 * Writes one partition. Rows and position go into one transaction, whose first statement moves
 * the position on only if it is still where this writer left it: that is both the exactly-once
 * and the fence against a writer that has been replaced.
 *
 * A refused record is in the dead letters *before* the position passes it, and no transaction is
 * open while that is awaited. So a transaction that meets a taken id rolls back, the record goes
 * to the dead letters, and the transaction runs again without it: a crash in between can double
 * a dead letter, and never lose one.
 */
export class SqliteWriter implements PartitionWriter {
  readonly #options: SqliteWriterOptions;
  readonly #place: string;
  #next: number | undefined;
  #waiting: Taken[] = [];
  #waitingBytes = 0;
  #dueAt: number | undefined;
  #duplicates = 0;

  constructor(options: SqliteWriterOptions) {
    this.#options = options;
    this.#place = placeOf(options.chain);
    this.#next = options.claim?.next;
  }

  resumeOffset(): number | undefined {
    return this.#options.claim?.next;
  }

  async write(records: readonly LogRecord[], signal: AbortSignal): Promise<Progress> {
    signal.throwIfAborted();
    for (const record of records) {
      if (record.offset < this.#expected()) {
        this.#duplicates++;
        continue;
      }
      this.#waiting.push({ record, row: toRow(record, this.#place) });
      this.#waitingBytes += record.value.byteLength;
      if (this.#waiting.length >= BATCH_RECORDS || this.#waitingBytes >= BATCH_BYTES) await this.#commit(signal);
    }
    if (this.#waiting.length > 0) this.#dueAt ??= this.#options.context.clock.monotonic() + this.#options.config.delay;
    return this.#progress();
  }

  async flush(signal: AbortSignal): Promise<Progress> {
    if (this.#waiting.length > 0) await this.#commit(signal);
    return this.#progress();
  }

  flushDueAt(): number | undefined {
    return this.#dueAt;
  }

  async abandon(): Promise<void> {
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#dueAt = undefined;
  }

  /** The lowest offset that this writer has not taken yet. */
  #expected(): number {
    const last = this.#waiting.at(-1);
    return last ? last.record.offset + 1 : (this.#next ?? 0);
  }

  #progress(): Progress {
    const duplicates = this.#duplicates;
    this.#duplicates = 0;
    return { durableUpTo: this.#next, duplicates };
  }

  async #commit(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const next = this.#expected();
    const rows: EventRow[] = [];
    const refused: Promise<void>[] = [];
    for (const { record, row } of this.#waiting) {
      if (isRefusal(row)) refused.push(this.#refuse(record, row));
      else rows.push(row);
    }
    await withSignal(Promise.all(refused), signal);
    let insert = rows;
    for (;;) {
      const taken = this.#store(insert, next);
      if (taken.length === 0) break;
      const offsets = new Set(taken.map(({ offset }) => offset));
      const reason = { code: 'EVENT_ID_TAKEN', reason: 'a different event with this id is stored already' };
      const letters = this.#waiting.filter(({ record }) => offsets.has(record.offset));
      await withSignal(Promise.all(letters.map(({ record }) => this.#refuse(record, reason))), signal);
      insert = insert.filter(({ offset }) => !offsets.has(offset));
    }
    this.#next = next;
    await this.abandon();
  }

  /** Stores the rows and the position, or nothing, if ids of theirs are taken: then these rows. */
  #store(rows: readonly EventRow[], next: number): readonly EventRow[] {
    const { database } = this.#options;
    const taken: EventRow[] = [];
    let duplicates = 0;
    database.transaction(() => {
      this.#advance(next);
      for (const row of rows) {
        const { changes, lastInsertRowid } = database.insertEvent.run(row.id, row.type, row.timestamp, row.value);
        if (changes === 1) database.insertWords.run(lastInsertRowid, row.words);
        else if (isSameEvent(String(database.storedValue.get(row.id)?.['value']), row.value)) duplicates++;
        else taken.push(row);
      }
      return taken.length === 0 ? true : undefined;
    });
    if (taken.length === 0) this.#duplicates += duplicates;
    return taken;
  }

  #advance(next: number): void {
    const { database, chain, claim } = this.#options;
    if (!claim) return;
    const { connector, topic, partition } = chain;
    const moved = database.advance.run(next, connector, topic, partition, this.#next ?? null, claim.writer);
    if (moved.changes === 1) return;
    throw tableErrors.TABLE_OWNERSHIP_LOST(`another writer has taken ${partitionName(chain)} over`);
  }

  #refuse(record: LogRecord, refusal: Refusal): Promise<void> {
    const { context, chain } = this.#options;
    return context.deadLetters.put({ topic: chain.topic, partition: chain.partition }, record, refusal);
  }
}
