import assert from 'node:assert/strict';
import test from 'node:test';
import { fromDeadLetter, toDeadLetter } from './dead-letter.ts';

const RECORD = { timestamp: 5, value: Buffer.from('{}'), key: Buffer.from('k'), headers: { type: 'select-color' } };
const SOURCE = { topic: 'web', partition: 1, offset: 7 };

test('a dead letter has the headers of Kafka Connect, and gives back the record as it was', () => {
  const context = { code: 'EVENT_ID_TAKEN', reason: 'it is another one', refusedBy: 'rows', at: 9, source: SOURCE };
  const letter = toDeadLetter(RECORD, context);
  assert.deepEqual(letter.headers, {
    type: 'select-color',
    '__connect.errors.topic': 'web',
    '__connect.errors.partition': '1',
    '__connect.errors.offset': '7',
    '__connect.errors.connector.name': 'rows',
    '__connect.errors.task.id': '0',
    '__connect.errors.stage': 'TASK_PUT',
    '__connect.errors.class.name': 'Sink',
    '__connect.errors.exception.class.name': 'EVENT_ID_TAKEN',
    '__connect.errors.exception.message': 'it is another one',
    '__connect.errors.exception.stacktrace': 'EVENT_ID_TAKEN: it is another one',
    '__connect.errors.at': '9',
  });
  assert.deepEqual(fromDeadLetter({ ...letter, offset: 3 }), { context, original: RECORD });
});
