import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createTableSink } from '../../src/sinks/table/create.ts';
import type { PostgresTableConfig } from '../../src/sinks/table/postgres/config.ts';
import { spansAround } from '../../src/sinks/table/postgres/spans.ts';
import type { Postgres } from '../engines/postgres.ts';
import { postgresConfigFor } from '../engines/postgres-config.ts';
import { askPostgres, postgresTest } from '../engines/postgres-test.ts';
import { fakeSinkContext } from '../support/fake-sink-context.ts';
import { toRecord } from '../support/fill-table.ts';
import { until } from '../support/until.ts';

const DAY_MS = 86_400_000;
const NOON = Date.UTC(2026, 10, 23, 12);
const { signal } = new AbortController();

function idAt(time: number, n: number): string {
  const hex = time.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${String(n).padStart(12, '0')}`;
}

const eventAt = (time: number, id: string) => ({ id, type: 't', timestamp: new Date(time).toISOString() });

/** A sink whose clock starts at noon, and what it takes to load events through it. */
async function openSink(t: TestContext, postgres: PostgresTableConfig) {
  const context = fakeSinkContext({ t: { id: 't', partitions: 1, startOffset: 0, endOffset: 1_000 } }, '');
  context.clock.advance(NOON - context.clock.now());
  const sink = createTableSink({ postgres }, context);
  await sink.open(signal);
  t.after(() => sink.close());
  let offset = 0;
  const load = async (events: readonly Readonly<Record<string, unknown>>[]) => {
    const writer = await sink.partition({ topic: 't', partition: 0 }, signal);
    offset = writer.resumeOffset() ?? offset;
    await writer.write(
      events.map((event, i) => toRecord(event, offset + i)),
      signal,
    );
    await writer.flush(signal);
    await writer.abandon();
  };
  return { context, load };
}

async function partitionsOf(server: Postgres, table: string): Promise<string[]> {
  const rows = await askPostgres<{ name: string }>(
    server,
    'SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass ORDER BY 1',
    [table],
  );
  return rows.map(({ name }) => name.slice(table.length + 1));
}

async function placesOf(server: Postgres, table: string): Promise<Record<string, string>> {
  const rows = await askPostgres<{ id: string; place: string }>(
    server,
    `SELECT id, tableoid::regclass::text AS place FROM ${table}`,
  );
  return Object.fromEntries(rows.map(({ id, place }) => [id, place.slice(table.length + 1)]));
}

postgresTest('partitions are there before their time, and each takes the ids of its own', async (server, t) => {
  const postgres = postgresConfigFor(server, { partitionBy: 'day', ahead: 2 });
  const { context, load } = await openSink(t, postgres);
  const days = ['p20261121', 'p20261122', 'p20261123', 'p20261124', 'p20261125'];
  assert.deepEqual(await partitionsOf(server, postgres.table), [...days, 'rest']);

  const ids = [NOON - 2 * DAY_MS, NOON, NOON + 2 * DAY_MS, NOON + 3 * DAY_MS].map(idAt);
  await load([...ids.map((id) => eventAt(NOON, id)), eventAt(NOON, 'of a client')]);
  const [early = '', now = '', ahead = '', beyond = ''] = ids;
  const places = { [early]: 'p20261121', [now]: 'p20261123', [ahead]: 'p20261125', 'of a client': 'rest' };
  assert.deepEqual(await placesOf(server, postgres.table), { ...places, [beyond]: 'rest' });

  // A day later the next partition is made, and what came before it moves there.
  context.clock.advance(DAY_MS);
  await until('the next one is there', async () => (await partitionsOf(server, postgres.table)).includes('p20261126'));
  assert.deepEqual(await placesOf(server, postgres.table), { ...places, [beyond]: 'p20261126' });
});

postgresTest('the id alone is the key, in every partition', async (server, t) => {
  const postgres = postgresConfigFor(server, { partitionBy: 'month', ahead: 1 });
  const { context, load } = await openSink(t, postgres);
  const id = idAt(NOON, 1);
  await load([eventAt(NOON, id), eventAt(NOON + 90 * DAY_MS, id), { ...eventAt(NOON, id), userName: 'thief' }]);
  assert.deepEqual(await placesOf(server, postgres.table), { [id]: 'p202611' });
  assert.deepEqual(
    context.deadLetters.letters.map(({ reason }) => reason.code),
    ['EVENT_ID_TAKEN'],
  );
});

postgresTest('what is older than the retention goes, as whole partitions and from the rest', async (server, t) => {
  const postgres = postgresConfigFor(server, { partitionBy: 'day', ahead: 3, retention: 2 * DAY_MS });
  const { context, load } = await openSink(t, postgres);
  assert.deepEqual((await partitionsOf(server, postgres.table))[0], 'p20261121', 'none is made that would go at once');
  const kept = idAt(NOON, 1);
  await load([
    eventAt(NOON - 2 * DAY_MS, idAt(NOON - 2 * DAY_MS, 0)),
    eventAt(NOON, kept),
    eventAt(NOON - 2 * DAY_MS + 3_600_000, 'old'),
    eventAt(NOON, 'new'),
  ]);
  context.clock.advance(DAY_MS);
  await until('the old ones are gone', async () => Object.keys(await placesOf(server, postgres.table)).length === 2);
  assert.deepEqual(await placesOf(server, postgres.table), { [kept]: 'p20261123', new: 'rest' });
  assert.ok(!(await partitionsOf(server, postgres.table)).includes('p20261121'));
});

postgresTest('a table without partitions loses its old rows', async (server, t) => {
  const postgres = postgresConfigFor(server, { retention: DAY_MS });
  const { context, load } = await openSink(t, postgres);
  const many = Array.from({ length: 900 }, (_, i) => eventAt(NOON + i, `old-${i}`));
  await load([...many, eventAt(NOON + DAY_MS, 'new')]);
  context.clock.advance(DAY_MS + 3_600_000);
  await until('only the new one is left', async () => {
    const rows = await askPostgres<{ id: string }>(server, `SELECT id FROM ${postgres.table}`);
    return rows.length === 1 && rows[0]?.id === 'new';
  });
});

postgresTest('a table of somebody else in the place of a partition holds up no loading', async (server, t) => {
  const postgres = postgresConfigFor(server, { partitionBy: 'day', ahead: 1 });
  const { context, load } = await openSink(t, postgres);
  const { suffix } = spansAround(NOON + 2 * DAY_MS, 'day', 0)[0]!;
  await askPostgres(server, `CREATE TABLE ${postgres.table}_${suffix} (n int)`);
  context.clock.advance(DAY_MS);
  const id = idAt(NOON + 2 * DAY_MS, 0);
  await load([eventAt(NOON, id)]);
  assert.deepEqual(await placesOf(server, postgres.table), { [id]: 'rest' });
});
