import assert from 'node:assert/strict';
import test from 'node:test';
import { openTestLog } from '../../test/support/test-log.ts';
import { deadLetterTopic, toDeadLetter } from '../log/dead-letter.ts';
import { LogDeadLetterStore } from './dead-letter-store.ts';

const CONNECTOR = 'files';
const COUNT = 3_000;

/** Refused one a millisecond, every tenth with another code. */
async function setUp(t: Parameters<typeof openTestLog>[0]) {
  const log = await openTestLog(t);
  const topic = deadLetterTopic(CONNECTOR);
  await log.admin.createTopic(topic, { partitions: 1 });
  const producer = log.producer();
  const letters = Array.from({ length: COUNT }, (_, at) =>
    toDeadLetter(
      { timestamp: 7, value: Buffer.from(`{"colour":"${at % 2 === 0 ? 'Rot' : 'blau'}"}`) },
      { code: at % 10 === 0 ? 'RARE' : 'COMMON', reason: `Reason ${at}`, refusedBy: CONNECTOR, at },
    ),
  );
  await producer.send({ topic, partition: 0 }, letters);
  const store = new LogDeadLetterStore(log, async () => [CONNECTOR, 'never-started']);
  t.after(() => store.close());
  const times = async (filter: Parameters<typeof store.list>[0]) => (await store.list(filter)).map(({ at }) => at);
  return { store, times };
}

test('dead letters are looked for from the newest on, however far back they are', async (t) => {
  const { times } = await setUp(t);
  assert.deepEqual(await times({ limit: 2 }), [2_999, 2_998]);
  assert.deepEqual(await times({ limit: 2, code: 'RARE' }), [2_990, 2_980]);
  assert.deepEqual(await times({ limit: 5, to: 3 }), [2, 1, 0]);
  assert.deepEqual(await times({ limit: 5, from: 2_998 }), [2_999, 2_998]);
  assert.deepEqual(await times({ limit: 2, text: 'ROT' }), [2_998, 2_996]);
  assert.deepEqual(await times({ limit: 5, text: 'reason 17' }), [1_799, 1_798, 1_797, 1_796, 1_795]);
  assert.deepEqual(await times({ limit: 5, text: 'reason 1799', code: 'RARE' }), []);
  assert.equal((await times({ limit: 1_000, code: 'RARE', refusedBy: CONNECTOR })).length, 300);
  assert.deepEqual(await times({ limit: 5, refusedBy: 'never-started' }), []);
});

test('dead letters are dropped up to a time, or all of them', async (t) => {
  const { store, times } = await setUp(t);
  assert.equal(await store.purge({ refusedBy: CONNECTOR, before: 0 }), 0);
  assert.equal(await store.purge({ refusedBy: CONNECTOR, before: 1_500 }), 1_500);
  assert.deepEqual((await times({ limit: 1_000, to: 1_502 })).toSorted(), [1_500, 1_501]);
  assert.equal(await store.purge({ refusedBy: CONNECTOR }), 1_500);
  assert.deepEqual(await times({ limit: 5 }), []);
  assert.equal(await store.purge({ refusedBy: CONNECTOR }), 0);
  assert.equal(await store.purge({ refusedBy: 'never-started' }), 0);
  await assert.rejects(store.purge({ refusedBy: 'nobody' }), { code: 'CONNECTOR_UNKNOWN' });
});
