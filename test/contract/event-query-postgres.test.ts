import { openPostgresEventQuery } from '../../src/sinks/table/postgres/query.ts';
import { postgresConfigFor } from '../engines/postgres-config.ts';
import { postgresOrSkip } from '../engines/postgres-test.ts';
import { fillTable } from '../support/fill-table.ts';
import { eventQueryContract } from './event-query.ts';

const DEADLINE_MS = 30_000;

eventQueryContract('PostgreSQL', async (t, events) => {
  const server = await postgresOrSkip(t);
  if (!server) return undefined;
  const postgres = postgresConfigFor(server);
  await fillTable('', events, 'events', { postgres });
  const query = openPostgresEventQuery(postgres, DEADLINE_MS);
  t.after(() => query.close());
  return query;
});
