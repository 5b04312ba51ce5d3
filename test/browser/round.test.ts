import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Browser } from 'playwright-core';
import { kafkaOrSkip } from '../engines/kafka-test.ts';
import { browserTest, openPage } from '../support/browser.ts';
import { Program } from '../support/program.ts';
import { idsInFiles, idsInTable } from '../support/read-back.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const DEADLINE_MS = 30_000;
/** A name that would run, if it were ever taken for markup. */
const NAME = '<img src=x onerror=alert(1)> 김하늘';

const ROUND = 'the whole round: a person picks a colour, and the event is in both stores and on the dashboard';

browserTest(`${ROUND}, on the embedded log`, (browser, t) => round(browser, t, {}));

browserTest(`${ROUND}, on Kafka`, async (browser, t) => {
  const kafka = await kafkaOrSkip(t);
  if (kafka) await round(browser, t, { log: { kafka: { brokers: kafka.brokers } } });
});

async function round(
  browser: Browser,
  t: TestContext,
  configuration: Readonly<Record<string, unknown>>,
): Promise<void> {
  const program = await Program.start({ directory: temporaryDirectory(t), configuration });
  t.after(() => program.kill());

  const demo = await openPage(browser, t);
  demo.page.setDefaultTimeout(DEADLINE_MS);
  await demo.page.goto(program.collector);
  await demo.page.fill('#name', NAME);
  await demo.page.check('[value="crimson"]');
  await demo.page.click('.send');
  for (const step of ['sent', 'log', 'search', 'files']) {
    await demo.page.waitForSelector(`[data-step="${step}"][data-state="done"]`);
  }

  const dashboard = await openPage(browser, t);
  dashboard.page.setDefaultTimeout(DEADLINE_MS);
  await dashboard.page.goto(program.operations);
  const row = dashboard.page.locator('#results tr').first();
  await row.waitFor();
  assert.ok((await row.textContent())?.includes(NAME), 'the name stands there as text');
  await dashboard.page.locator('#breakdown').getByText('crimson').first().waitFor();
  for (const { observed } of [demo, dashboard]) {
    assert.deepEqual(observed.errors, []);
    assert.deepEqual(observed.violations, []);
    assert.deepEqual(observed.console, []);
  }

  const metrics = await (await fetch(`${program.operations}/metrics`)).text();
  assert.match(metrics, /millrace_events_accepted_total 1\n/);
  await program.hasLoaded();
  assert.equal(await program.stop(), 0);
  const [id] = idsInTable(program.data).keys();
  assert.deepEqual([...(await idsInFiles(program.data))], [[id, 1]]);
}
