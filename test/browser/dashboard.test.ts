import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { OperationsConfig } from '../../src/operations/config.ts';
import { createOperationsServer } from '../../src/operations/server.ts';
import type { StoredEvent } from '../../src/sinks/event-query.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import type { Observed } from '../support/browser.ts';
import { browserTest, openPage } from '../support/browser.ts';
import { connectorNamed, FakeOperations, statusAt } from '../support/operations.ts';
import { until } from '../support/until.ts';

const TOKEN = 'a-token-of-some-length';
const DEADLINE_MS = 20_000;

interface Visit {
  readonly page: Page;
  readonly operations: FakeOperations;
  readonly observed: Observed;
}

interface Setting {
  readonly config?: Partial<OperationsConfig>;
  readonly context?: BrowserContextOptions;
  readonly prepare?: (operations: FakeOperations) => void;
}

/** The dashboard of a program that loads ten more records each time it is asked. */
async function visit(browser: Browser, t: TestContext, { config, context, prepare }: Setting = {}): Promise<Visit> {
  const operations = new FakeOperations();
  const startedAt = Date.now() - 3_600_000;
  let loaded = 90;
  operations.readStatus = async () => {
    loaded += 10;
    const current = operations.current;
    const connectors = current.connectors.map((one) => ({ ...one, loaded: one.loaded + loaded }));
    const { accounting } = current;
    const counted = { ...accounting, accepted: accounting.accepted + loaded, delivered: accounting.delivered + loaded };
    return { ...current, now: Date.now(), startedAt, accounting: counted, connectors };
  };
  prepare?.(operations);
  const server = createOperationsServer({
    config: { listen: '127.0.0.1:0', token: undefined, hosts: [], ...config },
    operations,
    logger: silentLogger,
    clock: systemClock,
  });
  t.after(() => server.close());
  const { url } = await server.listen();
  const { page, observed } = await openPage(browser, t, context);
  page.setDefaultTimeout(DEADLINE_MS);
  await page.goto(url);
  return { page, operations, observed };
}

function assertQuiet(observed: Observed): void {
  assert.deepEqual(observed.errors, []);
  assert.deepEqual(observed.violations, []);
  assert.deepEqual(observed.console, []);
}

function event(id: string, colorName: string, more: object = {}): StoredEvent {
  return { id, type: 'select-color', timestamp: new Date(Date.now() - 60_000).toISOString(), colorName, ...more };
}

const texts = (page: Page, selector: string) => page.locator(selector).allTextContents();
const isLive = (page: Page) => page.waitForSelector('#connection[data-state=live]');

browserTest('the dashboard shows what flows, live, without a word on the console', async (browser, t) => {
  const { page, operations, observed } = await visit(browser, t, {
    prepare: (operations) => {
      operations.events = [event('1', 'red', { userName: 'Kim' }), event('2', 'red'), event('3', 'blue')];
    },
  });
  await isLive(page);
  await until('rates are shown', async () => /^[1-9]\d*\/s$/.test((await texts(page, '.tile .value'))[0] ?? ''));
  assert.equal(await page.locator('.chart canvas').count(), 3, 'two plots and the histogram');
  assert.equal(await page.locator('#results tr').count(), 3);
  assert.match((await texts(page, '#breakdown li')).join(), /^red2,blue1$/);
  const swatches = await page
    .locator('#results .swatch')
    .evaluateAll((all) => all.map((one) => getComputedStyle(one).backgroundColor));
  assert.deepEqual(swatches.sort(), ['rgb(0, 0, 255)', 'rgb(255, 0, 0)', 'rgb(255, 0, 0)']);

  operations.events.push(event('4', 'green'));
  await page.waitForSelector('[data-event="4"]');
  operations.current = statusAt(Date.now(), {
    connectors: [
      connectorNamed('files', {
        state: 'FAILED',
        lastError: { code: 'SINK_BROKEN', message: 'no room', at: Date.now() },
      }),
    ],
  });
  await page.waitForSelector('[data-state=FAILED]');
  assert.match((await texts(page, '[data-connector=files]')).join(), /SINK_BROKEN no room/);
  assertQuiet(observed);
});

