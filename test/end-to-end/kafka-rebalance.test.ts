import assert from 'node:assert/strict';
import test from 'node:test';
import { rebalanceDrill } from '../../bench/drills/rebalance.ts';
import { orSkip } from '../engines/or-skip.ts';

test('the rebalance drill, its short form: loaders come and go, each record stands in each store once', async (t) => {
  const options = { perSecond: 500, seconds: 12, loaders: 3, partitions: 4, changeEveryMs: 3_000 };
  const result = await orSkip(t, 'Kafka', () =>
    rebalanceDrill({ ...options, mostStall: Number.POSITIVE_INFINITY }, () => {}),
  );
  if (!result) return;
  assert.equal(result.ok, true, JSON.stringify(result));
  assert.ok(result.figures['changes']! >= 2);
});
