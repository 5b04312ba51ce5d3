import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { TopicPartition } from '../log.ts';
import { partitionName } from '../log.ts';
import { decodeAssignment, encodeSubscription, shareOut, topicsOf } from './sharing.ts';

const partitionsOf = (topics: readonly string[], count: number): TopicPartition[] =>
  topics.flatMap((topic) => Array.from({ length: count }, (_, partition) => ({ topic, partition })));

test('members let go before others get, and the shares settle evenly', () => {
  const arbitrary = fc.record({
    count: fc.integer({ min: 0, max: 12 }),
    joins: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 12 }),
  });
  fc.assert(
    fc.property(arbitrary, ({ count, joins }) => {
      const all = partitionsOf(['a', 'b'], count);
      const owned = new Map<string, TopicPartition[]>();
      let generation = 0;
      // Each number is a member that comes, or goes if it is there; then there are rounds until nothing moves.
      for (const id of joins) {
        const name = `member-${id}`;
        if (!owned.delete(name)) owned.set(name, []);
        for (let moved = owned.size > 0; moved; ) {
          moved = false;
          const members = [...owned].map(([memberId, mine]) => ({
            memberId,
            metadata: encodeSubscription(['a', 'b'], mine, generation),
          }));
          const before = new Map([...owned].flatMap(([member, mine]) => mine.map((p) => [partitionName(p), member])));
          for (const { memberId, assignment } of shareOut(all, members)) {
            const mine = decodeAssignment(assignment);
            for (const partition of mine) {
              const owner = before.get(partitionName(partition));
              assert.ok(owner === undefined || owner === memberId, 'it was still held by another member');
            }
            const had = owned.get(memberId)!;
            if (had.some((p) => !mine.some((q) => partitionName(p) === partitionName(q)))) moved = true;
            owned.set(memberId, mine);
          }
          generation++;
        }
        const sizes = [...owned.values()].map((mine) => mine.length);
        if (sizes.length === 0) continue;
        assert.equal(new Set([...owned.values()].flat().map(partitionName)).size, all.length);
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
      }
    }),
  );
});

test('of two who claim a partition, the later generation has it', () => {
  const [partition] = partitionsOf(['a'], 1);
  const members = [
    { memberId: 'late', metadata: encodeSubscription(['a'], [partition!], 5) },
    { memberId: 'stale', metadata: encodeSubscription(['a'], [partition!], 3) },
  ];
  const shares = shareOut([partition!], members).map(({ memberId, assignment }) => [
    memberId,
    decodeAssignment(assignment).length,
  ]);
  assert.deepEqual(shares, [
    ['late', 1],
    ['stale', 0],
  ]);
});

test('the topics of all members are shared out', () => {
  const members = [['b', 'a'], ['c', 'b'], []].map((topics, index) => ({
    memberId: String(index),
    metadata: encodeSubscription(topics, [], -1),
  }));
  assert.deepEqual(topicsOf(members), ['a', 'b', 'c']);
});
