import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { PartitionWriter, Sink } from '../../src/sinks/sink.ts';
import { createTableSink } from '../../src/sinks/table/create.ts';
import type { PostgresTableConfig } from '../../src/sinks/table/postgres/config.ts';
import { openPostgresEventQuery } from '../../src/sinks/table/postgres/query.ts';
import { decisionOf, MillraceError } from '../../src/support/errors.ts';
import { orSkip } from '../engines/or-skip.ts';
import type { Postgres } from '../engines/postgres.ts';
import { startPostgres } from '../engines/postgres.ts';
import { postgresConfigFor } from '../engines/postgres-config.ts';
import { askPostgres, connectPostgres, ownPostgresOrSkip } from '../engines/postgres-test.ts';
import { FaultProxy } from '../engines/proxy.ts';
import { fakeSinkContext } from '../support/fake-sink-context.ts';
import { recordAt } from '../support/records.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const PARTITION = { topic: 'colors', partition: 0 };
const TOTAL = 5_000;
const { signal } = new AbortController();

const records = (from: number, count: number) => Array.from({ length: count }, (_, i) => recordAt(from + i));
const hasCode = (code: string) => (error: unknown) => error instanceof MillraceError && error.code === code;
const isRetried = (error: unknown) => decisionOf(error) === 'retry';

async function openSink(t: TestContext, postgres: PostgresTableConfig): Promise<Sink> {
  const topics = { colors: { id: 'topic-id', partitions: 1, startOffset: 0, endOffset: TOTAL } };
  const sink = createTableSink({ postgres }, fakeSinkContext(topics, ''));
  t.after(() => sink.close());
  await sink.open(signal);
  return sink;
}

/** A writer, as the loader asks for one again and again until the database is back. */
async function takeOver(sink: Sink): Promise<PartitionWriter> {
  return until('the partition is taken over', () =>
    sink.partition(PARTITION, signal).catch((error: unknown) => {
      assert.ok(isRetried(error), String(error));
      return undefined;
    }),
  );
}

async function loadRest(sink: Sink): Promise<void> {
  const writer = await takeOver(sink);
  const next = writer.resumeOffset() ?? 0;
  await writer.write(records(next, TOTAL - next), signal);
  assert.equal((await writer.flush(signal)).durableUpTo, TOTAL);
  await writer.abandon();
}

async function assertAllOnce(server: Postgres, { table }: PostgresTableConfig): Promise<void> {
  const rows = await askPostgres<{ id: string }>(server, `SELECT id FROM ${table}`);
  assert.deepEqual(
    rows.map(({ id }) => id).sort(),
    records(0, TOTAL)
      .map(({ offset }) => `event-${offset}`)
      .sort(),
  );
}

/** Makes a transaction that inserts this event stand still at its end, until what is returned is called. */
async function holdCommitOf(t: TestContext, server: Postgres, table: string, id: string): Promise<() => Promise<void>> {
  const holder = await connectPostgres(t, server);
  await holder.query('SELECT pg_advisory_lock(1)');
  await holder.query(`
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON ${table} DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (NEW.id = '${id}') EXECUTE FUNCTION hold()`);
  return async () => {
    await holder.query('SELECT pg_advisory_unlock(1)');
  };
}

/** The processes of the server that work for a loader and wait for a lock. */
async function waitingFor(server: Postgres): Promise<number[]> {
  const rows = await askPostgres<{ pid: number }>(
    server,
    `SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'millrace %' AND wait_event_type = 'Lock'`,
  );
  return rows.map(({ pid }) => pid);
}

const oneWaits = (server: Postgres) => until('a loader waits', async () => (await waitingFor(server)).length > 0);

test('a server that is killed in mid-transaction, again and again, loses nothing and doubles nothing', async (t) => {
  const server = await ownPostgresOrSkip(t);
  if (!server) return;
  const config = postgresConfigFor(server);
  const sink = await openSink(t, config);
  for (let kill = 0; kill < 4; kill++) {
    const writer = await takeOver(sink);
    const next = writer.resumeOffset() ?? 0;
    await writer.write(records(next, 300), signal);
    // Another one has an id of these, so that the insert stands still.
    const other = await connectPostgres(t, server);
    await other.query('BEGIN');
    await other.query(`INSERT INTO ${config.table} VALUES ('event-${next + 150}', 't', now(), NULL, '{}', '')`);
    const failed = assert.rejects(writer.flush(signal), isRetried);
    await oneWaits(server);
    await server.kill();
    await failed;
    await writer.abandon();
    await assert.rejects(sink.partition(PARTITION, signal), hasCode('POSTGRES_UNREACHABLE'));
    await server.start();
    const again = await takeOver(sink);
    assert.equal(again.resumeOffset() ?? 0, next, 'a part of the transaction was kept');
    await again.write(records(next, 200), signal);
    assert.equal((await again.flush(signal)).durableUpTo, next + 200);
    await again.abandon();
  }
  await loadRest(sink);
  await assertAllOnce(server, config);
});