browserTest('events are found by type, text and field', async (browser, t) => {
  const { page, observed } = await visit(browser, t, {
    prepare: (operations) => {
      operations.events = [
        event('1', 'red', { userName: 'Kim' }),
        event('2', 'blue', { userName: 'Lee' }),
        event('3', 'blue'),
      ];
    },
  });
  await page.waitForSelector('[data-event="1"]');
  await page.fill('[name=text]', 'Lee');
  await page.press('[name=text]', 'Enter');
  await until('one is left', async () => (await page.locator('#results tr').count()) === 1);
  await page.fill('[name=text]', '');
  await page.fill('[name=condition]', 'colorName=blue');
  await page.click('#search button[type=submit]');
  await until('two are left', async () => (await page.locator('#results tr').count()) === 2);
  await page.click('#conditions button');
  await until('all are back', async () => (await page.locator('#results tr').count()) === 3);
  await page.click('#breakdown li:has-text("red") button');
  await until('the red one is left', async () =>
    (await texts(page, '#results tr')).every((row) => row.includes('Kim')),
  );
  await page.fill('[name=type]', 'nothing-like-it');
  await page.press('[name=type]', 'Enter');
  await until('the page says so', async () => (await texts(page, '#search-message')).join() === 'No event matches.');
  assertQuiet(observed);
});

browserTest('what a visitor sent is only ever text', async (browser, t) => {
  const long = 'x'.repeat(10_000);
  const names = [
    '<img src=x onerror="window.hacked=1">',
    '\u202Egnp.exe\u202C',
    long,
    '"><script>hacked=1</script>',
    '</bdi>\u2067',
  ];
  // Each older than the one before, so that rows stand in this order whenever the clock ticks.
  const newest = Date.now() - 60_000;
  const { page, observed } = await visit(browser, t, {
    prepare: (operations) => {
      operations.events = names.map((name, index) =>
        event(`e${index}`, index === 0 ? 'red;background-image:url(http://127.0.0.1:1/)' : name, {
          timestamp: new Date(newest - index * 1_000).toISOString(),
          userName: name,
          [name.slice(0, 200)]: name,
        }),
      );
      operations.letters = names.map((name, index) => ({
        id: `millrace-dead-letters-0-${index}`,
        refusedBy: 'collector',
        code: 'EVENT_INVALID',
        reason: name,
        at: Date.now(),
        payload: name,
      }));
    },
  });
  await page.waitForSelector('[data-event=e0]');
  await page.waitForSelector('[data-letter="millrace-dead-letters-0-0"]');
  assert.equal(
    await page.locator('#results img, #results script, #letters img, #letters script, #breakdown img').count(),
    0,
  );
  assert.equal(await page.locator('#results .swatch').count(), 0, 'no value that is no colour becomes a style');
  assert.equal(await page.evaluate(() => 'hacked' in window), false);
  assert.ok((await texts(page, '#results .foreign')).includes(names[0] as string));
  assert.ok((await texts(page, '#results .foreign')).every((text) => text.length <= 201));
  const isolated = await page
    .locator('#results .foreign')
    .evaluateAll((all) => all.map((one) => getComputedStyle(one).unicodeBidi));
  assert.ok(isolated.every((value) => value === 'isolate'));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
  assert.ok(wide, 'no value widens the page');

  await page.click('[data-event=e2] button');
  assert.ok((await texts(page, '#details dd')).includes(long), 'the details show all of it');
  await page.keyboard.press('Escape');
  const offered = await page
    .locator('#breakdown button')
    .evaluateAll((all) =>
      all.map((one) => [(one.textContent ?? '').includes('xxx'), (one as HTMLButtonElement).disabled]),
    );
  assert.ok(offered.some(([tooLong]) => tooLong));
  assert.ok(
    offered.every(([tooLong, disabled]) => tooLong === disabled),
    'what can not be asked is not offered',
  );
  await page.click('#breakdown li:nth-child(2) button');
  await until('the condition stands there', async () => (await page.locator('#conditions li').count()) === 1);
  assertQuiet(observed);
});

