import path from 'node:path';
import type { Sink, SinkContext } from '../sink.ts';
import type { SqliteTableConfig, TableConfig } from './config.ts';
import { tableConfig } from './config.ts';
import { PostgresSink } from './postgres/sink.ts';
import { SqliteSink } from './sqlite/sink.ts';

/** The database file of a table on this machine, as an absolute path; undefined if it is elsewhere. */
export function tableFile({ sqlite }: TableConfig, dataDirectory: string): string | undefined {
  return sqlite && sqliteFile(sqlite, dataDirectory);
}

/** The file of an embedded table, as an absolute path. */
export function sqliteFile({ path: file = 'search.db' }: SqliteTableConfig, dataDirectory: string): string {
  return path.resolve(dataDirectory, file);
}

export function createTableSink(config: TableConfig, context: SinkContext): Sink {
  if (config.postgres) return new PostgresSink(config.postgres, context);
  return new SqliteSink(config.sqlite, sqliteFile(config.sqlite, context.dataDirectory), context);
}

/** The `table` sink, as the registry, the configuration and the reference docs know it. */
export const tableSink = {
  name: 'table',
  summary: 'A table of events in SQLite or PostgreSQL that can be searched by time, type, words and fields',
  guarantee:
    'One row an event id: the rows and the position in the log are one transaction, and a second writer of a partition is fenced off by it.',
  config: tableConfig,
  create: createTableSink,
};
