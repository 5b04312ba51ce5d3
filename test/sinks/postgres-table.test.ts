import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import type { LogRecord } from '../../src/log/log.ts';
import { createTableSink } from '../../src/sinks/table/create.ts';
import type { PostgresTableConfig } from '../../src/sinks/table/postgres/config.ts';
import { openPostgresEventQuery } from '../../src/sinks/table/postgres/query.ts';
import { MillraceError } from '../../src/support/errors.ts';
import type { Postgres } from '../engines/postgres.ts';
import { postgresConfigFor } from '../engines/postgres-config.ts';
import { askPostgres, connectPostgres, postgresTest } from '../engines/postgres-test.ts';
import type { FakeTopic } from '../support/fake-sink-context.ts';
import { fakeSinkContext } from '../support/fake-sink-context.ts';
import { toRecord } from '../support/fill-table.ts';
import { until } from '../support/until.ts';

const PARTITION = { topic: 'colors', partition: 0 };
const TOPIC: FakeTopic = { id: 'topic-id', partitions: 2, startOffset: 0, endOffset: 100 };
const { signal } = new AbortController();

const event = (id: string, more: object = {}) => ({
  id,
  type: 'select-color',
  timestamp: '2026-11-22T12:00:00.000Z',
  ...more,
});
const records = (events: readonly object[], first = 0) => events.map((each, i) => toRecord({ ...each }, first + i));
const raw = (value: string, offset: number): LogRecord => ({ offset, timestamp: 5, value: Buffer.from(value) });
const hasCode = (code: string) => (error: unknown) => error instanceof MillraceError && error.code === code;

async function openSink(t: TestContext, postgres: PostgresTableConfig, topic: Partial<FakeTopic> = {}) {
  const context = fakeSinkContext({ colors: { ...TOPIC, ...topic } }, '');
  const sink = createTableSink({ postgres }, context);
  await sink.open(signal);
  t.after(() => sink.close());
  return { sink, context };
}

