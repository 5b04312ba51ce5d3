import assert from 'node:assert/strict';
import test from 'node:test';
import pg from 'pg';
import { orSkip } from './or-skip.ts';
import { startPostgres } from './postgres.ts';

const DEADLINE_MS = 10_000;

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: DEADLINE_MS,
    query_timeout: DEADLINE_MS,
  });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('PostgreSQL keeps what was committed when it is killed, and starts again', async (t) => {
  const server = await orSkip(t, 'PostgreSQL', () => startPostgres());
  if (!server) return;
  t.after(() => server.close());
  await ask(server.url, 'CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)');
  await server.kill();
  await assert.rejects(ask(server.url, 'SELECT 1'));
  await server.start();
  assert.deepEqual(await ask(server.url, 'SELECT n FROM kept'), [{ n: 1 }]);
  await server.stop();
  await server.start();
  assert.deepEqual(await ask(server.url, 'SELECT n FROM kept'), [{ n: 1 }]);
});

test('a frozen PostgreSQL answers nobody, and goes on when it is thawed or ended', async (t) => {
  const server = await orSkip(t, 'PostgreSQL', () => startPostgres());
  if (!server) return;
  t.after(() => server.close());
  const client = new pg.Client({ connectionString: server.url, query_timeout: DEADLINE_MS });
  client.on('error', () => {});
  await client.connect();
  await server.freeze();
  let answered = false;
  const asked = client.query('SELECT 1').then(() => {
    answered = true;
  });
  const late = new pg.Client({ connectionString: server.url, connectionTimeoutMillis: 200 });
  await assert.rejects(late.connect(), /timeout/);
  assert.equal(answered, false);
  server.thaw();
  await asked;
  await server.freeze();
  await server.stop();
  await client.end();
  await assert.rejects(ask(server.url, 'SELECT 1'), /ECONNREFUSED/);
});
