import assert from 'node:assert/strict';
import test from 'node:test';
import { compatibilityPartitioner, murmur2 as murmur2OfTheClient } from '@platformatic/kafka';
import fc from 'fast-check';
import { murmur2, partitionOfKey } from './partitioner.ts';

/** From UtilsTest#testMurmur2 of Kafka's Java client. */
const JAVA: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
];

test('keys hash as they do in Java', () => {
  for (const [key, hash] of JAVA) assert.equal(murmur2(Buffer.from(key)), hash);
});

test('any key hashes as another implementation has it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (key) => {
      assert.equal(murmur2(key), murmur2OfTheClient(Buffer.from(key)));
    }),
  );
});

test('a key has the partition that Java gives it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 1, max: 100 }), (key, partitions) => {
      const partition = partitionOfKey(key, partitions);
      const ofTheClient = compatibilityPartitioner({ topic: 't' }, Buffer.from(key));
      assert.equal(partition, ofTheClient % partitions);
    }),
  );
});
