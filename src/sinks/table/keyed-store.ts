import type { KeyedStore } from '../keyed-verification.ts';
import type { TableConfig } from './config.ts';
import { PostgresKeyedStore } from './postgres/keyed-store.ts';
import { sqliteFile } from './sqlite/file.ts';
import { SqliteKeyedStore } from './sqlite/keyed-store.ts';

/** The table of a connector, as its comparison with the log reads it. Whoever asked closes it. */
export function keyedTable(
  { sqlite, postgres }: TableConfig,
  dataDirectory: string,
  connector: string,
): KeyedStore & { close(): Promise<void> } {
  if (postgres) return new PostgresKeyedStore(postgres, connector);
  return new SqliteKeyedStore(sqliteFile(sqlite, dataDirectory), connector);
}
