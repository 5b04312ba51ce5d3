import assert from 'node:assert/strict';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { Connector, groupOf } from '../../src/loader/connector.ts';
import type { Log } from '../../src/log/log.ts';
import { TYPE_HEADER } from '../../src/log/log.ts';
import { readBack } from '../../src/sinks/files/read-files.ts';
import { createFilesSink } from '../../src/sinks/files/sink.ts';
import { storeOf } from '../../src/sinks/files/stores/choose.ts';
import type { Sink, SinkContext } from '../../src/sinks/sink.ts';
import { createTableSink } from '../../src/sinks/table/create.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { filesConfigWith } from '../support/files.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { openTestLog } from '../support/test-log.ts';
import { until } from '../support/until.ts';

const PARTITIONS = 4;
const RECORDS = 40_000;
const BATCH = 50;
/** Members at a time: when one more has joined and loads, the oldest one leaves. */
const MEMBERS = 3;
const LOADER = {
  retryInitial: 5,
  retryMax: 100,
  queueBytes: 64 * 1024,
  stallTimeout: 60_000,
  stopTimeout: 10_000,
  tolerance: 'all',
} as const;

async function append(log: Log): Promise<void> {
  const producer = log.producer();
  for (let first = 0; first < RECORDS; first += BATCH) {
    const records = Array.from({ length: BATCH }, (_, i) => {
      const event = { id: `event-${first + i}`, type: 'select-color', timestamp: new Date().toISOString() };
      return {
        timestamp: Date.now(),
        headers: { [TYPE_HEADER]: 'select-color' },
        value: Buffer.from(JSON.stringify(event)),
      };
    });
    await producer.send({ topic: 'events', partition: (first / BATCH) % PARTITIONS }, records);
  }
  await producer.close();
}

/** Loads while members of the group come and go, and waits until all is committed. */
async function loadWithChanges(t: TestContext, log: Log, directory: string, create: (context: SinkContext) => Sink) {
  await log.admin.createTopic('events', { partitions: PARTITIONS });
  const context = {
    connector: 'shared',
    admin: log.admin,
    clock: systemClock,
    logger: silentLogger,
    dataDirectory: directory,
  };
  const join = () => {
    const connector = new Connector({
      name: 'shared',
      topics: ['events'],
      log,
      config: LOADER,
      clock: systemClock,
      logger: silentLogger,
      createSink: (deadLetters) => create({ ...context, deadLetters }),
    });
    connector.start();
    t.after(() => connector.stop());
    return connector;
  };
  const members: Connector[] = [];
  const leaving: Promise<void>[] = [];
  let changes = 0;
  let done = false;
  const producing = append(log).finally(() => {
    done = true;
  });
  while (!done) {
    const member = join();
    members.push(member);
    await until('the new member loads', () => done || member.snapshot.loaded > 0);
    if (!done) changes++;
    if (members.length > MEMBERS) leaving.push(members.shift()!.stop());
  }
  await producing;
  await Promise.all(leaving);
  assert.ok(changes > MEMBERS, `only ${changes} members came to load while records flowed`);
  await until('all is committed', async () => {
    const committed = await log.admin.committed(groupOf('shared'));
    return committed.reduce((sum, { offset }) => sum + offset, 0) === RECORDS;
  });
  const failed = members.map(({ snapshot }) => snapshot).filter(({ state }) => state === 'FAILED');
  assert.deepEqual(failed, []);
  await Promise.all(members.map((member) => member.stop()));
}

const expected = Array.from({ length: RECORDS }, (_, number) => `event-${number}`).sort();

test('files: members of the group come and go, and each record stands in exactly one file', async (t) => {
  const directory = temporaryDirectory(t);
  const log = await openTestLog(t);
  const config = filesConfigWith({ roll: { records: 300, bytes: 1 << 20, age: 50 } });
  await loadWithChanges(t, log, directory, (context) =>
    createFilesSink(config, context, { namedTypes: ['select-color'] }),
  );
  const ids: string[] = [];
  for await (const line of readBack(storeOf(config, directory), AbortSignal.timeout(60_000))) {
    ids.push((JSON.parse(line.toString()) as { id: string }).id);
  }
  assert.deepEqual(ids.sort(), expected);
});

test('table: members of the group come and go, and each event stands once', async (t) => {
  const directory = temporaryDirectory(t);
  const log = await openTestLog(t);
  const config = { sqlite: { path: undefined, durability: 'normal', delay: 20 } } as const;
  await loadWithChanges(t, log, directory, (context) => createTableSink(config, context));
  const database = new DatabaseSync(path.join(directory, 'search.db'), { readOnly: true });
  const ids = database
    .prepare('SELECT id FROM event ORDER BY id')
    .all()
    .map(({ id }) => String(id));
  database.close();
  assert.deepEqual(ids.sort(), expected);
});
