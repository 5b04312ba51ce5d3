import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Sharer } from './assignment.ts';
import { sharePartitions } from './assignment.ts';
import { partitionName } from './log.ts';

const TOPICS = ['a', 'b', 'c'];
const partitions = TOPICS.flatMap((topic) => Array.from({ length: 4 }, (_, partition) => ({ topic, partition })));
const names = partitions.map(partitionName);
const members = fc.array(fc.record({ topics: fc.subarray(TOPICS, { minLength: 1 }) }), { maxLength: 6 });

function loads(shares: ReadonlyMap<string, Sharer>): Map<Sharer, number> {
  return new Map(
    Map.groupBy(shares, ([, member]) => member)
      .entries()
      .map(([member, theirs]) => [member, theirs.length]),
  );
}

test('every partition that someone reads has one owner that reads it', () => {
  fc.assert(
    fc.property(members, members, (before, now) => {
      const owners = sharePartitions(partitions, [...before, ...now], new Map());
      const shares = sharePartitions(partitions, now, owners);
      const read = partitions.filter(({ topic }) => now.some(({ topics }) => topics.includes(topic)));
      assert.deepEqual(new Set(shares.keys()), new Set(read.map(partitionName)));
      for (const partition of read) {
        const owner = shares.get(partitionName(partition))!;
        assert.ok(now.includes(owner) && owner.topics.includes(partition.topic));
      }
    }),
  );
});

test('members that read the same differ by one at most, and sharing again moves nothing', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 14 }), fc.dictionary(fc.constantFrom(...names), fc.nat(13)), (count, had) => {
      const all = Array.from({ length: count }, () => ({ topics: TOPICS }));
      const owners = new Map(Object.entries(had).flatMap(([name, index]) => (all[index] ? [[name, all[index]]] : [])));
      const shares = sharePartitions(partitions, all, owners);
      const counts = all.map((member) => loads(shares).get(member) ?? 0);
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `loads ${counts}`);
      assert.deepEqual(sharePartitions(partitions, all, shares), shares);
    }),
  );
});

test('only what a new member needs changes hands', () => {
  const [one, two, three] = [{ topics: TOPICS }, { topics: TOPICS }, { topics: TOPICS }];
  const before = sharePartitions(partitions, [one, two], new Map());
  const after = sharePartitions(partitions, [one, two, three], before);
  assert.equal(names.filter((name) => before.get(name) !== after.get(name)).length, 4);
});
