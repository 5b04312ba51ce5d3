import assert from 'node:assert/strict';
import test from 'node:test';
import type { Scenario } from '../../bench/drills/outage/scenarios.ts';
import { outageDrill } from '../../bench/drills/outage.ts';
import { orSkip } from '../engines/or-skip.ts';

/** How long the log is away: longer than the collector waits before it spools, and than a client waits for delivery. */
const OUTAGE_SECONDS = 5;
const OPTIONS = { perSecond: 500, beforeSeconds: 2, deliveryTimeoutSeconds: 2, judgeSpeed: false };

const scenarios: readonly Scenario[] = [
  { name: 'received', policy: 'steady', acknowledge: 'received', fault: 'killed', outageSeconds: OUTAGE_SECONDS },
  {
    name: 'received_crash',
    policy: 'steady',
    acknowledge: 'received',
    fault: 'frozen',
    outageSeconds: OUTAGE_SECONDS,
    killsCollector: true,
  },
  {
    name: 'spooled_crash',
    policy: 'durable',
    acknowledge: 'spooled',
    fault: 'away_at_start',
    outageSeconds: OUTAGE_SECONDS,
    killsCollector: true,
  },
  { name: 'delivered', policy: 'durable', acknowledge: 'delivered', fault: 'killed', outageSeconds: OUTAGE_SECONDS },
];

for (const scenario of scenarios) {
  const { name, acknowledge, fault, killsCollector } = scenario;
  const killed = killsCollector ? ', and the collector killed' : '';
  test(`the outage drill, its short form: ${acknowledge}, the log ${fault}${killed}: ${name}`, async (t) => {
    const result = await orSkip(t, 'Kafka', () => outageDrill({ ...OPTIONS, scenarios: [scenario] }, () => {}));
    if (!result) return;
    assert.equal(result.ok, true, JSON.stringify(result));
    assert.ok(result.figures['acknowledged']! > 0);
  });
}
