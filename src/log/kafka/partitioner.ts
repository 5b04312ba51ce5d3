/**
 * The hash by which Kafka's Java clients choose partitions: murmur2 of 32 bits with their seed.
 * Source: org.apache.kafka.common.utils.Utils#murmur2
 */
export function murmur2(data: Uint8Array): number {
  const M = 0x5bd1e995;
  const SEED = 0x9747b28c;
  const { length } = data;
  let hash = SEED ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let word = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
    word = Math.imul(word, M);
    word ^= word >>> 24;
    hash = Math.imul(hash, M) ^ Math.imul(word, M);
  }
  const rest = length - at;
  if (rest > 0) {
    if (rest > 2) hash ^= data[at + 2]! << 16;
    if (rest > 1) hash ^= data[at + 1]! << 8;
    hash = Math.imul(hash ^ data[at]!, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

/** The partition that Java's default partitioner gives a key: the hash without its sign. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}
