import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { LogRecord, NewRecord } from '../log.ts';
import { decodeBatch, encodeBatch } from './codec.ts';

const LIMITS = { recordBytes: 4096, batchBytes: 65_536 };

const headers = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), { maxKeys: 4 });
const records = fc.array(headers, { minLength: 1, maxLength: 3 }).chain((sets) =>
  fc.array(
    fc.record(
      {
        timestamp: fc.integer({ min: -8.64e15, max: 8.64e15 }),
        value: fc.uint8Array({ maxLength: 400 }),
        key: fc.uint8Array({ maxLength: 20 }),
        headers: fc.constantFrom(...sets),
      },
      { requiredKeys: ['timestamp', 'value'] },
    ),
    { minLength: 1, maxLength: 30 },
  ),
) as fc.Arbitrary<NewRecord[]>;

function decode(data: Uint8Array, base = 0, from = base): LogRecord[] {
  const into: LogRecord[] = [];
  decodeBatch(data, base, from, into);
  return into;
}

/** Views and copies, and objects with and without prototype, as equals. */
function plain({ value, key, headers, ...rest }: NewRecord): object {
  return { ...rest, value: [...value], key: key && [...key], headers: headers && Object.entries(headers) };
}

test('what is decoded is what was encoded, from any offset on', () => {
  fc.assert(
    fc.property(records, fc.nat(2 ** 40), fc.nat(40), (batch, base, skipped) => {
      const { data, count, maxTimestamp } = encodeBatch(batch, LIMITS);
      assert.equal(count, batch.length);
      assert.equal(maxTimestamp, Math.max(...batch.map(({ timestamp }) => timestamp)));
      assert.equal(data.buffer.byteLength, data.byteLength, 'alone in its buffer');
      const expected = batch.map((record, index) => ({ ...record, offset: base + index })).slice(skipped);
      assert.deepEqual(decode(data, base, base + skipped).map(plain), expected.map(plain));
    }),
  );
});

test('any changed or missing byte is noticed', () => {
  fc.assert(
    fc.property(records, fc.nat(), fc.integer({ min: 1, max: 255 }), (batch, position, change) => {
      const { data } = encodeBatch(batch, LIMITS);
      const at = position % data.length;
      const changed = data.slice();
      changed[at]! ^= change;
      assert.throws(() => decode(changed), { code: 'LOG_CORRUPT' });
      assert.throws(() => decode(data.subarray(0, at)), { code: 'LOG_CORRUPT' });
    }),
  );
});

test('records are views of the batch, and headers are stored and read once', () => {
  const headers = { type: 'select-color', long: 'x'.repeat(100) };
  const batch = Array.from({ length: 100 }, () => ({ timestamp: 1, value: Buffer.from('{}'), headers }));
  const { data } = encodeBatch(batch, LIMITS);
  assert.ok(data.length < 100 * 30, `${data.length} bytes`);
  const decoded = decode(data);
  assert.equal(new Set(decoded.map((record) => record.headers)).size, 1);
  assert.ok(decoded.every(({ value }) => value.buffer === data.buffer));
});

test('too large records and batches are refused', () => {
  const record = { timestamp: 1, value: new Uint8Array(4000) };
  assert.equal(encodeBatch([record], LIMITS).count, 1);
  const code = { code: 'RECORD_TOO_LARGE', decision: 'dead-letter' };
  assert.throws(() => encodeBatch([{ ...record, key: new Uint8Array(97) }], LIMITS), code);
  assert.throws(() => encodeBatch([{ ...record, headers: { x: 'y'.repeat(97) } }], LIMITS), code);
  assert.throws(
    () =>
      encodeBatch(
        Array.from({ length: 17 }, () => record),
        LIMITS,
      ),
    code,
  );
});

test('nothing, or a time that is none, is a mistake of the caller', () => {
  assert.throws(() => encodeBatch([], LIMITS), RangeError);
  assert.throws(() => encodeBatch([{ timestamp: Number.NaN, value: new Uint8Array() }], LIMITS), RangeError);
});
