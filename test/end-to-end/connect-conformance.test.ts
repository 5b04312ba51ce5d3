/** The same calls to this API and to a real Kafka Connect: the drill, whole. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { run } from '../../bench/drills/connect-conformance.ts';
import { orSkip } from '../engines/or-skip.ts';

test('the API answers as Kafka Connect does', async (t) => {
  const lines: string[] = [];
  const result = await orSkip(t, 'Kafka Connect', () => run((line) => void lines.push(line)));
  if (!result) return;
  assert.ok(result.ok, `${JSON.stringify(result)}\n${lines.filter((line) => line.includes('differs at')).join('\n')}`);
});
