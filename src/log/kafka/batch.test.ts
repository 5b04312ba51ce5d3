import assert from 'node:assert/strict';
import test from 'node:test';
import { createRecordsBatch, Reader, readRecordsBatches } from '@platformatic/kafka';
import fc from 'fast-check';
import type { LogRecord, NewRecord } from '../log.ts';
import type { Sequence } from './batch.ts';
import { BATCH_HEAD_BYTES, BatchReader, encodeBatch, encodeRecords, lastOf, measure } from './batch.ts';
import type { Compression } from './compression.ts';
import { codecOf } from './compression.ts';
import { unpack } from './reader.ts';

const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

const encode = async (records: readonly NewRecord[], compression: Compression = 'none', sequence?: Sequence) => {
  const encoded = encodeRecords(records, measure(records).bytes);
  const codec = codecOf(compression);
  return encodeBatch(encoded, codec.id, await codec.compress(encoded.buffer.subarray(BATCH_HEAD_BYTES)), sequence);
};

/** A batch as a broker stores it: it sets the first offset, which no checksum covers. */
const at = (offset: number, batch: Buffer) => {
  const stored = Buffer.from(batch);
  stored.writeBigInt64BE(BigInt(offset), 0);
  return stored;
};

const readAll = (data: Buffer, offset: number, aborted: ConstructorParameters<typeof BatchReader>[2] = []) => {
  const reader = new BatchReader(data, offset, aborted);
  const records: LogRecord[] = [];
  while (reader.hasMore) records.push(...reader.take().records);
  return { records, nextOffset: reader.nextOffset };
};

const numbered = (count: number): NewRecord[] =>
  Array.from({ length: count }, (_, index) => ({ timestamp: 1_000 + index, value: Buffer.from(String(index)) }));

