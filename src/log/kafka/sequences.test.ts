import assert from 'node:assert/strict';
import test from 'node:test';
import type { NewRecord } from '../log.ts';
import {
  NO_ERROR,
  NOT_LEADER_OR_FOLLOWER,
  OUT_OF_ORDER_SEQUENCE_NUMBER,
  UNKNOWN_TOPIC_OR_PARTITION,
} from './errors.ts';
import { Sequences } from './sequences.ts';

const TO = { topic: 't', partition: 0 };
const MESSAGE_TOO_LARGE = 10;

const records = (count: number): NewRecord[] =>
  Array.from({ length: count }, () => ({ timestamp: 0, value: new Uint8Array() }));

/** Sequences for which a broker gives producer ids from 1 on. */
function newSequences() {
  let ids = 0n;
  const sequences = new Sequences({
    request: async <R>() => ({ errorCode: 0, producerId: ++ids, producerEpoch: 0 }) as R,
  });
  return {
    of: async (batch: readonly NewRecord[], to = TO) => {
      const { producerId, first } = await sequences.of(to, batch, 1, 1_000);
      return [Number(producerId), first];
    },
    answered: (code: number) => sequences.answered(TO, code),
  };
}

test('batches that were stored are counted on, by partition', async () => {
  const { of, answered } = newSequences();
  assert.deepEqual(await of(records(3)), [1, 0]);
  answered(NO_ERROR);
  assert.deepEqual(await of(records(2)), [1, 3]);
  assert.deepEqual(await of(records(2), { topic: 't', partition: 1 }), [2, 0]);
});

test('a batch whose fate is unknown keeps its number when it is sent again', async () => {
  const { of, answered } = newSequences();
  const batch = records(3);
  await of(batch);
  assert.deepEqual(await of(batch), [1, 0]);
  answered(NOT_LEADER_OR_FOLLOWER);
  assert.deepEqual(await of(batch), [1, 0]);
  answered(UNKNOWN_TOPIC_OR_PARTITION);
  assert.deepEqual(await of(batch), [1, 0]);
});

test('other records never get the number of a batch whose fate is unknown', async () => {
  const { of } = newSequences();
  await of(records(3));
  assert.deepEqual(await of(records(3)), [2, 0]);
});

test('a batch that was refused leaves its number to the next', async () => {
  const { of, answered } = newSequences();
  await of(records(3));
  answered(MESSAGE_TOO_LARGE);
  assert.deepEqual(await of(records(1)), [1, 0]);
});

test('a broker that lost the count gets a new one', async () => {
  const { of, answered } = newSequences();
  const batch = records(3);
  await of(batch);
  answered(OUT_OF_ORDER_SEQUENCE_NUMBER);
  assert.deepEqual(await of(batch), [2, 0]);
});
