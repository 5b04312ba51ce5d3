import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { Observed } from '../support/browser.ts';
import { browserTest, openPage } from '../support/browser.ts';
import type { DemoSite, FakeCollector } from '../support/demo-site.ts';
import { demoSite } from '../support/demo-site.ts';
import { until } from '../support/until.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * A page that waited for its collector would hold the main thread for as long as the collector
 * hangs, seconds; a busy machine alone stretches an honest task to some hundred milliseconds.
 */
const BLOCKED_MS = 1_000;

function reply(response: ServerResponse, status: number, headers = {}, body = ''): void {
  response.writeHead(status, headers).end(body);
}

/** Takes every event; the event is in one place more each time it is asked for. */
function healthy(): FakeCollector {
  let asked = 0;
  return (request, response) => {
    if (request.method === 'POST') return reply(response, 204);
    asked++;
    const progress = { log: asked > 1, files: asked > 3, search: asked > 2 };
    reply(response, 200, { 'content-type': 'application/json' }, JSON.stringify(progress));
  };
}

interface Visit {
  readonly page: Page;
  readonly site: DemoSite;
  readonly observed: Observed;
}

async function visit(
  browser: Browser,
  t: TestContext,
  collector: FakeCollector,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const site = await demoSite(t, collector);
  const { page, observed } = await openPage(browser, t, options);
  await page.goto(site.url);
  return { page, site, observed };
}

async function choose(page: Page, name: string, colour: string): Promise<void> {
  await page.fill('#name', name);
  await page.check(`[value="${colour}"]`);
  await page.click('.send');
}

const states = (page: Page) =>
  page.$$eval('[data-step]', (steps) =>
    Object.fromEntries(steps.map((step) => [step.getAttribute('data-step'), step.getAttribute('data-state')])),
  );

/** Nothing uncaught, nothing blocked, no word of ours; the browser's own about failed requests are allowed. */
function assertQuiet(observed: Observed): void {
  assert.deepEqual(observed.errors, []);
  assert.deepEqual(observed.violations, []);
  assert.deepEqual(
    observed.console.filter((line) => !line.startsWith('error: Failed to load resource')),
    [],
  );
}

/** The page still answers its visitor: another language, another colour, another answer. */
async function assertUsable({ page, observed }: Visit): Promise<void> {
  await page.click('[data-language="ko"]');
  assert.equal(await page.textContent('h1'), '어떤 색을 가장 좋아하세요?');
  await choose(page, '둘째', 'gold');
  assert.equal(await page.textContent('#thanks'), '둘째 님, 고맙습니다. 고른 색은 금색!');
  const blocked = (await observed.longTasks()).filter((ms) => ms >= BLOCKED_MS);
  assert.deepEqual(blocked, []);
  assertQuiet(observed);
}

browserTest('an event is sent and followed to every place', async (browser, t) => {
  const { page, site, observed } = await visit(browser, t, healthy());
  await choose(page, 'Ada', 'crimson');
  await until('it is everywhere', async () => Object.values(await states(page)).every((state) => state === 'done'));

  assert.equal(site.events.length, 1);
  const [event] = site.events;
  assert.match(String(event?.['id']), UUID);
  assert.ok(
    !Number.isNaN(Date.parse(String(event?.['timestamp']))) && !Number.isNaN(Date.parse(String(event?.['sentAt']))),
  );
  const { id: _id, timestamp: _timestamp, sentAt: _sentAt, ...rest } = event ?? {};
  assert.deepEqual(rest, { type: 'select-color', userName: 'Ada', colorName: 'crimson', page: '/' });
  assert.equal(await page.textContent('#thanks'), 'Thank you, Ada. Crimson it is!');
  assert.match((await page.textContent('[data-step="files"] time')) ?? '', /^\d+\.\d\d sec$/);
  assert.deepEqual(observed.console, []);
  assertQuiet(observed);
});

browserTest('a browser without randomUUID sends a proper id all the same', async (browser, t) => {
  const site = await demoSite(t, healthy());
  const { page } = await openPage(browser, t);
  await page.addInitScript(() => Object.defineProperty(crypto, 'randomUUID', { value: undefined }));
  await page.goto(site.url);
  await choose(page, 'Ada', 'crimson');
  await until('the event has come', () => site.events.length > 0);
  assert.match(String(site.events[0]?.['id']), UUID);
});

