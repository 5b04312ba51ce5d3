import path from 'node:path';
import { startQueryThread } from '../../src/sinks/query-thread.ts';
import { openSqliteEventQuery } from '../../src/sinks/table/sqlite/query.ts';
import { fillTable } from '../support/fill-table.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { eventQueryContract } from './event-query.ts';

eventQueryContract('SQLite', async (t, events) => {
  const directory = temporaryDirectory(t);
  await fillTable(directory, events);
  const query = openSqliteEventQuery(path.join(directory, 'search.db'));
  t.after(() => query.close());
  return query;
});

eventQueryContract('SQLite in a thread of its own', async (t, events) => {
  const directory = temporaryDirectory(t);
  await fillTable(directory, events);
  const query = startQueryThread({ kind: 'sqlite', path: path.join(directory, 'search.db') }, 30_000);
  t.after(() => query.close());
  return query;
});
