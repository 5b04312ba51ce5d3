/** Tests against a real PostgreSQL. */
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { QueryResultRow } from 'pg';
import pg from 'pg';
import { orSkip } from './or-skip.ts';
import type { Postgres } from './postgres.ts';
import { startPostgres } from './postgres.ts';

/** One server a test file. */
let shared: Promise<Postgres> | undefined;

test.after(async () => {
  const server = await shared?.catch(() => undefined);
  await server?.close();
});

/** A test with the server that all such tests of the file share. Where it can't run the test is skipped, and says so. */
export function postgresTest(name: string, body: (server: Postgres, t: TestContext) => Promise<void>): void {
  test(name, async (t) => {
    const server = await postgresOrSkip(t);
    if (server) await body(server, t);
  });
}

/** The server for a test that is written without {@link postgresTest}. */
export function postgresOrSkip(t: TestContext): Promise<Postgres | undefined> {
  return orSkip(t, 'PostgreSQL', () => {
    shared ??= startPostgres();
    return shared;
  });
}

/** A server of the test's own, to be killed and frozen. */
export function ownPostgresOrSkip(t: TestContext): Promise<Postgres | undefined> {
  return orSkip(t, 'PostgreSQL', async () => {
    const server = await startPostgres();
    t.after(() => server.close());
    return server;
  });
}

const DEADLINE_MS = 10_000;

/** A connection past our own code, for a transaction that is to stay open; ends with the test. */
export async function connectPostgres(t: TestContext, { url }: Pick<Postgres, 'url'>): Promise<pg.Client> {
  const client = await connect(url);
  t.after(() => client.end());
  return client;
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: DEADLINE_MS,
    query_timeout: DEADLINE_MS,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Asks past our own code. */
export async function askPostgres<T extends QueryResultRow>(
  { url }: Pick<Postgres, 'url'>,
  statement: string,
  values: unknown[] = [],
): Promise<T[]> {
  const client = await connect(url);
  try {
    return values.length === 0
      ? (await client.query<T>(statement)).rows
      : (await client.query<T>(statement, values)).rows;
  } finally {
    await client.end();
  }
}
