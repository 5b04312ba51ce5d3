import path from 'node:path';
import type { SqliteTableConfig, TableConfig } from '../config.ts';

/** The database file of a table on this machine, as an absolute path; undefined if it is elsewhere. */
export function tableFile({ sqlite }: TableConfig, dataDirectory: string): string | undefined {
  return sqlite && sqliteFile(sqlite, dataDirectory);
}

/** The file of an embedded table, as an absolute path. */
export function sqliteFile({ path: file = 'search.db' }: SqliteTableConfig, dataDirectory: string): string {
  return path.resolve(dataDirectory, file);
}
