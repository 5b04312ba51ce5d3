import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { takingPart } from './taking-part.ts';

const workers = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 12 });

test('as many as may take part do, and all choose the same, whatever the order they know each other in', () => {
  fc.assert(
    fc.property(fc.uuid(), workers, fc.integer({ min: 1, max: 14 }), (connector, workers, most) => {
      const chosen = takingPart(connector, workers, most);
      assert.equal(chosen.length, Math.min(most, workers.length));
      assert.ok(chosen.every((worker) => workers.includes(worker)));
      assert.deepEqual(takingPart(connector, workers.toReversed(), most), chosen);
    }),
  );
});

test('one that goes is replaced, and nobody else moves', () => {
  fc.assert(
    fc.property(fc.uuid(), workers, fc.integer({ min: 1, max: 6 }), fc.nat(), (connector, workers, most, at) => {
      const gone = workers[at % workers.length]!;
      const before = takingPart(connector, workers, most);
      const after = takingPart(
        connector,
        workers.filter((worker) => worker !== gone),
        most,
      );
      for (const worker of before) assert.ok(worker === gone || after.includes(worker));
    }),
  );
});
