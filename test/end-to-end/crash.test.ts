import assert from 'node:assert/strict';
import test from 'node:test';
import { crashDrill } from '../../bench/drills/crash.ts';

test('the crash drill, its short form: kill -9 under load loses and doubles nothing acknowledged', async () => {
  const result = await crashDrill(5, () => {});
  assert.equal(result.ok, true, JSON.stringify(result));
  assert.ok(result.figures['acknowledged']! >= 500);
});
