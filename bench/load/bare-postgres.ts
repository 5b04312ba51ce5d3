/** What a loader that only inserts into PostgreSQL would do: the same table, keys, indices, words and rows as the sink. */
import pg from 'pg';
import type { LogRecord } from '../../src/log/log.ts';
import { isRefusal, toRow } from '../../src/sinks/row.ts';
import { encodeRow } from '../../src/sinks/table/postgres/encode.ts';
import { createEvents, tableNames } from '../../src/sinks/table/postgres/schema.ts';

/** Rows a transaction. */
const TRANSACTION_ROWS = 1_000;

/** Makes the table, empty. */
export async function createBare(url: string, table: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(createEvents({ table, columns: {}, partitionBy: 'none' }));
  await client.end();
}

/** Inserts all records, one JSON parameter a transaction, over one connection. */
export async function insertBare(
  url: string,
  table: string,
  batches: AsyncIterable<readonly LogRecord[]>,
): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const statement = `
    INSERT INTO ${tableNames(table).table} (id, type, timestamp, user_name, value, words)
    SELECT r ->> 'id', r ->> 'type', (r ->> 'timestamp')::timestamptz, r ->> 'user_name', r -> 'value',
           array_to_tsvector(string_to_array(r ->> 'words', ' '))
    FROM jsonb_array_elements($1::jsonb) AS r
    ON CONFLICT (id) DO NOTHING`;
  const insert = async (rows: readonly string[]) => {
    await client.query('BEGIN');
    await client.query(statement, [`[${rows.join(',')}]`]);
    await client.query('COMMIT');
  };
  let rows: string[] = [];
  for await (const batch of batches) {
    for (const record of batch) {
      const row = toRow(record, 't+0');
      if (isRefusal(row)) throw new Error(`a record of the bench is refused: ${row.reason}`);
      rows.push(encodeRow(row, {}));
      if (rows.length < TRANSACTION_ROWS) continue;
      await insert(rows);
      rows = [];
    }
  }
  if (rows.length > 0) await insert(rows);
  await client.end();
}
