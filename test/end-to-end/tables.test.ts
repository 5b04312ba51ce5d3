import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { askPostgres, postgresTest } from '../engines/postgres-test.ts';
import { Program } from '../support/program.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const COMMAND = path.join(import.meta.dirname, '../../bin/millrace');
const EVENTS = 20;
const GOOD = { records: EVENTS, deadLettered: 0, stored: EVENTS, lost: 0, doubled: 0, unexpected: 0, corrupt: 0 };

/** A table, past our own code. */
interface Table {
  /** Of the configuration. */
  readonly table: object;
  count(): Promise<number>;
  /** Runs a statement on the table `event`. */
  change(statement: string): Promise<void>;
}

/** The way of an event from a page into the table, and back out of it; then what verify says of changes. */
async function fromPageToTable(directory: string, { table, count, change }: Table): Promise<void> {
  const millrace = (...words: string[]) => {
    const { status, stdout } = spawnSync(process.execPath, [COMMAND, ...words, '--json'], {
      cwd: directory,
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, MILLRACE_CONFIG: undefined },
    });
    const lines = stdout.trimEnd().split('\n');
    return { status, lines: lines.map((line) => JSON.parse(line)) };
  };
  await using program = await Program.start({ directory, configuration: { connectors: { warehouse: { table } } } });
  const body = Array.from({ length: EVENTS }, (_, i) => ({ id: `page-${i}`, type: 'page-view', title: `안녕 ${i}` }));
  const posted = await fetch(`${program.collector}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.ok(posted.ok, String(posted.status));
  await until('all are stored', async () => (await count()) === EVENTS);
  const answer = await fetch(`${program.operations}/api/events?text=${encodeURIComponent('안녕 7')}`);
  const { events } = (await answer.json()) as { events: { id: string }[] };
  assert.deepEqual(
    events.map(({ id }) => id),
    ['page-7'],
  );
  assert.equal(await program.stop(), 0);
  const checks = millrace('doctor').lines as { check: string; state: string }[];
  assert.equal(checks.find(({ check }) => check === 'store of warehouse')?.state, 'good');

  const verify = () => {
    const { status, lines } = millrace('verify', 'warehouse');
    return { status, ...lines[0].total };
  };
  assert.deepEqual(verify(), { status: 0, ...GOOD });
  await change(`UPDATE event SET id = 'hidden' WHERE id = 'page-3'`);
  assert.deepEqual(verify(), { status: 1, ...GOOD, stored: EVENTS - 1, lost: 1, unexpected: 1 });
  await change(`UPDATE event SET id = 'page-3', type = 'another' WHERE id = 'hidden'`);
  assert.deepEqual(verify(), { status: 1, ...GOOD, stored: EVENTS - 1, corrupt: 1 });
  await change(`UPDATE event SET type = 'page-view' WHERE id = 'page-3'`);
  assert.deepEqual(verify(), { status: 0, ...GOOD });
  // Without a position of the table's own, the group's says what should be there.
  await change('DELETE FROM event');
  await change('DELETE FROM position');
  assert.deepEqual(verify(), { status: 1, ...GOOD, stored: 0, lost: EVENTS });
}

test('what a page sends is loaded into SQLite, searched and verified', async (t) => {
  const directory = temporaryDirectory(t);
  const withFile = async <T>(work: (database: DatabaseSync) => T): Promise<T> => {
    const database = new DatabaseSync(path.join(directory, 'data/search.db'), { timeout: 5_000 });
    try {
      return work(database);
    } finally {
      database.close();
    }
  };
  await fromPageToTable(directory, {
    table: { sqlite: { delay: '10ms' } },
    count: () =>
      withFile((database) => Number(database.prepare('SELECT count(*) AS n FROM event').get()?.['n'])).catch(() => 0),
    change: (statement) => withFile((database) => database.exec(statement)),
  });
});

postgresTest('what a page sends is loaded into PostgreSQL, searched and verified', async (server, t) => {
  const directory = temporaryDirectory(t);
  await fromPageToTable(directory, {
    table: { postgres: { url: server.url, table: 'event', delay: '10ms', partitionBy: 'month', retention: '90d' } },
    count: async () => {
      const rows = await askPostgres<{ n: number }>(server, 'SELECT count(*)::int AS n FROM event').catch(() => []);
      return rows[0]?.n ?? 0;
    },
    change: async (statement) => {
      await askPostgres(server, statement.replace('FROM position', 'FROM event_position'));
    },
  });
});
