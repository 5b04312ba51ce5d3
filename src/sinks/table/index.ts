import { tableConfig } from './config.ts';

/** The `table` sink, as the registry, the configuration and the reference docs know it. */
export const tableSink = {
  name: 'table',
  summary: 'A table of events in SQLite or PostgreSQL that can be searched by time, type, words and fields',
  guarantee:
    'One row an event id: the rows and the position in the log are one transaction, and a second writer of a partition is fenced off by it.',
  config: tableConfig,
  load: async () => (await import('./create.ts')).createTableSink,
} as const;
