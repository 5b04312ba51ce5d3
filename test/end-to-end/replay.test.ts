import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { kafkaOrSkip } from '../engines/kafka-test.ts';
import { askPostgres, postgresTest } from '../engines/postgres-test.ts';
import { FaultProxy } from '../engines/proxy.ts';
import { documentsOf, searchTest } from '../engines/search-test.ts';
import { Program } from '../support/program.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const COMMAND = path.join(import.meta.dirname, '../../bin/millrace');
const EVENTS = 40;
/** Events of one request. */
const REQUEST = 500;
const HOUR_MS = 3_600_000;
/** An hour that is over, and the one after it. */
const [FIRST, SECOND, THIRD] = [3, 2, 1].map((ago) =>
  new Date(Math.floor(Date.now() / HOUR_MS - ago) * HOUR_MS).toISOString(),
) as [string, string, string];
const HOUR = ['--from', FIRST, '--to', SECOND];

/** A store of the connector `store`, past our own code. */
interface Store {
  /** Of the connector's configuration. */
  readonly sink: object;
  ids(): Promise<string[]>;
  remove(ids: readonly string[]): Promise<void>;
}

/** A command line in the directory of a configuration. */
function commandIn(directory: string, config: string) {
  const environment = { ...process.env, MILLRACE_CONFIG: path.join(directory, config) };
  return (...words: string[]) => {
    const { status, stdout } = spawnSync(process.execPath, [COMMAND, ...words, '--json'], {
      cwd: directory,
      encoding: 'utf8',
      timeout: 60_000,
      env: environment,
    });
    return { status, answer: JSON.parse(stdout.trimEnd()) };
  };
}

