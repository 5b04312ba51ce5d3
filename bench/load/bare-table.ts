/** What a loader that only inserts would do: the same schema, keys, indices, words and pragmas as the sink. */
import { DatabaseSync } from 'node:sqlite';
import type { LogRecord } from '../../src/log/log.ts';
import { isRefusal, toRow } from '../../src/sinks/row.ts';
import { INSERT_EVENT, INSERT_WORDS, SCHEMA, writerPragmas } from '../../src/sinks/table/sqlite/schema.ts';

/** Rows a transaction. */
const TRANSACTION_ROWS = 2_000;

/** Inserts all records, as rows, a transaction for every few thousand. */
export async function insertBare(file: string, batches: AsyncIterable<readonly LogRecord[]>): Promise<void> {
  const database = new DatabaseSync(file);
  database.exec(writerPragmas('full'));
  database.exec(SCHEMA);
  const insertEvent = database.prepare(INSERT_EVENT);
  const insertWords = database.prepare(INSERT_WORDS);
  let rows = 0;
  for await (const batch of batches) {
    if (rows === 0) database.exec('BEGIN IMMEDIATE');
    for (const record of batch) {
      const row = toRow(record, 't+0');
      if (isRefusal(row)) throw new Error(`a record of the bench is refused: ${row.reason}`);
      const { lastInsertRowid } = insertEvent.run(row.id, row.type, row.timestamp, row.value);
      insertWords.run(lastInsertRowid, row.words);
    }
    rows += batch.length;
    if (rows < TRANSACTION_ROWS) continue;
    database.exec('COMMIT');
    rows = 0;
  }
  if (rows > 0) database.exec('COMMIT');
  database.close();
}
