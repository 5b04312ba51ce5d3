import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { StagedMemory } from '../../../../../test/support/staged-memory.ts';
import { until } from '../../../../../test/support/until.ts';
import { DataFile } from '../../data-file.ts';
import type { ParquetOptions } from './parquet.ts';
import { Parquet } from './parquet.ts';
import { readParquetEvents } from './read.ts';
import { EVENT_COLUMN, FIXED_COLUMNS } from './schema.ts';

const OPTIONS: ParquetOptions = { compression: 'none', columns: {}, rowGroup: { records: 1_000, bytes: 1 << 20 } };
const COMPRESSIONS = ['none', 'snappy', 'gzip', 'zstd'] as const;
const signal = new AbortController().signal;

async function write(options: Partial<ParquetOptions>, values: readonly Uint8Array[]): Promise<StagedMemory> {
  const format = new Parquet({ ...OPTIONS, ...options });
  const memory = new StagedMemory();
  const file = new DataFile(memory, format.encoder());
  for (const [offset, value] of values.entries()) {
    assert.ok(format.accepts(value));
    await file.append(value, offset, signal);
  }
  await file.seal(signal);
  return memory;
}

async function rows(content: Buffer): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({ file: new Uint8Array(content).buffer });
}

function json(event: object): Buffer {
  return Buffer.from(JSON.stringify(event));
}

test('the fields of an event stand in columns, and all of it in one', async () => {
  const event = {
    id: 'e1',
    type: 'select-color',
    timestamp: '2026-11-22T12:00:00.123Z',
    receivedAt: '2026-11-22T12:00:01.000Z',
    sentTimestamp: 1_795_348_800_123,
    userName: 'Kim 김',
    count: 3,
  };
  const { content } = await write({ columns: { userName: 'string', count: 'integer' } }, [json(event)]);
  const [row] = await rows(content);
  assert.deepEqual(row, {
    id: 'e1',
    type: 'select-color',
    timestamp: new Date('2026-11-22T12:00:00.123Z'),
    receivedAt: new Date('2026-11-22T12:00:01.000Z'),
    sentTimestamp: new Date(1_795_348_800_123),
    userAgent: null,
    clientAddress: null,
    userName: 'Kim 김',
    count: 3n,
    event: JSON.stringify(event),
  });
});

test('what does not fit its column is null there, and stands in the event', async () => {
  const columns = { text: 'string', whole: 'integer', any: 'double', flag: 'boolean', at: 'timestamp' } as const;
  const values = [
    'x',
    1,
    1.5,
    true,
    '2026-11-22T12:00:00Z',
    2 ** 53,
    Date.UTC(2026, 10, 22, 12),
    null,
    [],
    {},
    '1899-12-31T23:59:59Z',
    'no time',
  ];
  const events = values.map((value) => ({ text: value, whole: value, any: value, flag: value, at: value }));
  const { content } = await write({ columns }, events.map(json));
  const read = await rows(content);
  const fitting = (name: string) => read.flatMap((row, index) => (row[name] === null ? [] : [[index, row[name]]]));
  assert.deepEqual(
    fitting('text'),
    [0, 4, 10, 11].map((index) => [index, values[index]]),
  );
  assert.deepEqual(
    fitting('whole'),
    [1, 6].map((index) => [index, BigInt(values[index] as number)]),
  );
  assert.deepEqual(
    fitting('any'),
    [1, 2, 5, 6].map((index) => [index, values[index]]),
  );
  assert.deepEqual(fitting('flag'), [[3, true]]);
  const time = Date.UTC(2026, 10, 22, 12);
  // 1 and 1.5 are times in 1970; 2^53 lies beyond the last one.
  assert.deepEqual(fitting('at'), [
    [1, new Date(1)],
    [2, new Date(1)],
    [4, new Date(time)],
    [6, new Date(time)],
  ]);
  assert.deepEqual(
    read.map(({ event }) => JSON.parse(event as string)),
    events,
  );
});

test('the columns follow from the configuration, whatever the events are', async () => {
  const columns = { userName: 'string' } as const;
  const files = [
    await write({ columns }, [json({ id: 'a' })]),
    await write({ columns }, [json({ id: 7, other: [1] }), json({ userName: 3 })]),
  ];
  for (const { content } of files) {
    const { schema } = parquetMetadata(new Uint8Array(content).buffer);
    const names = schema.slice(1).map(({ name }) => name);
    assert.deepEqual(names, [...FIXED_COLUMNS.slice(0, -1), 'userName', EVENT_COLUMN]);
  }
});

test('any JSON object comes back as it was, in any compression and any row groups', async () => {
  const events = fc.array(fc.dictionary(fc.oneof(fc.string(), fc.constantFrom(...FIXED_COLUMNS)), fc.jsonValue()));
  const rowGroup = fc.record({ records: fc.integer({ min: 1, max: 5 }), bytes: fc.integer({ min: 1, max: 300 }) });
  await fc.assert(
    fc.asyncProperty(events, fc.constantFrom(...COMPRESSIONS), rowGroup, async (events, compression, rowGroup) => {
      const values = events.map(json);
      const { content } = await write({ compression, rowGroup, columns: { x: 'double', id2: 'string' } }, values);
      const back = await Array.fromAsync(readParquetEvents(content));
      assert.deepEqual(back.map(String), values.map(String));
    }),
  );
});

