import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { TestClock } from '../../../../../test/support/clock.ts';
import { until } from '../../../../../test/support/until.ts';
import { Memory } from './memory.ts';

function exactly(bytes: number) {
  return { least: bytes, most: bytes, eager: true };
}

test('a buffer that was given back is used again for one of its size', async (t) => {
  const memory = new Memory(100, new TestClock());
  await memory.take(exactly(10), t.signal);
  const first = await memory.take(exactly(40), t.signal);
  memory.give(first);
  assert.deepEqual([memory.held, memory.kept], [10, 40]);
  assert.equal(await memory.take(exactly(40), t.signal), first);
  assert.equal((await memory.take(exactly(20), t.signal)).length, 20);
});

test('who can do with little gets more where that stands ready', async (t) => {
  const memory = new Memory(200, new TestClock());
  const modest = { least: 10, most: 40, eager: false };
  await memory.take(exactly(1), t.signal);
  assert.equal((await memory.take(modest, t.signal)).length, 10);
  const large = await memory.take(exactly(40), t.signal);
  memory.give(large);
  assert.equal(await memory.take(modest, t.signal), large);
  assert.equal((await memory.take(modest, t.signal)).length, 10);
});

test('files that stay small leave most of the memory to others', async (t) => {
  const memory = new Memory(160, new TestClock());
  const modest = { least: 5, most: 40, eager: false };
  await memory.take(exactly(5), t.signal);
  const large = [];
  for (let count = 0; count < 3; count++) large.push(await memory.take(exactly(40), t.signal));
  for (const buffer of large) memory.give(buffer);
  const early = await memory.take(modest, t.signal);
  assert.equal(early.length, 40);
  for (let count = 0; count < 7; count++) assert.equal((await memory.take(modest, t.signal)).length, 5);
  assert.equal((await memory.take(exactly(40), t.signal)).length, 40);
  assert.equal(memory.full, false);
  memory.give(early);
  assert.equal((await memory.take(modest, t.signal)).length, 40, 'as one was given back');
});

test('a buffer is waited for while an upload may make room for it', async (t) => {
  const memory = new Memory(100, new TestClock());
  await memory.take(exactly(10), t.signal);
  const uploading = await memory.take(exactly(80), t.signal);
  memory.uploadBegins(80);
  let taken: Buffer | undefined;
  const taking = memory.take({ least: 10, most: 80, eager: true }, t.signal).then((buffer) => {
    taken = buffer;
  });
  await Promise.resolve();
  assert.equal(taken, undefined);
  memory.uploadEnds(80);
  memory.give(uploading);
  await taking;
  assert.equal(taken, uploading);
});

test('memory for a third part under way is taken only where the two before it are slow', async (t) => {
  const clock = new TestClock();
  const memory = new Memory(100, clock);
  const upload = async () => {
    const part = await memory.take(exactly(10), t.signal);
    memory.uploadBegins(10);
    return part;
  };
  const parts = [await upload(), await upload()];
  const third = upload();
  await until('it waits', () => clock.sleeping === 1);
  memory.uploadEnds(10);
  memory.give(parts[0]!);
  assert.equal(await third, parts[0]);
  assert.deepEqual([memory.held, clock.sleeping], [20, 0]);
  let isTaken = false;
  const fourth = upload().then(() => {
    isTaken = true;
  });
  await until('it waits', () => clock.sleeping === 1);
  clock.advance(299);
  await Promise.resolve();
  assert.equal(isTaken, false);
  clock.advance(1);
  await fourth;
  assert.deepEqual([memory.held, clock.sleeping], [30, 0]);
});

test('what is kept is taken at once, however many parts are under way', async (t) => {
  const memory = new Memory(100, new TestClock());
  const parts: Buffer[] = [];
  for (let count = 0; count < 3; count++) parts.push(await memory.take(exactly(10), t.signal));
  memory.give(parts.pop()!);
  memory.uploadBegins(20);
  assert.equal((await memory.take(exactly(10), t.signal)).length, 10);
  // And a file that may stay small waits for nobody.
  assert.equal((await memory.take({ least: 5, most: 10, eager: false }, t.signal)).length, 5);
});

for (const [what, taken] of [
  ['slow parts', 20],
  ['room', 100],
] as const) {
  test(`who waits for ${what} is told when it is no longer wanted`, async (t) => {
    const clock = new TestClock();
    const memory = new Memory(100, clock);
    await memory.take(exactly(taken), t.signal);
    memory.uploadBegins(taken);
    const stop = new AbortController();
    const taking = memory.take(exactly(10), stop.signal);
    stop.abort();
    await assert.rejects(taking, { name: 'AbortError' });
    assert.deepEqual([memory.held, clock.sleeping], [taken, 0]);
  });
}

test('with no upload under way the least is given out beyond the bound, and commits are asked for', async (t) => {
  const memory = new Memory(100, new TestClock());
  await memory.take(exactly(95), t.signal);
  assert.equal(memory.full, false);
  assert.equal((await memory.take({ least: 10, most: 80, eager: true }, t.signal)).length, 10);
  assert.deepEqual([memory.held, memory.full], [105, true]);
});

test('nothing is kept once nothing is held', async (t) => {
  const memory = new Memory(100, new TestClock());
  memory.give(await memory.take(exactly(40), t.signal));
  assert.deepEqual([memory.held, memory.kept], [0, 0]);
});

test('what somebody may still read is never used again', async (t) => {
  const memory = new Memory(100, new TestClock());
  await memory.take(exactly(10), t.signal);
  const first = await memory.take(exactly(40), t.signal);
  memory.drop(first);
  assert.deepEqual([memory.held, memory.kept], [10, 0]);
  assert.notEqual(await memory.take(exactly(40), t.signal), first);
});

test('a buffer that is freed is gone at once, and makes room for others', async (t) => {
  const memory = new Memory(100, new TestClock());
  await memory.take(exactly(10), t.signal);
  const outgrown = await memory.take(exactly(90), t.signal);
  memory.uploadBegins(10);
  const taking = memory.take(exactly(40), t.signal);
  memory.free(outgrown);
  assert.equal(outgrown.length, 0);
  assert.equal((await taking).length, 40);
  assert.deepEqual([memory.held, memory.kept], [50, 0]);
});

test('buffers in use and buffers that are kept are together within the bound', async (t) => {
  const wanted = fc.record({ least: fc.constantFrom(10, 20), most: fc.constantFrom(20, 40), eager: fc.boolean() });
  const sizes = fc.array(fc.record({ wanted, back: fc.constantFrom('no', 'give', 'free', 'drop') }), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(sizes, async (steps) => {
      const memory = new Memory(100, new TestClock());
      const used: Buffer[] = [];
      for (const { wanted, back } of steps) {
        const last = back === 'no' ? undefined : used.pop();
        if (last && back !== 'no') memory[back](last);
        else {
          const buffer = await memory.take(wanted, t.signal);
          assert.ok(buffer.length === wanted.least || buffer.length === wanted.most);
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