const headers = fc.dictionary(fc.string({ minLength: 1, unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), {
  maxKeys: 5,
});
const record = fc.record(
  {
    timestamp: fc.integer({ min: 0, max: 2 ** 45 }),
    value: fc.uint8Array({ maxLength: 300 }),
    key: fc.uint8Array({ minLength: 1, maxLength: 20 }),
    headers: fc.oneof(headers, fc.constant({ type: 'select-color' }), fc.constant(JSON.parse('{"__proto__":"x"}'))),
  },
  { requiredKeys: ['timestamp', 'value'] },
);

test('what is laid out comes back', async () => {
  const arbitrary = fc.array(record, { minLength: 1, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(arbitrary, fc.constantFrom(...COMPRESSIONS), fc.nat(1e9), async (sent, compression, offset) => {
      const { records, nextOffset } = readAll(at(offset, await encode(sent, compression)), offset);
      assert.equal(nextOffset, offset + sent.length);
      const plain = ({ timestamp, value, key, headers: given }: NewRecord) => [
        timestamp,
        Buffer.from(value),
        key && Buffer.from(key),
        Object.entries(given ?? {}),
      ];
      assert.deepEqual(records.map(plain), sent.map(plain));
      assert.deepEqual(
        records.map((one) => one.offset),
        sent.map((_, index) => offset + index),
      );
    }),
  );
});

for (const compression of COMPRESSIONS) {
  test(`the client reads our batches, and we read its (${compression})`, async () => {
    const sequence = { producerId: 77n, epoch: 3, first: 12 };
    const sent = [
      { timestamp: 2_000, value: Buffer.from('a'), key: Buffer.from('k'), headers: { type: 'select-color' } },
      { timestamp: 1_000, value: Buffer.from('b'.repeat(1_000)) },
    ];
    const [batch] = readRecordsBatches(Reader.from(await encode(sent, compression, sequence)));
    assert.deepEqual(
      [batch!.producerId, batch!.producerEpoch, batch!.firstSequence, batch!.firstTimestamp, batch!.maxTimestamp],
      [77n, 3, 12, 2_000n, 2_000n],
    );
    assert.deepEqual(
      batch!.records.map(({ timestampDelta, offsetDelta, key, value, headers: given }) => [
        timestampDelta,
        offsetDelta,
        key === null ? null : String(key),
        String(value),
        given.map((pair) => pair.map(String)),
      ]),
      [
        [0n, 0, 'k', 'a', [['type', 'select-color']]],
        [-1_000n, 1, null, 'b'.repeat(1_000), []],
      ],
    );
    const theirs = createRecordsBatch(
      sent.map(({ timestamp, value }) => ({ topic: 't', partition: 0, timestamp: BigInt(timestamp), value })),
      { compression },
    );
    const { records } = readAll(theirs.buffer, 0);
    assert.deepEqual(
      records.map(({ timestamp, value }) => ({ timestamp, value })),
      sent.map(({ timestamp, value }) => ({ timestamp, value })),
    );
  });
}

test('records below the offset that is wanted are left out', async () => {
  const data = Buffer.concat([at(10, await encode(numbered(5))), at(15, await encode(numbered(5)))]);
  assert.deepEqual(
    readAll(data, 13).records.map(({ offset }) => offset),
    [13, 14, 15, 16, 17, 18, 19],
  );
  assert.deepEqual(readAll(data, 30), { records: [], nextOffset: 30 });
});

test('a batch that was cut off is left for the next answer', async () => {
  const data = Buffer.concat([at(0, await encode(numbered(5))), at(5, await encode(numbered(5)))]);
  for (const cut of [1, 30, 70]) {
    assert.equal(readAll(data.subarray(0, data.length - cut), 0).nextOffset, 5);
    assert.deepEqual(lastOf(data.subarray(0, data.length - cut)), { offset: 4, epoch: -1 });
  }
  assert.equal(lastOf(data.subarray(0, 20)), undefined);
});

test('a changed byte is found', async () => {
  for (const compression of COMPRESSIONS) {
    const batch = await encode(numbered(20), compression);
    fc.assert(
      fc.property(fc.integer({ min: 21, max: batch.length - 1 }), fc.integer({ min: 1, max: 255 }), (index, change) => {
        const broken = Buffer.from(batch);
        broken[index]! ^= change;
        assert.throws(() => readAll(broken, 0), { code: 'LOG_CORRUPT' });
      }),
    );
  }
});

test('transactions that were given up, and marks of their ends, are hidden', async () => {
  const TRANSACTIONAL = 0b10000;
  const CONTROL = 0b100000;
  const marked = async (offset: number, producerId: bigint, attributes: number, records: NewRecord[]) => {
    const batch = at(offset, await encode(records, 'none', { producerId, epoch: 0, first: 0 }));
    batch.writeInt16BE(attributes, 21);
    const { crc32c } = await import('@platformatic/kafka');
    batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
    return batch;
  };
  const end = (type: number): NewRecord[] => [
    { timestamp: 0, key: Buffer.from([0, 0, 0, type]), value: Buffer.from([]) },
  ];
  const data = Buffer.concat([
    await marked(0, 1n, TRANSACTIONAL, numbered(2)),
    await marked(2, 2n, TRANSACTIONAL, numbered(2)),
    await marked(4, 1n, TRANSACTIONAL | CONTROL, end(0)),
    await marked(5, 2n, TRANSACTIONAL | CONTROL, end(1)),
    await marked(6, 1n, TRANSACTIONAL, numbered(1)),
    await marked(7, 1n, TRANSACTIONAL | CONTROL, end(1)),
  ]);
  const { records, nextOffset } = readAll(data, 0, [{ producerId: 1n, firstOffset: 0 }]);
  assert.deepEqual(
    records.map(({ offset }) => offset),
    [2, 3, 6],
  );
  assert.equal(nextOffset, 8);
});

/** Smaller ones may share their memory with others. */
const LARGE = 100_000;

for (const compression of COMPRESSIONS) {
  test(`records that are freed take no others with them, and all of them the answer (${compression})`, async () => {
    const of = async (offset: number, letter: string) =>
      at(offset, await encode([{ timestamp: 0, value: Buffer.alloc(LARGE, letter) }], compression));
    const data = Buffer.concat([await of(0, 'a'), await of(1, 'b')]);
    const answer = Buffer.allocUnsafeSlow(data.length + 10);
    answer.set(data);
    const reader = new BatchReader(answer, 0);
    const first = unpack(reader, 1);
    const second = unpack(reader, 1);
    assert.equal(reader.hasMore, false);
    first.free();
    first.free();
    const inAnswer = compression === 'none';
    assert.equal(first.records[0]?.value.length, inAnswer ? LARGE : 0);
    assert.deepEqual(second.records[0]?.value, Buffer.alloc(LARGE, 'b'));
    assert.equal(answer.length, data.length + 10);
    second.free();
    assert.deepEqual([second.records[0]?.value.length, answer.length], [0, 0]);
  });
}