/** Whether a loader waits for a lock. */
async function isWaiting(server: Postgres): Promise<boolean> {
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'millrace %' AND wait_event_type = 'Lock'`;
  return (await askPostgres(server, waiting)).length > 0;
}

async function idsIn(server: Postgres, { table }: PostgresTableConfig): Promise<string[]> {
  const rows = await askPostgres<{ id: string }>(server, `SELECT id FROM ${table} ORDER BY id`);
  return rows.map(({ id }) => id);
}

postgresTest('fields of the events are columns, also those that are configured later', async (server, t) => {
  const config = postgresConfigFor(server);
  const load = async (columns: PostgresTableConfig['columns'], offset: number) => {
    const { sink } = await openSink(t, { ...config, columns });
    const writer = await sink.partition(PARTITION, signal);
    const more = { userName: '김민수', amount: 12.5, at: '2026-11-22T21:00:00+09:00', place: { city: 'Zürich' } };
    await writer.write(records([event(`e${offset}`, more)], offset), signal);
    await writer.flush(signal);
  };
  await load({}, 0);
  const columns = {
    city: { field: 'place.city', type: 'text' },
    amount: { field: 'amount', type: 'number' },
    whole: { field: 'amount', type: 'integer' },
    at: { field: 'at', type: 'timestamp' },
  } as const;
  await load(columns, 1);
  await load(columns, 2);
  const rows = await askPostgres(
    server,
    `SELECT id, type, timestamp = '2026-11-22 12:00Z' AS when, user_name, value ->> 'amount' AS value,
            city, amount, whole, at = '2026-11-22 12:00Z' AS at
     FROM ${config.table} ORDER BY id`,
  );
  const row = { type: 'select-color', when: true, user_name: '김민수', value: '12.5' };
  const later = { ...row, city: 'Zürich', amount: 12.5, whole: null, at: true };
  assert.deepEqual(rows, [
    { id: 'e0', ...row, city: null, amount: null, whole: null, at: null },
    { id: 'e1', ...later },
    { id: 'e2', ...later },
  ]);
  const wrong = { city: { field: 'place.city', type: 'integer' } } as const;
  await assert.rejects(openSink(t, { ...config, columns: wrong }), hasCode('POSTGRES_TABLE_UNSUITABLE'));
});

postgresTest('an event met again is counted and stored once, in one batch and in a later one', async (server, t) => {
  const config = postgresConfigFor(server);
  const { sink, context } = await openSink(t, config);
  const writer = await sink.partition(PARTITION, signal);
  await writer.write(records([event('a', { receivedAt: '1' }), event('a', { receivedAt: '2' })]), signal);
  assert.equal((await writer.flush(signal)).duplicates, 1);
  await writer.write(records([event('a', { receivedAt: '3' }), event('b')], 2), signal);
  assert.deepEqual(await writer.flush(signal), { durableUpTo: 4, duplicates: 1 });
  assert.deepEqual(await idsIn(server, config), ['a', 'b']);
  assert.deepEqual(context.deadLetters.letters, []);
});

postgresTest('a taken id goes to the dead letters before the position passes it', async (server, t) => {
  const config = postgresConfigFor(server);
  const { sink, context } = await openSink(t, config);
  const writer = await sink.partition(PARTITION, signal);
  const events = [event('a', { userName: 'first' }), event('a', { userName: 'thief' }), event('b')];
  await writer.write(records(events), signal);
  context.deadLetters.failNext = new Error('the log is away');
  await assert.rejects(writer.flush(signal), /the log is away/);
  assert.deepEqual(await idsIn(server, config), [], 'neither rows nor position');
  await writer.abandon();

  const again = await sink.partition(PARTITION, signal);
  assert.equal(again.resumeOffset(), undefined);
  await again.write(records(events), signal);
  assert.deepEqual(await again.flush(signal), { durableUpTo: 3, duplicates: 0 });
  // Of a batch with several of an id that is stored already, each is compared with what is stored.
  const thief = event('a', { userName: 'thief' });
  await again.write(records([thief, event('a', { userName: 'first' }), thief], 3), signal);
  assert.deepEqual(await again.flush(signal), { durableUpTo: 6, duplicates: 1 });
  assert.deepEqual(await idsIn(server, config), ['a', 'b']);
  assert.deepEqual(
    context.deadLetters.letters.map(({ record, reason }) => [record.offset, reason.code]),
    [1, 3, 5].map((offset) => [offset, 'EVENT_ID_TAKEN']),
  );
});

postgresTest('what PostgreSQL does not hold is a dead letter alone, and the batch goes on', async (server, t) => {
  const config = postgresConfigFor(server);
  const { sink, context } = await openSink(t, config);
  await askPostgres(server, `ALTER TABLE ${config.table} ADD CHECK (value ->> 'colorName' <> 'none')`);
  await askPostgres(
    server,
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not so'; END $$;
     CREATE CONSTRAINT TRIGGER late AFTER INSERT ON ${config.table} DEFERRABLE INITIALLY DEFERRED
       FOR EACH ROW WHEN (NEW.user_name = 'late') EXECUTE FUNCTION refuse()`,
  );
  const writer = await sink.partition(PARTITION, signal);
  /** A value that pretends to come from our collector, and so is stored as it is written. */
  const canonical = (id: string, field: string) =>
    `{"id":"${id}","type":"t","timestamp":"2026-11-22T12:00:00.000Z","receivedAt":"","sentTimestamp":"",${field}}`;
  const bad: readonly (readonly [string, string])[] = [
    [canonical('nul', '"a":"x\\u0000"'), 'EVENT_NOT_STORABLE'],
    [canonical('key', '"a\\u0000":1'), 'EVENT_NOT_STORABLE'],
    [canonical('half', '"a":["\\ud800"]'), 'EVENT_NOT_STORABLE'],
    ['{"id":"nul2","type":"t","deep":{"a":"\\u0000"}}', 'EVENT_NOT_STORABLE'],
    [canonical('huge', '"a":1e400'), 'EVENT_NOT_STORABLE'],
    ['{"id":"huge2","type":"t","a":-1e400}', 'EVENT_NOT_STORABLE'],
    [canonical('tiny', '"a":1e-20000'), 'EVENT_REFUSED_BY_TABLE'],
    [`{"id":"${randomText(6_000)}","type":"t"}`, 'EVENT_REFUSED_BY_TABLE'],
    [`{"id":"type","type":"${randomText(6_000)}"}`, 'EVENT_REFUSED_BY_TABLE'],
    [canonical('rule', '"colorName":"none"'), 'EVENT_REFUSED_BY_TABLE'],
    [canonical('trigger', '"userName":"late"'), 'EVENT_REFUSED_BY_TABLE'],
    ['[]', 'RECORD_NOT_AN_EVENT'],
  ];
  const good = [canonical('a', '"x":"\\\\u0000 \\u0001 😀"'), canonical('b', '"n":12345678901234567890.5e-3')];
  const values = bad.flatMap(([value], i) => [value, canonical(`good-${i}`, '"a":1')]);
  const all = [...values, ...good].map((value, offset) => raw(value, offset));
  await writer.write(all, signal);
  assert.deepEqual(await writer.flush(signal), { durableUpTo: all.length, duplicates: 0 });
  assert.deepEqual(await idsIn(server, config), ['a', 'b', ...bad.map((_, i) => `good-${i}`).sort()]);
  const letters = context.deadLetters.letters.map(({ record, reason }) => [record.offset, reason.code]);
  assert.deepEqual(
    letters.sort(([a], [b]) => Number(a) - Number(b)),
    bad.map(([, code], i) => [2 * i, code]),
  );
  for (const { reason } of context.deadLetters.letters) assert.doesNotMatch(reason.reason, /none$|20000|not so/);
});

