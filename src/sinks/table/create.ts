import type { Sink, SinkContext } from '../sink.ts';
import type { TableConfig } from './config.ts';
import { PostgresSink } from './postgres/sink.ts';
import { sqliteFile } from './sqlite/file.ts';
import { SqliteSink } from './sqlite/sink.ts';

export function createTableSink(config: TableConfig, context: SinkContext): Sink {
  if (config.postgres) return new PostgresSink(config.postgres, context);
  return new SqliteSink(config.sqlite, sqliteFile(config.sqlite, context.dataDirectory), context);
}
