import { existsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createTableSink } from '../../src/sinks/table/index.ts';
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
  refused: Buffer.from('no event'),
}));
