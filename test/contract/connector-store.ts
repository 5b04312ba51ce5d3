import assert from 'node:assert/strict';
import test from 'node:test';
import type { ConnectorStore, LevelSetting } from '../../src/connect/store/connector-store.ts';
import { MOST_CONNECTORS } from '../../src/connect/store/connector-store.ts';
import { openConnectorStore } from '../../src/connect/store/log-connector-store.ts';
import type { Log } from '../../src/log/log.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { until } from '../support/until.ts';

interface Setting {
  /** Each worker's own connection. */
  readonly logs: readonly [Log, Log];
  cleanup(): Promise<void>;
}

/** What connectors made at run time may rely on, whatever the log is. */
export function connectorStoreContract(what: string, setUp: () => Promise<Setting>): void {
  let serial = 0;

  function storeTest(name: string, body: (one: ConnectorStore, other: ConnectorStore, tools: Tools) => Promise<void>) {
    test(`${what}: ${name}`, async () => {
      const { logs, cleanup } = await setUp();
      const topic = `millrace-connectors-${process.pid}-${serial++}`;
      const opened: ConnectorStore[] = [];
      const lines: string[] = [];
      const logger = { ...silentLogger, warn: (_: object, line: string) => void lines.push(line) };
      const open = async (log: Log) => {
        const store = await openConnectorStore({ log, clock: systemClock, logger, topic });
        opened.push(store);
        return store;
      };
      try {
        const [one, other] = [await open(logs[0]), await open(logs[1])];
        await body(one, other, { topic, lines, log: logs[0], reopen: () => open(logs[0]) });
      } finally {
        for (const store of opened) await store.close();
        await cleanup();
      }
    });
  }

  storeTest('a change is known at once where it was made, and soon everywhere', async (one, other) => {
    let told = 0;
    const unwatch = other.watch(() => told++);
    const made = await one.create({ name: 'files', config: { topics: 'a' }, target: 'PAUSED' });
    assert.deepEqual(one.all().get('files'), made);
    assert.deepEqual(await until('it is known', () => other.all().get('files')), made);
    assert.ok(told > 0);
    unwatch();
    const changed = await other.configure('files', { topics: 'b' });
    assert.deepEqual(changed, { ...made, config: { topics: 'b' } });
    await until('the change is known', () => one.all().get('files')?.config['topics'] === 'b');
    assert.equal((await one.setTarget('files', 'STARTED')).target, 'STARTED');
    const first = await one.restart('files', { includeTasks: true, onlyFailed: false });
    const second = await other.restart('files', { includeTasks: true, onlyFailed: false });
    assert.ok(second.restart!.number > first.restart!.number);
    await other.remove('files');
    assert.equal(other.all().size, 0);
    await until('it is gone', () => one.all().size === 0);
  });

  storeTest('of those made under one name at once, one is', async (one, other, { reopen }) => {
    for (let round = 0; round < 5; round++) {
      const name = `c${round}`;
      const results = await Promise.allSettled(
        [one, other, one, other].map((store, at) =>
          store.create({ name, config: { at: String(at) }, target: 'STARTED' }),
        ),
      );
      const made = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
      assert.equal(made.length, 1);
      assert.deepEqual(refused, ['CONNECTOR_EXISTS', 'CONNECTOR_EXISTS', 'CONNECTOR_EXISTS']);
      for (const store of [one, other, await reopen()]) {
        assert.deepEqual(await until('it is known', () => store.all().get(name)), made[0]);
      }
    }
  });

  storeTest('all of it survives those who made it', async (one, _, { reopen }) => {
    await one.create({ name: 'kept', config: { topics: 'é\u2028${env:A}' }, target: 'STARTED' });
    await one.create({ name: 'gone', config: {}, target: 'STARTED' });
    await one.setTarget('kept', 'STOPPED');
    await one.remove('gone');
    const again = await one.create({ name: 'gone', config: { again: 'yes' }, target: 'PAUSED' });
    const reopened = await reopen();
    assert.deepEqual([...reopened.all().keys()].sort(), ['gone', 'kept']);
    assert.equal(reopened.all().get('kept')?.target, 'STOPPED');
    assert.deepEqual(reopened.all().get('kept')?.config, { topics: 'é\u2028${env:A}' });
    assert.deepEqual(reopened.all().get('gone'), again);
  });

  storeTest('a level for all is told to those that are there, once', async (one, other, { reopen, lines }) => {
    const told: LevelSetting[][] = [[], []];
    for (const [at, store] of [one, other].entries()) store.watchLevels((setting) => void told[at]?.push(setting));
    const setting = { logger: 'connectors.a', level: 'DEBUG' } as const;
    await one.setLevel(setting);
    await until('both were told', () => told.every((settings) => settings.length > 0));
    const late: LevelSetting[] = [];
    const reopened = await reopen();
    reopened.watchLevels((heard) => void late.push(heard));
    await reopened.setLevel({ ...setting, level: 'INFO' });
    await until('the next one came', () => told.every((settings) => settings.length > 1));
    for (const settings of told) assert.deepEqual(settings, [setting, { ...setting, level: 'INFO' }]);
    assert.deepEqual(late, [{ ...setting, level: 'INFO' }]);
    assert.deepEqual(lines, []);
  });

  storeTest('topics are reset where they have come to', async (one, other) => {
    await one.create({ name: 'c', config: {}, target: 'STARTED' });
    await one.resetTopics('c', { a: 5 });
    await until('it is known', () => other.all().get('c')?.topicsReset?.['a'] === 5);
    await other.remove('c');
    const anew = await other.create({ name: 'c', config: {}, target: 'STARTED' });
    assert.equal(anew.topicsReset, undefined);
  });

  storeTest('what there is not can not be changed', async (one) => {
    const code = { code: 'CONNECTOR_NOT_STORED' };
    await assert.rejects(one.configure('none', {}), code);
    await assert.rejects(one.setTarget('none', 'PAUSED'), code);
    await assert.rejects(one.restart('none', { includeTasks: false, onlyFailed: false }), code);
    await assert.rejects(one.remove('none'), code);
  });

  storeTest('a stranger in the topic is passed over with a word', async (one, other, { log, topic, lines }) => {
    const producer = log.producer();
    await producer.send({ topic, partition: 0 }, [{ timestamp: 0, key: Buffer.from('hi'), value: Buffer.from('x') }]);
    await producer.close();
    await one.create({ name: 'a', config: {}, target: 'STARTED' });
    await until('it is known', () => other.all().has('a'));
    assert.match(lines[0]!, /passed over/);
  });

  storeTest('there are not more than the most', async (one) => {
    for (let at = 0; at < MOST_CONNECTORS; at++) await one.create({ name: `c${at}`, config: {}, target: 'STOPPED' });
    await assert.rejects(one.create({ name: 'more', config: {}, target: 'STOPPED' }), { code: 'CONNECTORS_TOO_MANY' });
    await one.remove('c0');
    await one.create({ name: 'more', config: {}, target: 'STOPPED' });
  });

  test(`${what}: a topic that would not keep them is refused`, async () => {
    const { logs, cleanup } = await setUp();
    try {
      const topic = `millrace-connectors-${process.pid}-${serial++}`;
      await logs[0].admin.createTopic(topic, { partitions: 2 });
      const opening = openConnectorStore({ log: logs[0], clock: systemClock, logger: silentLogger, topic });
      await assert.rejects(opening, { code: 'CONNECTOR_TOPIC_UNFIT' });
    } finally {
      await cleanup();
    }
  });
}

interface Tools {
  readonly topic: string;
  readonly lines: readonly string[];
  readonly log: Log;
  /** A worker that was not there before. */
  reopen(): Promise<ConnectorStore>;
}
