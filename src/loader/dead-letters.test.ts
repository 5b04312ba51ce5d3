import assert from 'node:assert/strict';
import test from 'node:test';
import { TestClock } from '../../test/support/clock.ts';
import { FakeProducer } from '../../test/support/fake-producer.ts';
import { recordAt } from '../../test/support/records.ts';
import { fromDeadLetter } from '../log/dead-letter.ts';
import { logErrors } from '../log/errors.ts';
import { ConnectorDeadLetters } from './dead-letters.ts';

const PARTITION = { topic: 'web', partition: 3 };
const REFUSAL = { code: 'RECORD_NOT_A_JSON_LINE', reason: 'because '.repeat(100) };

function setUp(refuse: (bytes: number) => Error | undefined) {
  const [producer, clock] = [new FakeProducer(), new TestClock()];
  producer.automatic = (_, records) => refuse(records[0]!.value.length);
  return { producer, clock, deadLetters: new ConnectorDeadLetters(producer, 'mine', clock) };
}

test('a refused record whose letter the log does not take leaves one that says where it stands', async () => {
  const { producer, clock, deadLetters } = setUp((bytes) =>
    bytes > 0 ? logErrors.RECORD_TOO_LARGE('too large') : undefined,
  );
  await deadLetters.put(PARTITION, recordAt(12), REFUSAL);
  const [letter] = producer.stored;
  assert.equal(letter!.timestamp, clock.now());
  const { context, original } = fromDeadLetter({ ...letter!, offset: 0 });
  assert.deepEqual(context.source, { ...PARTITION, offset: 12 });
  assert.equal(context.code, REFUSAL.code);
  assert.ok(REFUSAL.reason.startsWith(context.reason) && context.reason.length <= 200);
  assert.equal(original.value.length, 0);
  assert.equal(deadLetters.count, 1);
});

test('a log that takes no dead letter at all stops the connector, and one that is away does not', async () => {
  const forbidden = setUp(() => logErrors.NOT_AUTHORIZED('not allowed'));
  const stopped = { code: 'DEAD_LETTER_REFUSED', decision: 'stop' };
  await assert.rejects(forbidden.deadLetters.put(PARTITION, recordAt(1), REFUSAL), stopped);
  const away = setUp(() => logErrors.LOG_UNAVAILABLE('away'));
  await assert.rejects(away.deadLetters.put(PARTITION, recordAt(1), REFUSAL), { code: 'LOG_UNAVAILABLE' });
  assert.equal(away.deadLetters.count, 0);
});
