import assert from 'node:assert/strict';
import test from 'node:test';
import { until } from '../../../test/support/until.ts';
import type { TopicPartition } from '../log.ts';
import { partitionName } from '../log.ts';
import type { GroupMember } from './groups.ts';
import { Groups } from './groups.ts';

const TOPIC = 'events';
const PARTITIONS = [0, 1, 2, 3].map((partition) => ({ topic: TOPIC, partition }));

/** A member that lets go when the test says so. */
class TestMember implements GroupMember {
  readonly group = 'group';
  readonly topics = [TOPIC];
  readonly has = new Set<string>();
  readonly losses: string[] = [];
  readonly #letGo: (partitions: readonly TopicPartition[]) => Promise<void>;

  constructor(letGo: (partitions: readonly TopicPartition[]) => Promise<void> = async () => undefined) {
    this.#letGo = letGo;
  }

  assign(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.has.add(partitionName(partition));
  }

  async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    await this.#letGo(partitions);
    for (const partition of partitions) this.has.delete(partitionName(partition));
  }

  lost(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      this.has.delete(partitionName(partition));
      this.losses.push(partitionName(partition));
    }
  }
}

function newGroups(partitions = () => PARTITIONS, revokeTimeoutMs = 60_000): Groups {
  const partitionsOf = (topics: ReadonlySet<string>) => partitions().filter(({ topic }) => topics.has(topic));
  return new Groups({ partitionsOf, revokeTimeoutMs });
}

test('a partition has no new owner before the old one lets go', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const groups = newGroups();
  const [old, young] = [new TestMember(() => promise), new TestMember()];
  groups.join(old);
  await until('the first has all', () => old.has.size === 4);
  groups.join(young);
  await new Promise(setImmediate);
  assert.equal(young.has.size, 0);
  for (const name of old.has) {
    const [topic, partition] = name.split('-') as [string, string];
    groups.assertOwned(old, [{ topic, partition: Number(partition), offset: 0 }]);
  }
  resolve();
  await until('they share', () => old.has.size === 2 && young.has.size === 2);
  assert.deepEqual(old.has.intersection(young.has), new Set());
  const [name] = young.has;
  const position = { topic: TOPIC, partition: Number(name!.split('-')[1]), offset: 0 };
  assert.throws(() => groups.assertOwned(old, [position]), { code: 'PARTITION_NOT_OWNED' });
});

test('a member that does not let go in time loses its partitions', async () => {
  const groups = newGroups(undefined, 1);
  const [stuck, young] = [new TestMember(() => new Promise(() => undefined)), new TestMember()];
  groups.join(stuck);
  await until('the first has all', () => stuck.has.size === 4);
  groups.join(young);
  await until('the second has its share', () => young.has.size === 2);
  assert.deepEqual(new Set(stuck.losses), young.has);
});

test('a member that dies while it is asked to let go does not hold the others up', async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  const groups = newGroups();
  const [dying, young] = [new TestMember(() => promise), new TestMember()];
  groups.join(dying);
  await until('the first has all', () => dying.has.size === 4);
  groups.join(young);
  groups.leave(dying);
  reject(new Error('the thread has ended'));
  await until('the second has all', () => young.has.size === 4);
  assert.deepEqual(groups.members('group'), [young]);
});

test('new partitions are shared, and an empty group is forgotten', async () => {
  let partitions = PARTITIONS.slice(0, 1);
  const groups = newGroups(() => partitions);
  const [one, two] = [new TestMember(), new TestMember()];
  groups.join(one);
  groups.join(two);
  await until('one of them has the partition', () => one.has.size + two.has.size === 1);
  partitions = PARTITIONS;
  groups.partitionsChanged();
  await until('they share', () => one.has.size === 2 && two.has.size === 2);
  groups.leave(one);
  groups.leave(two);
  assert.deepEqual(groups.names(), []);
});