test('what is no JSON object in UTF-8 is refused', () => {
  const format = new Parquet(OPTIONS);
  const texts = ['{"a":1}', '{}', '[1]', '1', '', '{', '}', '{a}', '{"a":1', '{"a":\n1}', '{"a":1}{}'];
  assert.deepEqual(
    texts.map((text) => format.accepts(Buffer.from(text))),
    texts.map((_, index) => index < 2),
  );
  assert.equal(format.accepts(Buffer.from('{"a":"\xff"}', 'latin1')), false);
  assert.equal(format.accepts(Buffer.from('{"a":1}')), true);
});

test('what stands in memory is a row group, however long the file', async () => {
  const rowGroup = { records: 1_000, bytes: 10_000 };
  const format = new Parquet({ ...OPTIONS, rowGroup });
  const memory = new StagedMemory();
  const encoder = format.encoder();
  const file = new DataFile(memory, encoder);
  const longest = 15_000;
  let most = 0;
  let taken = 0;
  for (let offset = 0; offset < 20_000; offset++) {
    const value = json({ id: `e${offset}`, text: 'x'.repeat(offset % 5_000 === 0 ? longest : offset % 90) });
    format.accepts(value);
    if (!file.tryAppend(value, offset)) await file.append(value, offset, signal);
    taken += value.length;
    most = Math.max(most, encoder.buffered);
    // Uncompressed, the whole events alone are as long as what was taken.
    assert.ok(file.bytes >= taken && file.bytes < 4 * taken + 1_000, `${file.bytes} of ${taken}`);
    assert.ok(memory.written + 2 * (rowGroup.bytes + longest) > taken, `after ${offset}`);
  }
  const sealed = await file.seal(signal);
  assert.ok(most > rowGroup.bytes - 200 && most < longest + 100, `${most}`);
  assert.equal(sealed.length, memory.written);
  const groups = parquetMetadata(new Uint8Array(memory.content).buffer).row_groups;
  assert.ok(groups.length > 50);
  assert.ok(memory.pieces.every(({ length }) => length < 100_000));
});

test('a store that is slow holds up whoever has more to give, so that few row groups are on their way', async () => {
  const rowGroup = { records: 1_000, bytes: 10_000 };
  const format = new Parquet({ ...OPTIONS, rowGroup });
  const slow = Promise.withResolvers<void>();
  let [taken, given] = [0, 0];
  const parts = Array.from({ length: 32 }, () => {
    const memory = new StagedMemory();
    const write = memory.write.bind(memory);
    memory.write = async (chunk) => {
      given += chunk.length;
      await slow.promise;
      await write(chunk);
    };
    return new DataFile(memory, format.encoder());
  });
  const value = json({ id: 'an-event', text: 'x'.repeat(70) });
  const filling = (async () => {
    for (let offset = 0; offset < 20_000; offset++) {
      const file = parts[offset % parts.length]!;
      format.accepts(value);
      if (!file.tryAppend(value, offset)) await file.append(value, offset, signal);
      taken += value.length;
    }
  })();
  // Nothing but a write that ends can let it go on, so what it has taken by now is all.
  await until('it waits for the store', async () => {
    const before = taken;
    await setImmediate();
    return given > 0 && taken === before;
  });
  assert.ok(taken < 8 * rowGroup.bytes, `${taken}`);
  slow.resolve();
  await filling;
  const sealed = await Promise.all(parts.map((file) => file.seal(signal)));
  assert.equal(
    sealed.reduce((sum, { records }) => sum + records, 0),
    20_000,
  );
});

test('many open files hold a few row groups together, and none gives out crumbs for it', async () => {
  const rowGroup = { records: 1_000, bytes: 10_000 };
  const format = new Parquet({ ...OPTIONS, rowGroup });
  const parts = Array.from({ length: 32 }, () => {
    const memory = new StagedMemory();
    const encoder = format.encoder();
    return { memory, encoder, file: new DataFile(memory, encoder) };
  });
  const value = json({ id: 'an-event', text: 'x'.repeat(70) });
  let most = 0;
  for (let offset = 0; offset < 20_000; offset++) {
    // Every third record goes to the first file, the others around.
    const { file } = parts[offset % 3 === 0 ? 0 : offset % parts.length]!;
    format.accepts(value);
    if (!file.tryAppend(value, offset)) await file.append(value, offset, signal);
    most = Math.max(
      most,
      parts.reduce((sum, { encoder }) => sum + encoder.buffered, 0),
    );
  }
  assert.ok(most > 4 * rowGroup.bytes && most < 5 * rowGroup.bytes, `${most}`);
  for (const [index, { file, memory }] of parts.entries()) {
    if (index % 2 === 0) await file.discard();
    else {
      const { records } = await file.seal(signal);
      const { row_groups } = parquetMetadata(new Uint8Array(memory.content).buffer);
      assert.ok(records / row_groups.length >= 5, `${records} in ${row_groups.length}`);
    }
  }
  // All was given back: a file alone gets full row groups again.
  const memory = new StagedMemory();
  const file = new DataFile(memory, format.encoder());
  for (let offset = 0; offset < 500; offset++) await file.append(value, offset, signal);
  await file.seal(signal);
  const [first] = parquetMetadata(new Uint8Array(memory.content).buffer).row_groups;
  assert.equal(Number(first?.num_rows), Math.floor(rowGroup.bytes / value.length));
});
