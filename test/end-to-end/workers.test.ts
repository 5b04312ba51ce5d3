/** The short form of the drill `workers`. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { workersDrill } from '../../bench/drills/workers.ts';
import { orSkip } from '../engines/or-skip.ts';

const SHORT = { perSecond: 300, seconds: 20, workers: 3, partitions: 3, workerEveryMs: 5_000, changeEveryMs: 400 };

test('workers come and go while connectors are changed over REST: nothing is lost or doubled, and all agree', async (t) => {
  const result = await orSkip(t, 'Kafka', () => workersDrill(SHORT, () => {}));
  if (!result) return;
  assert.ok(result.ok, JSON.stringify(result.figures));
  assert.ok(result.figures['killed']! > 0 && result.figures['changes']! > 10, JSON.stringify(result.figures));
});
