import path from 'node:path';
import type { Sink, SinkContext } from '../sink.ts';
import type { SqliteTableConfig, TableConfig } from './config.ts';
import { tableConfig } from './config.ts';
import { SqliteSink } from './sqlite/sink.ts';

/** Where the embedded table lies, as an absolute path: for the sink and for whoever asks it. */
export function sqliteTablePath(config: Pick<SqliteTableConfig, 'path'>, dataDirectory: string): string {
  return path.resolve(dataDirectory, config.path ?? 'search.db');
}

export function createTableSink(config: TableConfig, context: SinkContext): Sink {
  return new SqliteSink(config.sqlite, sqliteTablePath(config.sqlite, context.dataDirectory), context);
}

/** The `table` sink, as the registry, the configuration and the reference docs know it. */
export const tableSink = {
  name: 'table',
  summary: 'A table of events in SQLite that can be searched by time, type, words and fields',
  guarantee:
    'One row an event id: the rows and the position in the log are one transaction, and a second writer of a partition is fenced off by it.',
  config: tableConfig,
  create: createTableSink,
};