/** Sends events of an hour, and one of the next. */
async function send(collector: string, count: number): Promise<void> {
  for (let first = 0; first < count; first += REQUEST) {
    const events = Array.from({ length: Math.min(REQUEST, count - first) }, (_, i) => ({
      id: `page-${first + i}`,
      type: 'page-view',
      timestamp: first + i === count - 1 ? SECOND : FIRST,
    }));
    const posted = await fetch(`${collector}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(events),
    });
    assert.ok(posted.ok, String(posted.status));
    await posted.arrayBuffer();
  }
}

const counts = (read: number, written: number) => ({ read, written, present: read - written, refused: 0 });

/** What was removed from the store comes back, beside the program that loads and without it. */
async function comesBack(t: TestContext, { sink, ids, remove }: Store, more: object = {}): Promise<void> {
  const directory = temporaryDirectory(t);
  const configuration = { connectors: { store: sink }, ...more };
  await using program = await Program.start({ directory, configuration });
  const millrace = commandIn(directory, 'millrace.yaml');
  const replay = () => {
    const { status, answer } = millrace('replay', 'store', ...HOUR);
    const { read, written, present, refused, ...rest } = answer;
    return { status, rest, counts: { read, written, present, refused } };
  };
  await send(program.collector, EVENTS);
  await until('all are stored', async () => (await ids()).length === EVENTS);
  await program.hasLoaded();
  const whole = (await ids()).sort();
  const lost = [0, 7, 20].map((n) => `page-${n}`);

  for (const running of [true, false]) {
    // The last one is of another hour.
    await remove([...lost, `page-${EVENTS - 1}`]);
    assert.equal((await ids()).length, EVENTS - lost.length - 1);
    const first = replay();
    assert.equal(first.status, 0, JSON.stringify(first.rest));
    assert.deepEqual(first.counts, counts(EVENTS - 1, lost.length));
    assert.deepEqual(
      (await ids()).sort(),
      whole.filter((id) => id !== `page-${EVENTS - 1}`),
    );
    assert.deepEqual(replay().counts, counts(EVENTS - 1, 0));
    const next = millrace('replay', 'store', '--from', SECOND, '--to', THIRD);
    assert.equal(next.answer.written, 1);
    assert.deepEqual((await ids()).sort(), whole);
    if (!running) continue;
    // The loader goes on as if nothing had been.
    const [connector] = (await program.status()).connectors;
    assert.equal(connector?.restarts, 0);
    assert.equal(await program.stop(), 0);
  }
  const verified = millrace('verify', 'store');
  assert.equal(verified.status, 0, JSON.stringify(verified.answer));
}

function sqliteIn(directory: string) {
  const withFile = async <T>(work: (database: DatabaseSync) => T): Promise<T> => {
    const database = new DatabaseSync(path.join(directory, 'search.db'), { timeout: 5_000 });
    try {
      return work(database);
    } finally {
      database.close();
    }
  };
  return {
    ids: () =>
      withFile((database) =>
        (database.prepare('SELECT id FROM event').all() as { id: string }[]).map(({ id }) => id),
      ).catch(() => []),
    remove: (ids: readonly string[]) =>
      withFile((database) => {
        for (const id of ids) database.prepare('DELETE FROM event WHERE id = ?').run(id);
      }),
    clear: () => withFile((database) => database.exec('DELETE FROM event; DELETE FROM event_text')),
  };
}

test('what a table in SQLite lost comes back from the log', async (t) => {
  const directory = temporaryDirectory(t);
  const file = path.join(directory, 'search.db');
  await comesBack(t, { sink: { table: { sqlite: { path: file, delay: '10ms' } } }, ...sqliteIn(directory) });
});

postgresTest('what a table in PostgreSQL lost comes back from the log, also from Kafka', async (server, t) => {
  const kafka = await kafkaOrSkip(t);
  if (!kafka) return;
  for (const [table, log] of [
    ['replay_embedded', { embedded: {} }],
    ['replay_kafka', { kafka: { brokers: kafka.brokers } }],
  ] as const) {
    const store: Store = {
      sink: { table: { postgres: { url: server.url, table, delay: '10ms' } } },
      ids: async () => {
        const rows = await askPostgres<{ id: string }>(server, `SELECT id FROM ${table}`).catch(() => []);
        return rows.map(({ id }) => id);
      },
      remove: async (ids) => {
        await askPostgres(server, `DELETE FROM ${table} WHERE id IN (${ids.map((id) => `'${id}'`).join(', ')})`);
      },
    };
    await comesBack(t, store, { log });
  }
});

searchTest('what an index lost comes back from the log', async (node, t) => {
  const prefix = `replayed-${node.name}`;
  const documents = () => documentsOf(node, `${prefix}-*`);
  await comesBack(t, {
    sink: { search: { [node.name]: { nodes: [node.url] }, index: `${prefix}-{yyyy.MM.dd}`, delay: 0 } },
    ids: async () => (await documents()).map(({ _id }) => _id),
    remove: async (ids) => {
      for (const { _index, _id } of await documents()) {
        if (ids.includes(_id)) await node.ask('DELETE', `/${_index}/_doc/${_id}`);
      }
    },
  });
});

test('a replay that is killed in its middle is finished by the next one', async (t) => {
  const many = 20_000;
  const directory = temporaryDirectory(t);
  const sink = { table: { sqlite: { path: path.join(directory, 'search.db'), delay: '10ms' } } };
  const configuration = { connectors: { store: sink } };
  await using program = await Program.start({ directory, configuration });
  const { ids, clear } = sqliteIn(directory);
  await send(program.collector, many);
  assert.equal(await program.stopWhenLoaded(), 0);
  await clear();

  const words = ['replay', 'store', ...HOUR, '--config', path.join(directory, 'millrace.yaml')];
  const child = spawn(process.execPath, [COMMAND, ...words], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  await until('some of it is done', async () => (await ids()).length > 0);
  child.kill('SIGKILL');
  await ended;
  const before = (await ids()).length;
  const millrace = commandIn(directory, 'millrace.yaml');
  const { status, answer } = millrace('replay', 'store', ...HOUR);
  assert.equal(status, 0);
  const { read, written, present } = answer;
  assert.deepEqual({ read, written, present }, { read: many - 1, written: many - 1 - before, present: before });
  assert.equal(new Set(await ids()).size, many - 1);
});

postgresTest('Ctrl-C ends a replay that the running program does, and the same call goes on', async (server, t) => {
  const many = 10_000;
  const directory = temporaryDirectory(t);
  const proxy = await FaultProxy.start({ target: server.address });
  t.after(() => proxy.close());
  const url = server.url.replace(server.address, proxy.address);
  const configuration = { connectors: { store: { table: { postgres: { url, table: 'cut_off' } } } } };
  await using program = await Program.start({ directory, configuration });
  const idsIn = async () =>
    Number((await askPostgres<{ n: number }>(server, 'SELECT count(*)::int n FROM cut_off'))[0]?.n);
  const state = async () => {
    const answer = await fetch(`${program.operations}/api/connectors/store/replay`);
    return ((await answer.json()) as { state: string }).state;
  };
  await send(program.collector, many);
  await program.hasLoaded();
  await askPostgres(server, 'DELETE FROM cut_off');

  proxy.narrow(32_000);
  const words = ['replay', 'store', ...HOUR, '--config', path.join(directory, 'millrace.yaml')];
  // Not waited for by standing still: the proxy is in this process.
  const replay = () => spawn(process.execPath, [COMMAND, ...words], { stdio: 'ignore' });
  const cut = replay();
  const ended = once(cut, 'exit');
  await until('it is under way', async () => (await state()) === 'RUNNING');
  cut.kill('SIGINT');
  assert.deepEqual(await ended, [1, null]);
  assert.notEqual(await state(), 'RUNNING');
  assert.ok((await idsIn()) < many - 1, 'it was over before it could be ended');

  proxy.pass();
  assert.deepEqual(await once(replay(), 'exit'), [0, null]);
  assert.equal(await idsIn(), many - 1);
});

test('what comes while a replay is under way is loaded as ever', async (t) => {
  const many = 20_000;
  const directory = temporaryDirectory(t);
  const sink = { table: { sqlite: { path: path.join(directory, 'search.db'), delay: '10ms' } } };
  await using program = await Program.start({ directory, configuration: { connectors: { store: sink } } });
  const { ids, remove } = sqliteIn(directory);
  await send(program.collector, many);
  await program.hasLoaded();
  await remove(Array.from({ length: 100 }, (_, n) => `page-${n * 100}`));

  const words = ['replay', 'store', ...HOUR, '--config', path.join(directory, 'millrace.yaml')];
  const child = spawn(process.execPath, [COMMAND, ...words], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  let sent = 0;
  while (child.exitCode === null) {
    const events = Array.from({ length: 20 }, () => ({ id: `new-${sent++}`, type: 'page-view', timestamp: FIRST }));
    const headers = { 'content-type': 'application/json' };
    const posted = await fetch(`${program.collector}/v1/events`, {
      method: 'POST',
      headers,
      body: JSON.stringify(events),
    });
    assert.ok(posted.ok, String(posted.status));
  }
  assert.deepEqual(await ended, [0, null]);
  await until('the rest is stored', async () => (await ids()).length === many + sent);
  assert.equal(new Set(await ids()).size, many + sent);
  assert.equal((await program.status()).connectors[0]?.restarts, 0);
});

test('files are not loaded again, and wrong calls do nothing', async (t) => {
  const directory = temporaryDirectory(t);
  const configuration = { connectors: { files: { files: {} }, store: { table: { sqlite: {} } } } };
  await using program = await Program.start({ directory, configuration });
  const millrace = commandIn(directory, 'millrace.yaml');
  for (const running of [true, false]) {
    const { status, answer } = millrace('replay', 'files', ...HOUR);
    assert.equal(status, 2);
    assert.equal(answer.error.code, 'REPLAY_WOULD_DOUBLE');
    assert.match(answer.error.help, /millrace verify/);
    if (running) assert.equal(await program.stop(), 0);
  }
  for (const words of [
    ['nobody', ...HOUR],
    ['store'],
    ['store', '--from', FIRST],
    ['store', '--from', FIRST, '--to', FIRST],
    ['store', '--from', 'yesterday', '--to', FIRST],
  ]) {
    const { status, answer } = millrace('replay', ...words);
    assert.equal(status, 2);
    assert.equal(answer.error.code, 'USAGE');
  }
});
