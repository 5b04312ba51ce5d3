import assert from 'node:assert/strict';
import test from 'node:test';
import { TestAdmin } from '../../test/support/admin.ts';
import { activeTopics, heldOf, reachedByTopic } from './connector-positions.ts';

const at = (topic: string, ...offsets: number[]) => offsets.map((offset, partition) => ({ topic, partition, offset }));

test('a topic is active once its position has moved since the last reset', () => {
  const before = [...at('a', 3, 4), ...at('b', 0, 0)];
  assert.deepEqual(reachedByTopic(before), { a: 7, b: 0 });
  assert.deepEqual(activeTopics(before, {}), ['a']);
  const reset = reachedByTopic(before);
  assert.deepEqual(activeTopics(before, reset), []);
  assert.deepEqual(activeTopics([...at('b', 1, 0), ...at('a', 3, 5)], reset), ['a', 'b']);
  assert.deepEqual(activeTopics(at('a', 0, 0), reset), ['a'], 'a position that was set back has moved too');
  assert.deepEqual(activeTopics(at('__proto__', 1), {}), ['__proto__']);
});

test('positions can be set where the log has records, and forgotten everywhere', async () => {
  const admin = new TestAdmin();
  admin.bounds = [{ topic: 'select-color', partition: 0, startOffset: 5, endOffset: 9 }];
  const of = (partition: number, offset?: number) => ({
    topic: 'select-color',
    partition,
    ...(offset === undefined ? {} : { offset }),
  });
  const gone = { topic: 'gone', partition: 0 };
  assert.deepEqual(await heldOf(admin, [of(0, 5), of(1), gone, of(0, 9)]), [of(0, 5), of(1), of(0, 9)]);
  for (const wrong of [of(0, 4), of(0, 10), of(7, 0), { ...gone, offset: 0 }]) {
    await assert.rejects(heldOf(admin, [wrong]), { code: 'OFFSET_NOT_HELD' });
  }
});
