import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { TestClock } from '../../../test/support/clock.ts';
import { openTestLog } from '../../../test/support/test-log.ts';
import { until } from '../../../test/support/until.ts';
import type { Log } from '../../log/log.ts';
import { silentLogger } from '../../support/logger.ts';
import type { WorkerReport } from './worker-board.ts';
import { SILENCE_MS, WorkerBoard } from './worker-board.ts';

const TOPIC = 'millrace-connect-workers';
const STEP_MS = 1_000;

async function open(t: TestContext, log: Log, instance: string, connectors: WorkerReport['connectors'] = {}) {
  const clock = new TestClock(Date.now());
  let changes = 0;
  const board = await WorkerBoard.open({
    ...{ log, clock, instance, logger: silentLogger, topic: TOPIC },
    report: async () => ({ worker: `${instance}:8083`, connectors }),
    onChange: () => changes++,
  });
  t.after(() => board.close());
  /** Lets time pass for this worker alone, until it has seen what there is to see. */
  const passes = (what: string, isSo: () => boolean) =>
    until(what, () => {
      clock.advance(STEP_MS);
      return isSo();
    });
  return { board, passes, changes: () => changes };
}

test('workers know each other and what each says, as soon as they are there', async (t) => {
  const log = await openTestLog(t);
  const one = await open(t, log, 'one', { mine: { state: 'FAILED', trace: 'x'.repeat(1_000) } });
  const other = await open(t, log, 'other');
  assert.deepEqual(other.board.instances, ['one', 'other']);
  const told = other.board.reportOf('one');
  assert.deepEqual([told?.worker, told?.connectors['mine']?.state], ['one:8083', 'FAILED']);
  assert.equal(told?.connectors['mine']?.trace?.length, 500);
  await one.passes('it has heard of the other one', () => one.board.instances.length === 2);
  assert.equal(one.changes(), 2);
});

test('one that goes says so, and one that is silent is taken for dead', async (t) => {
  const log = await openTestLog(t);
  const one = await open(t, log, 'one');
  const polite = await open(t, log, 'polite');
  const silent = await open(t, log, 'silent');
  await polite.board.close();
  await one.passes('the polite one is gone', () => one.board.instances.join() === 'one,silent');
  await one.passes('the silent one is gone', () => one.board.instances.join() === 'one');
  assert.deepEqual(silent.board.instances, ['one', 'polite', 'silent'], 'it has had no time to hear of that');
});

test('what was said long ago, or by nobody, counts for nothing', async (t) => {
  const log = await openTestLog(t);
  await log.admin.createTopic(TOPIC, { partitions: 1 });
  const producer = log.producer();
  const say = (key: string, value: string, timestamp = Date.now()) =>
    producer.send({ topic: TOPIC, partition: 0 }, [{ timestamp, key: Buffer.from(key), value: Buffer.from(value) }]);
  await say('old', '{"worker":"old","connectors":{}}', Date.now() - 2 * SILENCE_MS);
  for (const value of [
    '{',
    '[]',
    'null',
    '{"worker":1,"connectors":{}}',
    '{"worker":"x"}',
    '{"worker":"x","connectors":null}',
  ]) {
    await say('stranger', value);
  }
  await say('odd', '{"worker":"odd","connectors":{"a":{"state":"<b>"},"b":{"state":"RUNNING"},"c":null}}');
  await producer.close();
  const { board } = await open(t, log, 'one');
  assert.deepEqual(board.instances, ['odd', 'one']);
  assert.deepEqual(board.reportOf('odd')?.connectors, { b: { state: 'RUNNING' } });
});

test("an outage is nobody's silence: who lived before it gets the time to speak again", async (t) => {
  const log = await openTestLog(t);
  let isCut = false;
  let sends = 0;
  const cut: Log = {
    admin: log.admin,
    consumer: (...given) => log.consumer(...given),
    read: (...given) => log.read(...given),
    close: async () => {},
    producer() {
      const producer = log.producer();
      return {
        partitionFor: (...given) => producer.partitionFor(...given),
        close: () => producer.close(),
        send(...given) {
          sends++;
          return isCut ? Promise.reject(new Error('away')) : producer.send(...given);
        },
      };
    },
  };
  const one = await open(t, cut, 'one');
  await open(t, log, 'other');
  await one.passes('it has heard of the other one', () => one.board.instances.length === 2);
  isCut = true;
  const before = sends;
  await one.passes('it has tried for long', () => sends > before + (2 * SILENCE_MS) / STEP_MS);
  assert.deepEqual(one.board.instances, ['one', 'other']);
  isCut = false;
  const after = sends;
  await one.passes('it has spoken again', () => sends > after + 1);
  assert.deepEqual(one.board.instances, ['one', 'other']);
  await one.passes('the other one stays silent', () => one.board.instances.join() === 'one');
});
