import assert from 'node:assert/strict';
import test from 'node:test';
import { activeTopics, reachedByTopic } from './connector-positions.ts';

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
