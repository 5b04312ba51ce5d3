import assert from 'node:assert/strict';
import test from 'node:test';
import { burstDrill } from '../../bench/drills/burst.ts';

test('the burst drill, its short form: what is shed is said, what is acknowledged arrives', async () => {
  const result = await burstDrill({ steadyPerSecond: 200, factor: 10, steadySeconds: 1, burstSeconds: 3 }, () => {});
  assert.equal(result.ok, true, JSON.stringify(result));
  assert.ok(result.figures['acknowledged']! > 0);
});