browserTest('connectors are steered and dead letters replayed from the page', async (browser, t) => {
  const letter = { code: 'C', reason: 'why', at: Date.now(), payload: '{}', refusedBy: 'files' };
  const { page, operations, observed } = await visit(browser, t, {
    prepare: (operations) => {
      operations.letters = [1, 2, 3].map((offset) => ({ ...letter, id: `millrace-dead-letters-files-0-${offset}` }));
    },
  });
  await page.click('[data-connector=files] [data-action=pause]');
  await page.waitForSelector('[data-connector=files] [data-state=PAUSED]');
  await page.click('[data-connector=files] [data-action=resume]');
  await page.waitForSelector('[data-connector=files] [data-state=RUNNING]');
  await page.click('[data-letter="millrace-dead-letters-files-0-2"] button:has-text("Replay")');
  await until('one is gone', async () => (await page.locator('#letters tr').count()) === 2);
  await page.selectOption('#letters-by', 'files');
  await page.click('#letters-replay');
  await until('all are gone', async () => (await texts(page, '#letters-message')).join() === '2 replayed.');
  assert.deepEqual(operations.asked, [
    'pause files',
    'resume files',
    'replay files millrace-dead-letters-files-0-2',
    'replay files all',
  ]);
  assertQuiet(observed);
});

browserTest('dead letters are looked for and dropped from the page', async (browser, t) => {
  const letter = { code: 'C', reason: 'why', at: Date.now(), payload: '{}', refusedBy: 'files' };
  const { page, operations, observed } = await visit(browser, t, {
    prepare: (operations) => {
      operations.letters = [1, 2, 3].map((offset) => ({ ...letter, id: `millrace-dead-letters-files-0-${offset}` }));
    },
  });
  await until('they are there', async () => (await page.locator('#letters tr').count()) === 3);
  await page.fill('#letters-text', '한글 "a"');
  await page.press('#letters-text', 'Enter');
  await until('they are looked for', () => operations.asked.includes('list {"text":"한글 \\"a\\""}'));
  assert.equal(await page.isHidden('#letters-purge'), true, 'nothing is dropped of everyone at once');
  await page.selectOption('#letters-by', 'files');
  page.once('dialog', (dialog) => void dialog.dismiss());
  await page.click('#letters-purge');
  assert.equal(operations.letters.length, 3);
  page.once('dialog', (dialog) => void dialog.accept());
  await page.click('#letters-purge');
  await until('all are gone', async () => (await texts(page, '#letters-message')).join() === '3 dropped.');
  assert.equal(operations.asked.at(-2), 'purge {"refusedBy":"files"}');
  assertQuiet(observed);
});

browserTest('the page speaks the language of its browser, and another one when asked', async (browser, t) => {
  const { page, observed } = await visit(browser, t, { context: { locale: 'ko-KR' } });
  await isLive(page);
  assert.deepEqual(await texts(page, '#connection'), ['실시간']);
  assert.equal(await page.getAttribute('html', 'lang'), 'ko');
  await page.selectOption('#language', 'en');
  assert.deepEqual(await texts(page, '#events-title'), ['Events']);
  await page.reload();
  await isLive(page);
  assert.deepEqual(await texts(page, '#connection'), ['Live']);
  assertQuiet(observed);
});

browserTest('a token is asked for once, and again when it was wrong', async (browser, t) => {
  const { page, observed } = await visit(browser, t, { config: { token: TOKEN } });
  await page.waitForSelector('#token-dialog[open]');
  await page.fill('[name=token]', 'wrong');
  await page.press('[name=token]', 'Enter');
  await until('it asks again', async () => (await page.inputValue('[name=token]')) === '');
  await page.waitForSelector('#token-dialog[open]');
  await page.fill('[name=token]', TOKEN);
  await page.press('[name=token]', 'Enter');
  await isLive(page);
  assert.deepEqual(observed.errors, []);
  assert.deepEqual(observed.violations, []);
});
