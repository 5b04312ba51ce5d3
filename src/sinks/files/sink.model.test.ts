import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Fate } from '../../../test/support/gate.ts';
import { FATES } from '../../../test/support/gate.ts';
import type { ServerName } from '../../../test/support/sink-model.ts';
import { SERVERS, SinkModel } from '../../../test/support/sink-model.ts';

/** Two commits, of two files each. */
const RECORDS = 4;
/** One commit. */
const FEW = 2;
/** So that whoever breaks the protocol sees the same schedule fail again. */
const SEED = 20261122;

/** How many requests one loader makes, alone and without faults. */
async function requestsOfOne(server: ServerName, records: number): Promise<number> {
  const model = await SinkModel.make(server);
  const loader = await model.loader(records);
  let requests = 0;
  for (; (await loader.next()) !== undefined; requests++) await loader.step();
  model.verify(records);
  return requests;
}

for (const server of SERVERS) {
  test(`${server}: every place to stop one loader while another one loads`, async () => {
    const requests = await requestsOfOne(server, RECORDS);
    assert.ok(requests > 30, `${requests}`);
    for (let at = 0; at < requests; at++) {
      for (const fate of FATES) {
        const model = await SinkModel.make(server);
        const zombie = await model.loader(RECORDS);
        for (let i = 0; i < at; i++) await zombie.step();
        await zombie.step(fate);
        await (await model.loader(RECORDS + 1)).runToEnd();
        await zombie.runToEnd();
        model.deliver();
        await model.finish(RECORDS + 2);
        model.verify(RECORDS + 2);
      }
    }
  });

  test(`${server}: every pair of places to switch between two loaders`, async () => {
    const requests = await requestsOfOne(server, FEW);
    for (let first = 0; first < requests; first++) {
      for (let second = 1; second < requests; second++) {
        const model = await SinkModel.make(server);
        const [one, other] = [await model.loader(FEW), await model.loader(FEW)];
        for (let i = 0; i < first; i++) await one.step();
        for (let i = 0; i < second; i++) await other.step();
        await one.runToEnd();
        await other.runToEnd();
        await model.finish(FEW + 1);
        model.verify(FEW + 1);
      }
    }
  });

  test(`${server}: any schedule of three loaders with any faults`, async () => {
    const step = fc.record({
      loader: fc.nat({ max: 2 }),
      requests: fc.integer({ min: 1, max: 15 }),
      fate: fc.constantFrom<Fate>(...FATES),
      /** Of those that wait. */
      which: fc.nat({ max: 3 }),
      deliver: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const records = 7;
        const model = await SinkModel.make(server);
        const loaders = [await model.loader(records), await model.loader(records), await model.loader(records)];
        for (const { loader: index, requests, fate, which, deliver } of steps) {
          const loader = loaders[index]?.over ? await model.loader(records) : loaders[index];
          if (!loader) continue;
          loaders[index] = loader;
          for (let i = 1; i < requests; i++) await loader.step('go', which);
          await loader.step(fate, which);
          if (deliver) model.deliver();
        }
        for (const loader of loaders) await loader.runToEnd();
        model.deliver();
        await model.finish(records + 1);
        model.verify(records + 1);
      }),
      { numRuns: 300, seed: SEED },
    );
  });
}
