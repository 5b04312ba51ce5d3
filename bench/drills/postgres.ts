/** The drill of a table in PostgreSQL, on a real server. */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { createEvents, tableNames } from '../../src/sinks/table/postgres/schema.ts';
import { startPostgres } from '../../test/engines/postgres.ts';
import type { BenchResult } from '../result.ts';
import type { Report } from '../run.ts';
import type { StoreDrillOptions, StoreUnderTest } from './stores/drill.ts';
import { storeDrill } from './stores/drill.ts';
import type { Step } from './stores/faults.ts';

const TABLE = 'events';
/** How long the server is away, stands still, or lets nobody at the table. */
const AWAY_MS = 5_000;
const LOOK_MS = 30_000;

/**
 * The short form. The first commits are of looking at the table, and of taking over the partition
 * and that for replays; then comes the one of the first events.
 */
export const FEW_POSTGRES_STEPS: readonly Step[] = [
  { of: 'commit', call: 3, fate: 'lost' },
  { of: 'commit', call: 3, fate: 'before' },
  { of: 'commit', call: 3, fate: 'after' },
];

export const run = (report: Report) => postgresDrill({ steps: 'all' }, report);

export function postgresDrill(
  { steps, without = [] }: Pick<StoreDrillOptions, 'steps' | 'without'>,
  report: Report,
): Promise<BenchResult> {
  return storeDrill({ name: 'postgres', start: startUnderTest, steps, without }, report);
}

async function startUnderTest(): Promise<StoreUnderTest> {
  const server = await startPostgres();
  const ask = async (statement: string): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client({ connectionString: server.url, query_timeout: LOOK_MS });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(statement)).rows;
    } finally {
      await client.end();
    }
  };
  await ask(createEvents({ table: TABLE, columns: {}, partitionBy: 'none' }));
  await ask(`ALTER TABLE ${TABLE} ADD CONSTRAINT known CHECK (value ->> 'colorName' <> 'unknown')`);
  return {
    sink: { table: { postgres: { url: server.url, table: TABLE, delay: '200ms', statementTimeout: '3s' } } },
    calls: {
      module: new URL('../../src/sinks/table/postgres/connection.ts', import.meta.url).href,
      className: 'Connection',
      methods: ['ask', 'commit', 'rollBack'],
    },
    // By a rule of the table, which only the server knows.
    refusedFields: { colorName: 'unknown' },
    idsStored: async () => (await ask(`SELECT id FROM ${TABLE}`)).map(({ id }) => String(id)),
    leftBehind: async () => {
      const open = await ask(
        `SELECT application_name, state FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'`,
      );
      return open.map((session) => `a transaction of ${session['application_name']}`);
    },
    disturbances: {
      server_killed: async () => {
        await server.kill();
        await delay(AWAY_MS);
        await server.start();
      },
      server_restarted: async () => {
        await server.stop();
        await server.start();
      },
      server_frozen: async () => {
        await server.freeze();
        await delay(AWAY_MS);
        server.thaw();
      },
      connections_ended: async () => {
        const others = `FROM pg_stat_activity WHERE application_name LIKE 'millrace %'`;
        for (const end = performance.now() + AWAY_MS; performance.now() < end; ) {
          await ask(`SELECT pg_terminate_backend(pid) ${others}`);
        }
      },
      table_locked: async () => {
        const seconds = AWAY_MS / 1_000;
        await ask(`BEGIN; LOCK TABLE ${tableNames(TABLE).table}; SELECT pg_sleep(${seconds}); COMMIT`);
      },
    },
    close: () => server.close(),
  };
}