browserTest("the page speaks the browser's language, and remembers another choice", async (browser, t) => {
  const { page } = await visit(browser, t, healthy(), { locale: 'ko-KR' });
  assert.equal(await page.getAttribute('html', 'lang'), 'ko');
  assert.equal(await page.title(), '어떤 색을 가장 좋아하세요?');
  assert.equal(await page.getByRole('radio', { name: '진홍' }).count(), 1);
  await page.click('[data-language="en"]');
  await page.reload();
  assert.equal(await page.getAttribute('html', 'lang'), 'en');
  assert.equal(await page.getByRole('radio', { name: 'Crimson' }).count(), 1);
});

browserTest('the keyboard alone is enough', async (browser, t) => {
  const { page, site } = await visit(browser, t, healthy());
  for (let presses = 0; presses < 10; presses++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement?.id === 'name')) break;
  }
  await page.keyboard.type('Grace');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await until('the event has come', () => site.events.length > 0);
  assert.equal(site.events[0]?.['userName'], 'Grace');
  assert.equal(site.events[0]?.['colorName'], 'orange');
});

browserTest('any CSS name or hex colour may be chosen, and nothing else', async (browser, t) => {
  const { page, site } = await visit(browser, t, healthy());
  await page.fill('#name', 'Ada');
  for (const wrong of ['nosuchcolour', 'inherit', 'url(x)', '#12345', 'red;x']) {
    await page.fill('#own', wrong);
    await page.click('.send');
    assert.match((await page.textContent('#own-fault')) ?? '', /such as teal/, wrong);
  }
  for (const right of ['teal', '#abc', '#12AB9f']) {
    const before = site.events.length;
    await page.fill('#own', right);
    await page.click('.send');
    await until('the event has come', () => site.events.length > before);
    assert.equal(site.events.at(-1)?.['colorName'], right);
    assert.equal(await page.textContent('#own-fault'), '');
  }
  assert.equal(site.events.length, 3);
});

browserTest('hostile names are text', async (browser, t) => {
  const { page, site, observed } = await visit(browser, t, healthy());
  for (const name of ['<img src=x onerror=alert(1)>', '\u202Eevil\u202D', '{colour}', '"><script>alert(1)</script>']) {
    const before = site.events.length;
    await choose(page, name, 'gold');
    await until('the event has come', () => site.events.length > before);
    assert.equal(site.events.at(-1)?.['userName'], name);
    assert.equal(await page.textContent('#thanks'), `Thank you, ${name}. Gold it is!`);
    assert.equal(await page.locator('#thanks :not(bdi)').count(), 0);
  }
  await page.evaluate(() => {
    (document.querySelector('#name') as HTMLInputElement).value = 'x'.repeat(10_000);
  });
  await page.click('.send');
  const overflows = await page.evaluate(
    () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
  );
  assert.equal(overflows, false);
  assertQuiet(observed);
});

browserTest('a server that tells no progress is not asked again', async (browser, t) => {
  let asked = 0;
  const { page, observed } = await visit(browser, t, (request, response) => {
    if (request.method === 'POST') return reply(response, 204);
    asked++;
    reply(response, 404);
  });
  await choose(page, 'Ada', 'crimson');
  await page.locator('[data-step="log"]').waitFor({ state: 'hidden' });
  assert.equal((await states(page))['sent'], 'done');
  assert.equal(asked, 1);
  assertQuiet(observed);
});

browserTest('a full collector is asked again with the same id, and not before it said', async (browser, t) => {
  const times: number[] = [];
  const { page, site, observed } = await visit(browser, t, (request, response) => {
    if (request.method !== 'POST') return reply(response, 404);
    times.push(performance.now());
    if (times.length < 3) return reply(response, 503, { 'retry-after': '1' }, '{"error":{"code":"FULL"}}');
    reply(response, 204);
  });
  await choose(page, 'Ada', 'crimson');
  await until('it is sent', async () => (await states(page))['sent'] === 'done');
  assert.equal(site.events.length, 3);
  assert.equal(new Set(site.events.map((event) => event['id'])).size, 1);
  assert.equal(new Set(site.events.map((event) => event['timestamp'])).size, 1);
  // Timers may fire a hair early; a client that ignores Retry-After comes back in half the time.
  assert.ok(
    times.every((time, index) => index === 0 || time - (times[index - 1] ?? 0) >= 950),
    String(times),
  );
  assertQuiet(observed);
});