/** Text that does not compress, for what has a bound in an index. */
function randomText(length: number): string {
  let state = 1;
  return Array.from({ length }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return (state % 36).toString(36);
  }).join('');
}

postgresTest('a writer that was replaced stores nothing more', async (server, t) => {
  const config = postgresConfigFor(server);
  const [one, other] = [await openSink(t, config), await openSink(t, config)];
  const old = await one.sink.partition(PARTITION, signal);
  await old.write(records([event('a')]), signal);
  await old.flush(signal);
  await old.write(records([event('b'), event('c')], 1), signal);

  const successor = await other.sink.partition(PARTITION, signal);
  assert.equal(successor.resumeOffset(), 1);
  await assert.rejects(old.flush(signal), hasCode('TABLE_OWNERSHIP_LOST'));
  assert.deepEqual(await idsIn(server, config), ['a']);
  await successor.write(records([event('b'), event('c')], 1), signal);
  assert.deepEqual(await successor.flush(signal), { durableUpTo: 3, duplicates: 0 });
  await assert.rejects(old.flush(signal), hasCode('TABLE_OWNERSHIP_LOST'));
  assert.deepEqual(await idsIn(server, config), ['a', 'b', 'c']);
});

postgresTest('writers that take the partition from each other load everything once', async (server, t) => {
  const config = postgresConfigFor(server);
  const total = 3_000;
  const sinks = await Promise.all(Array.from({ length: 3 }, () => openSink(t, config, { endOffset: total })));
  const all = records(Array.from({ length: total }, (_, i) => event(`e${i}`)));
  let losses = 0;
  const load = async ({ sink }: (typeof sinks)[number]) => {
    for (let done = false; !done; ) {
      const writer = await sink.partition(PARTITION, signal);
      try {
        let next = writer.resumeOffset() ?? 0;
        for (; next < total; next += 100) {
          await writer.write(all.slice(next, next + 100), signal);
          await writer.flush(signal);
        }
        done = true;
      } catch (error) {
        assert.ok(hasCode('TABLE_OWNERSHIP_LOST')(error), String(error));
        losses++;
      }
      await writer.abandon();
    }
  };
  await Promise.all(sinks.map(load));
  assert.ok(losses > 0, 'nobody was in the way of another');
  assert.deepEqual((await idsIn(server, config)).sort(), all.map((_, i) => `e${i}`).sort());
  for (const { context } of sinks) assert.deepEqual(context.deadLetters.letters, []);
});

