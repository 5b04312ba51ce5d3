import { readConfiguration } from '../../src/config/read.ts';
import type { PostgresTableConfig } from '../../src/sinks/table/postgres/config.ts';
import { postgresTableConfig } from '../../src/sinks/table/postgres/config.ts';
import type { Postgres } from './postgres.ts';

let tables = 0;

/** The configuration of a table of its own, as it would be read from a file, but for what is given. */
export function postgresConfigFor(
  { url }: Pick<Postgres, 'url'>,
  given: Partial<PostgresTableConfig> = {},
): PostgresTableConfig {
  const text = JSON.stringify({ url, table: `events_${process.pid}_${++tables}` });
  const { value, faults } = readConfiguration(postgresTableConfig, text, {});
  if (faults.length > 0) throw new Error(faults.map(({ message }) => message).join(' '));
  return { ...value, ...given };
}