test('a COMMIT whose answer is lost is found to have happened, by whoever takes over', async (t) => {
  const server = await ownPostgresOrSkip(t);
  if (!server) return;
  const proxy = await FaultProxy.start({ target: server.address });
  t.after(() => proxy.close());
  const config = postgresConfigFor(server);
  const sink = await openSink(t, { ...config, url: server.url.replace(server.address, proxy.address) });
  const release = await holdCommitOf(t, server, config.table, 'event-50');
  const writer = await sink.partition(PARTITION, signal);
  await writer.write(records(0, 100), signal);
  const flushed = writer.flush(signal);
  await oneWaits(server);
  proxy.cut();
  await assert.rejects(flushed, hasCode('POSTGRES_UNREACHABLE'));
  await writer.abandon();
  proxy.pass();
  // The server has not decided yet: whoever takes over waits until it has.
  const taking = sink.partition(PARTITION, signal);
  await until('both wait', async () => (await waitingFor(server)).length === 2);
  await release();
  const again = await taking;
  assert.equal(again.resumeOffset(), 100);
  await again.abandon();
  await loadRest(sink);
  await assertAllOnce(server, config);
});

test('a COMMIT that never arrived did not happen', async (t) => {
  const server = await ownPostgresOrSkip(t);
  if (!server) return;
  const proxy = await FaultProxy.start({ target: server.address });
  t.after(() => proxy.close());
  const config = { ...postgresConfigFor(server), statementTimeout: 500 };
  const sink = await openSink(t, { ...config, url: server.url.replace(server.address, proxy.address) });
  const writer = await sink.partition(PARTITION, signal);
  const other = await connectPostgres(t, server);
  await other.query('BEGIN');
  await other.query(`INSERT INTO ${config.table} VALUES ('event-50', 't', now(), NULL, '{}', '')`);
  await writer.write(records(0, 100), signal);
  const flushed = writer.flush(signal);
  await oneWaits(server);
  proxy.swallow();
  await other.query('ROLLBACK');
  // The insert goes through, and nothing comes after it: the server ends the transaction by its own deadline.
  await assert.rejects(flushed, hasCode('POSTGRES_SLOW'));
  await writer.abandon();
  proxy.pass();
  const again = await takeOver(sink);
  assert.equal(again.resumeOffset(), undefined);
  await again.abandon();
  await loadRest(sink);
  await assertAllOnce(server, config);
});

test('a server that stands still ends a flush by its deadline, and goes on afterwards', async (t) => {
  const server = await ownPostgresOrSkip(t);
  if (!server) return;
  const config = { ...postgresConfigFor(server), statementTimeout: 500, connectTimeout: 500 };
  const sink = await openSink(t, config);
  const writer = await sink.partition(PARTITION, signal);
  await writer.write(records(0, 100), signal);
  await server.freeze();
  await assert.rejects(writer.flush(signal), hasCode('POSTGRES_SLOW'));
  await writer.abandon();
  await assert.rejects(sink.partition(PARTITION, signal), hasCode('POSTGRES_SLOW'));
  server.thaw();
  await loadRest(sink);
  await assertAllOnce(server, config);
});

test('a loader that stands still in mid-transaction gives way to another', async (t) => {
  const server = await ownPostgresOrSkip(t);
  if (!server) return;
  const proxy = await FaultProxy.start({ target: server.address });
  t.after(() => proxy.close());
  const config = { ...postgresConfigFor(server), statementTimeout: 1_000 };
  const still = await openSink(t, { ...config, url: server.url.replace(server.address, proxy.address) });
  const heir = await openSink(t, config);
  const writer = await still.partition(PARTITION, signal);
  const other = await connectPostgres(t, server);
  await other.query('BEGIN');
  await other.query(`INSERT INTO ${config.table} VALUES ('event-50', 't', now(), NULL, '{}', '')`);
  await writer.write(records(0, 100), signal);
  const flushed = writer.flush(signal);
  await oneWaits(server);
  proxy.swallow();
  await other.query('ROLLBACK');
  // Its transaction holds the position, until the server has waited long enough for its next statement.
  await loadRest(heir);
  await assert.rejects(flushed, isRetried);
  await assertAllOnce(server, config);
});

test('a restart while nothing is loaded is not noticed', async (t) => {
  const server = await ownPostgresOrSkip(t);
  if (!server) return;
  const config = postgresConfigFor(server);
  const sink = await openSink(t, config);
  const query = openPostgresEventQuery(config, 10_000);
  t.after(() => query.close());
  assert.deepEqual(await query.events({}, { limit: 1 }), { events: [] });
  const writer = await sink.partition(PARTITION, signal);
  await server.stop();
  await server.start();
  await writer.write(records(0, 100), signal);
  assert.equal((await writer.flush(signal)).durableUpTo, 100);
  assert.equal((await query.events({}, { limit: 1 })).events.length, 1);
});

test('the host that takes writes is found again after a fail-over', async (t) => {
  const directory = temporaryDirectory(t);
  const standby = await orSkip(t, 'PostgreSQL', () => startPostgres({ directory }));
  if (!standby) return;
  t.after(() => standby.close());
  await standby.stop();
  writeFileSync(path.join(directory, 'data', 'standby.signal'), '');
  await standby.start();
  const server = await ownPostgresOrSkip(t);
  if (!server) return;
  const hosts = (...addresses: string[]) => server.url.replace(server.address, addresses.join());
  const config = postgresConfigFor(server, { url: hosts(standby.address, server.address) });
  const sink = await openSink(t, config);
  const writer = await sink.partition(PARTITION, signal);
  await writer.write(records(0, 100), signal);
  await writer.flush(signal);
  await writer.abandon();
  await assert.rejects(openSink(t, { ...config, url: hosts(standby.address) }), hasCode('POSTGRES_UNREACHABLE'));
  await server.kill();
  await assert.rejects(sink.partition(PARTITION, signal), hasCode('POSTGRES_UNREACHABLE'));
  await server.start();
  await loadRest(sink);
  await assertAllOnce(server, config);
});