browserTest('an event that is refused for good is not sent again', async (browser, t) => {
  const site = await visit(browser, t, (_request, response) => reply(response, 400, {}, '{"error":{"code":"BAD"}}'));
  await choose(site.page, 'Ada', 'crimson');
  await site.page.locator('#journey').waitFor({ state: 'hidden' });
  assert.equal(site.site.requests, 1);
  await assertUsable(site);
});

browserTest('with a collector that answers 503 for ever the page works on', async (browser, t) => {
  const full = await visit(browser, t, (_request, response) => reply(response, 503));
  await choose(full.page, 'Ada', 'crimson');
  await until('it tried more than once', () => full.site.requests >= 2);
  await assertUsable(full);
});

browserTest('with a collector that is dead the page works on', async (browser, t) => {
  const dead = await visit(browser, t, (request) => request.socket.destroy());
  await choose(dead.page, 'Ada', 'crimson');
  await until('it tried more than once', () => dead.site.requests >= 2);
  await assertUsable(dead);
});

browserTest('with a collector that nothing listens for any more the page works on', async (browser, t) => {
  let refused = 0;
  const gone = await visit(browser, t, healthy());
  // The browser itself refuses, as it does for a closed port: the page's own server must stay for the page.
  await gone.page.route('**/v1/**', (route) => {
    refused++;
    return route.abort('connectionrefused');
  });
  await choose(gone.page, 'Ada', 'crimson');
  await until('it tried more than once', () => refused >= 2);
  assert.equal(gone.site.requests, 0);
  await assertUsable(gone);
});

browserTest('with a collector that takes requests and never answers the page works on', async (browser, t) => {
  const frozen = await visit(browser, t, () => {});
  await choose(frozen.page, 'Ada', 'crimson');
  await until('the frozen collector got the event', () => frozen.site.events.length === 1);
  await assertUsable(frozen);
  const ofAda = () => frozen.site.events.filter(({ userName }) => userName === 'Ada');
  await until('the request was given up and sent again', () => ofAda().length >= 3);
  assert.equal(new Set(ofAda().map(({ id }) => id)).size, 1);
  // Requests that hang must not use up the browser's six connections to the host.
  await frozen.page.reload({ timeout: 2_000 });
  assertQuiet(frozen.observed);
});

browserTest('with requests that vanish the page works on', async (browser, t) => {
  let vanished = 0;
  const hole = await visit(browser, t, healthy());
  await hole.page.route('**/v1/**', () => {
    vanished++;
  });
  await choose(hole.page, 'Ada', 'crimson');
  await until('the request is in the hole', () => vanished === 1);
  await assertUsable(hole);
  assert.equal(hole.site.requests, 0);
});

browserTest('a visitor who clicks and clicks holds only so many requests open', async (browser, t) => {
  const frozen = await visit(browser, t, () => {});
  await choose(frozen.page, 'Ada', 'crimson');
  await frozen.page.evaluate(() => {
    for (let clicks = 0; clicks < 50; clicks++) document.querySelector<HTMLButtonElement>('.send')?.click();
  });
  await frozen.page.locator('#journey').waitFor({ state: 'hidden' });
  await until('the requests have come', () => frozen.site.requests >= 3);
  assert.equal(frozen.site.requests, 3);
  await frozen.page.reload({ timeout: 2_000 });
  assertQuiet(frozen.observed);
});

browserTest('an answer that comes late is shown when it comes', async (browser, t) => {
  const waiting: ServerResponse[] = [];
  const { page, observed } = await visit(browser, t, (request, response) => {
    if (request.method !== 'POST') return reply(response, 404);
    waiting.push(response);
  });
  await choose(page, 'Ada', 'crimson');
  const [held] = await until('the event has come', () => (waiting.length > 0 ? waiting : undefined));
  assert.equal((await states(page))['sent'], 'waiting');
  if (held) reply(held, 204);
  await until('it is sent', async () => (await states(page))['sent'] === 'done');
  assertQuiet(observed);
});