postgresTest('a position that does not fit the log stops the load', async (server, t) => {
  const config = postgresConfigFor(server);
  const first = await openSink(t, config);
  const writer = await first.sink.partition(PARTITION, signal);
  await writer.write(records([event('a')], 49), signal);
  await writer.flush(signal);
  const partition = async (topic: Partial<FakeTopic>) =>
    (await openSink(t, config, topic)).sink.partition(PARTITION, signal);
  await assert.rejects(partition({ startOffset: 51 }), hasCode('TABLE_POSITION_OUT_OF_RANGE'));
  await assert.rejects(partition({ endOffset: 49 }), hasCode('TABLE_POSITION_OUT_OF_RANGE'));
  await assert.rejects(partition({ id: 'another' }), hasCode('TABLE_TOPIC_REPLACED'));
  // Who was refused has taken nothing over.
  await writer.write(records([event('b')], 50), signal);
  assert.equal((await writer.flush(signal)).durableUpTo, 51);
  assert.equal((await partition({ startOffset: 51, endOffset: 51 })).resumeOffset(), 51);
});

postgresTest('a deadlock is got over', async (server, t) => {
  const config = postgresConfigFor(server);
  const { sink, context } = await openSink(t, config);
  const writer = await sink.partition(PARTITION, signal);
  // Another program that inserts in another order, and waits longer before it looks for deadlocks.
  const other = await connectPostgres(t, server);
  const insert = (id: string) =>
    other.query(`INSERT INTO ${config.table} VALUES ('${id}', 't', now(), NULL, '{}', '')`);
  await other.query(`BEGIN; SET LOCAL deadlock_timeout = '1min'`);
  await insert('b');
  await writer.write(records([event('b'), event('a')]), signal);
  const flushed = writer.flush(signal);
  await until('it waits for the other', () => isWaiting(server));
  await insert('a');
  await other.query('ROLLBACK');
  assert.deepEqual(await flushed, { durableUpTo: 2, duplicates: 0 });
  assert.deepEqual(await idsIn(server, config), ['a', 'b']);
  assert.deepEqual(context.deadLetters.letters, []);
  const [row] = await askPostgres(
    server,
    'SELECT deadlocks::int AS n FROM pg_stat_database WHERE datname = current_database()',
  );
  assert.ok(Number(row?.['n']) > 0, 'there was no deadlock');
});

postgresTest('a table that can not be loaded into says so with its code', async (server, t) => {
  const config = postgresConfigFor(server);
  await openSink(t, config);
  const unsuitable = hasCode('POSTGRES_TABLE_UNSUITABLE');
  await assert.rejects(openSink(t, { ...config, partitionBy: 'day' }), unsuitable);
  await askPostgres(server, `ALTER TABLE ${config.table} DROP CONSTRAINT ${config.table}_pkey`);
  await assert.rejects(openSink(t, config), unsuitable);
  await askPostgres(server, `ALTER TABLE ${config.table} DROP COLUMN words`);
  await assert.rejects(openSink(t, config), unsuitable);
  await assert.rejects(openSink(t, { ...config, table: 'nowhere.events' }), unsuitable);
  const elsewhere = server.url.replace(/postgres$/, 'nowhere');
  await assert.rejects(openSink(t, { ...config, url: elsewhere }), hasCode('POSTGRES_UNAUTHORIZED'));
  const tls = { ca: undefined, cert: undefined, key: undefined, serverName: undefined, rejectUnauthorized: true };
  await assert.rejects(openSink(t, { ...config, tls }), hasCode('POSTGRES_TLS_FAILED'));
});

