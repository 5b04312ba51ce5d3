import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ChainModel } from '../../../test/support/chain-model.ts';
import type { Fate } from '../../../test/support/gate.ts';
import { FATES } from '../../../test/support/gate.ts';

/** Two commits, the first one of two files. */
const RECORDS = 4;
/** So that whoever breaks the protocol sees the same schedule fail again. */
const SEED = 20261122;

/** How many calls of the store one writer makes, alone and without faults. */
async function callsOfOne(): Promise<number> {
  const writer = new ChainModel({ manifestsKept: 1 }).writer(RECORDS);
  let calls = 0;
  for (; (await writer.next()) !== undefined; calls++) await writer.step();
  return calls;
}

test('every place to stop one writer while another one loads', async () => {
  const calls = await callsOfOne();
  assert.ok(calls > 15);
  for (const manifestsKept of [1, 100]) {
    for (let at = 0; at < calls; at++) {
      for (const fate of FATES) {
        const model = new ChainModel({ manifestsKept });
        const zombie = model.writer(RECORDS);
        for (let i = 0; i < at; i++) await zombie.step();
        await zombie.step(fate);
        await model.writer(RECORDS + 1).runToEnd();
        await zombie.runToEnd();
        model.deliver();
        await model.finish(RECORDS + 2);
        model.verify(RECORDS + 2);
      }
    }
  }
});

test('every pair of places to switch between two writers', async () => {
  const calls = await callsOfOne();
  for (let first = 0; first < calls; first++) {
    for (let second = 1; second < calls; second++) {
      const model = new ChainModel({ manifestsKept: 1 });
      const [one, other] = [model.writer(RECORDS), model.writer(RECORDS)];
      for (let i = 0; i < first; i++) await one.step();
      for (let i = 0; i < second; i++) await other.step();
      await one.runToEnd();
      await other.runToEnd();
      await model.finish(RECORDS + 1);
      model.verify(RECORDS + 1);
    }
  }
});

test('any schedule of three writers with any faults', async () => {
  const step = fc.record({
    writer: fc.nat({ max: 2 }),
    calls: fc.integer({ min: 1, max: 12 }),
    fate: fc.constantFrom<Fate>(...FATES),
    deliver: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.constantFrom(1, 2, 100), async (steps, manifestsKept) => {
      const model = new ChainModel({ manifestsKept });
      const records = 8;
      const writers = [model.writer(records), model.writer(records), model.writer(records)];
      for (const { writer: index, calls, fate, deliver } of steps) {
        const writer = writers[index]?.over ? model.writer(records) : writers[index];
        if (!writer) continue;
        writers[index] = writer;
        for (let i = 1; i < calls; i++) await writer.step();
        await writer.step(fate);
        if (deliver) model.deliver();
      }
      for (const writer of writers) await writer.runToEnd();
      model.deliver();
      await model.finish(records + 1);
      model.verify(records + 1);
    }),
    { numRuns: 500, seed: SEED },
  );
});
