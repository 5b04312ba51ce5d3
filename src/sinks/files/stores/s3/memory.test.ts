import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Memory } from './memory.ts';

test('a buffer that was given back is used again for one of its size', async (t) => {
  const memory = new Memory(100);
  await memory.take(10, t.signal);
  await memory.take(40, t.signal);
  const first = memory.buffer(40);
  memory.giveBuffer(first);
  assert.deepEqual([memory.held, memory.kept], [10, 40]);
  await memory.take(40, t.signal);
  assert.equal(memory.buffer(40), first);
  await memory.take(20, t.signal);
  assert.notEqual(memory.buffer(20), first);
});

test('nothing is kept once nothing is held', async (t) => {
  const memory = new Memory(100);
  await memory.take(40, t.signal);
  memory.giveBuffer(memory.buffer(40));
  assert.deepEqual([memory.held, memory.kept], [0, 0]);
});

test('buffers in use and buffers that are kept are together within the bound', async (t) => {
  const sizes = fc.array(fc.record({ bytes: fc.constantFrom(10, 20, 40), back: fc.boolean() }), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(sizes, async (steps) => {
      const memory = new Memory(100);
      const used: Buffer[] = [];
      for (const { bytes, back } of steps) {
        const last = back ? used.pop() : undefined;
        if (last) memory.giveBuffer(last);
        else {
          await memory.take(bytes, t.signal);
          const buffer = memory.buffer(bytes);
          assert.equal(buffer.length, bytes);
          assert.ok(!used.includes(buffer));
          used.push(buffer);
        }
        assert.equal(
          memory.held,
          used.reduce((sum, { length }) => sum + length, 0),
        );
        // With no upload under way more is given out than the bound, and then nothing is kept.
        assert.ok(memory.kept === 0 || memory.held + memory.kept <= 100);
      }
    }),
  );
});