postgresTest('a user needs no right to make tables that are there', async (server, t) => {
  const config = postgresConfigFor(server);
  await openSink(t, config);
  await askPostgres(server, 'CREATE ROLE loader LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC');
  const url = server.url.replace('postgres@', 'loader@');
  await assert.rejects(openSink(t, { ...config, url, table: 'another' }), hasCode('POSTGRES_FORBIDDEN'));
  const load = async () => {
    const { sink } = await openSink(t, { ...config, url });
    const writer = await sink.partition(PARTITION, signal);
    await writer.write(records([event('a')]), signal);
    await writer.flush(signal);
  };
  await assert.rejects(load(), hasCode('POSTGRES_FORBIDDEN'));
  // What docs/postgres.md lists.
  await askPostgres(
    server,
    `GRANT SELECT, INSERT ON ${config.table} TO loader; GRANT SELECT, INSERT, UPDATE ON ${config.table}_position TO loader`,
  );
  await load();
  assert.deepEqual(await idsIn(server, config), ['a']);
});

postgresTest(
  'questions to a table that is not there yet have empty answers; to a slow one, none',
  async (server, t) => {
    const config = postgresConfigFor(server);
    const query = openPostgresEventQuery(config, 500);
    t.after(() => query.close());
    assert.deepEqual(await query.events({}, { limit: 1 }), { events: [] });
    assert.deepEqual(await query.histogram({}, 1_000), []);
    const { sink } = await openSink(t, config);
    const writer = await sink.partition(PARTITION, signal);
    await writer.write(records([event('a', { b: 1 })]), signal);
    await writer.flush(signal);
    assert.equal((await query.events({}, { limit: 1 })).events.length, 1);
    for (const value of ['\0', '\ud800', '1e999999']) {
      assert.deepEqual((await query.events({ where: [{ field: 'b', value }] }, { limit: 1 })).events, []);
      assert.deepEqual((await query.events({ type: value }, { limit: 1 })).events, []);
      assert.deepEqual(await query.breakdown({}, value, 1), []);
    }
    const other = await connectPostgres(t, server);
    await other.query(`BEGIN; LOCK TABLE ${config.table}`);
    await assert.rejects(query.events({}, { limit: 1 }), hasCode('QUERY_TOO_SLOW'));
    await other.query('ROLLBACK');
    assert.equal((await query.events({}, { limit: 1 })).events.length, 1);
  },
);

postgresTest('what the docs tell of tables and questions is so', async (server, t) => {
  const docs = readFileSync(new URL('../../docs/postgres.md', import.meta.url), 'utf8');
  const [tables = '', ...questions] = [...docs.matchAll(/```sql\n(.*?)```/gs)].map(([, text]) => text ?? '');
  assert.equal(questions.length, 3);
  await askPostgres(server, tables);
  const config = postgresConfigFor(server, { table: 'events' });
  const { sink } = await openSink(t, config);
  const writer = await sink.partition(PARTITION, signal);
  const timestamp = '2026-11-23T00:30:00.000Z';
  const id = `${Date.parse(timestamp).toString(16).padStart(12, '0').replace(/^.{8}/, '$&-')}-7000-8000-000000000000`;
  await writer.write(records([event(id, { timestamp, text: '파랑 하늘색' })]), signal);
  await writer.flush(signal);
  const found = async (text: string) => Number((await askPostgres<{ n: string }>(server, text))[0]?.n);
  for (const question of questions.join('\n').split(/;\n/)) {
    const select = question.slice(Math.max(0, question.search(/^SELECT/m)));
    if (!select.startsWith('SELECT')) await askPostgres(server, question);
    else if (select.includes('now()')) await askPostgres(server, select);
    else if (select.includes('count(*)'))
      assert.equal(await found(select.replace('count(*)', 'count(*) AS n')), 1, select);
    else assert.equal(await found(`SELECT count(*) AS n FROM (${select}) AS found`), 1, select);
  }
});
