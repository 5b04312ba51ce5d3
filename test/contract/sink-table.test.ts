import { existsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createTableSink } from '../../src/sinks/table/create.ts';
import { tableNames } from '../../src/sinks/table/postgres/schema.ts';
import { postgresConfigFor } from '../engines/postgres-config.ts';
import { askPostgres, postgresOrSkip } from '../engines/postgres-test.ts';
import { TABLE_CONFIG } from '../support/fill-table.ts';
import { sinkContract } from './sink.ts';

sinkContract('table in SQLite', async (_t, directory) => ({
  create: (context) => createTableSink(TABLE_CONFIG, context),
  readBack: async () => {
    const file = path.join(directory, 'search.db');
    if (!existsSync(file)) return [];
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      return database.prepare('SELECT id FROM event').all() as { id: string }[];
    } finally {
      database.close();
    }
  },
  remove: async (id) => {
    const database = new DatabaseSync(path.join(directory, 'search.db'));
    database.prepare('DELETE FROM event WHERE id = ?').run(id);
    database.close();
  },
  refused: Buffer.from('no event'),
}));

sinkContract('table in PostgreSQL', async (t) => {
  const server = await postgresOrSkip(t);
  if (!server) return undefined;
  const postgres = postgresConfigFor(server);
  return {
    create: (context) => createTableSink({ postgres }, context),
    readBack: async () => {
      const { table } = tableNames(postgres.table);
      const [there] = await askPostgres(server, `SELECT to_regclass('${table}') IS NOT NULL AS there`);
      return there?.['there'] ? askPostgres<{ id: string }>(server, `SELECT id FROM ${table}`) : [];
    },
    remove: async (id) => {
      await askPostgres(server, `DELETE FROM ${tableNames(postgres.table).table} WHERE id = '${id}'`);
    },
    refused: Buffer.from('no event'),
  };
});
