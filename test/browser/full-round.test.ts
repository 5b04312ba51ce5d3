/** The mission in one test, with nothing embedded: Chromium, a collector, Kafka, and a loader into HDFS and Elasticsearch. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Browser } from 'playwright-core';
import type { Hdfs } from '../engines/hdfs.ts';
import { hdfsOrSkip } from '../engines/hdfs-test.ts';
import { kafkaOrSkip } from '../engines/kafka-test.ts';
import type { SearchNode } from '../engines/search-node.ts';
import { documentsOf, searchNodeOrSkip } from '../engines/search-test.ts';
import { browserTest, openPage } from '../support/browser.ts';
import { Program } from '../support/program.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const DEADLINE_MS = 60_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NAME = '<img src=x onerror=alert(1)> 김하늘';
const ROOT = '/round';
const INDICES = 'round-*';

interface StoredEvent {
  readonly id: string;
  readonly timestamp: string;
  readonly userName: string;
  readonly colorName: string;
  readonly userAgent: string;
}

/** Times in milliseconds; the second one is no longer part of it. */
type Range = readonly [from: number, to: number];

browserTest(
  'a person picks a colour, and the event is found by its time in HDFS, in Elasticsearch and on the dashboard',
  async (browser, t) => {
    const kafka = await kafkaOrSkip(t);
    const hdfs = kafka && (await hdfsOrSkip(t));
    const elasticsearch = hdfs && (await searchNodeOrSkip(t, 'elasticsearch9'));
    if (!elasticsearch) return;
    const log = { kafka: { brokers: kafka.brokers } };
    const store = { hdfs: { namenodes: [hdfs.url], user: hdfs.user, path: ROOT } };
    const connectors = {
      files: { files: { store, roll: { age: '200ms' } } },
      search: {
        search: { elasticsearch: { nodes: [elasticsearch.url] }, index: 'round-{yyyy.MM.dd}', delay: '100ms' },
      },
    };
    const directory = temporaryDirectory(t);
    const collecting = { log, collector: { demo: true } };
    await using collect = await Program.start({ directory, configuration: collecting, command: 'collect' });
    await using load = await Program.start({ directory, configuration: { log, connectors }, command: 'load' });

    const before = Date.now();
    await pickAColour(browser, t, collect.collector);
    const after = Date.now() + 1;

    const inSearch = await until('Elasticsearch has it', async () => {
      const found = await findInElasticsearch(elasticsearch, [before, after]);
      return found.length > 0 && found;
    });
    await load.hasLoaded(['files'], collect);
    const inHdfs = await findInHdfs(hdfs, [before, after]);
    assert.equal(inSearch.length, 1);
    assert.equal(inHdfs.length, 1);
    const [event] = inHdfs;
    // There it has what searching needs besides.
    assert.deepEqual({ ...inSearch[0], ...event }, inSearch[0]);
    assert.equal(event?.userName, NAME);
    assert.equal(event.colorName, 'crimson');
    assert.match(event.userAgent, /Chrome/);
    assert.deepEqual(await findOnDashboard(load, [before, after]), [event.id]);

    const earlier: Range = [before - 2 * HOUR_MS, before];
    assert.deepEqual(await findInElasticsearch(elasticsearch, earlier), []);
    assert.deepEqual(await findInHdfs(hdfs, earlier), []);
    assert.deepEqual(await findOnDashboard(load, earlier), []);
    for (const program of [collect, load]) assert.equal(await program.stop(), 0);
  },
);

async function pickAColour(browser: Browser, t: TestContext, url: string): Promise<void> {
  const { page, observed } = await openPage(browser, t);
  page.setDefaultTimeout(DEADLINE_MS);
  await page.goto(url);
  await page.fill('#name', NAME);
  await page.check('[value="crimson"]');
  await page.click('.send');
  await page.waitForSelector('[data-step="sent"][data-state="done"]');
  assert.deepEqual(observed.errors, []);
  assert.deepEqual(observed.violations, []);
}

/** As anyone would ask it, by no code of ours. */
async function findInElasticsearch(node: SearchNode, [from, to]: Range): Promise<StoredEvent[]> {
  const range = { timestamp: { gte: new Date(from).toISOString(), lt: new Date(to).toISOString() } };
  const found = await documentsOf(node, INDICES, { range });
  return found.map(({ _source }) => _source as unknown as StoredEvent);
}

/** Reads only the hours that it is about, by Hadoop's own client. */
async function findInHdfs(hdfs: Hdfs, [from, to]: Range): Promise<StoredEvent[]> {
  const folders = (await hdfs.shell('-find', ROOT, '-name', 'hour=*')).split('\n');
  const events: StoredEvent[] = [];
  for (let hour = Math.floor(from / HOUR_MS) * HOUR_MS; hour < to; hour += HOUR_MS) {
    const [date, time] = new Date(hour).toISOString().split('T');
    const folder = `${ROOT}/type=select-color/date=${date}/hour=${time?.slice(0, 2)}`;
    if (!folders.includes(folder)) continue;
    const lines = (await hdfs.shell('-cat', `${folder}/*`)).trimEnd().split('\n');
    events.push(...lines.map((line) => JSON.parse(line) as StoredEvent));
  }
  return events.filter(({ timestamp }) => Date.parse(timestamp) >= from && Date.parse(timestamp) < to);
}

async function findOnDashboard({ operations }: Program, [from, to]: Range): Promise<string[]> {
  const words = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString() });
  const answer = await fetch(`${operations}/api/events?${words}`);
  assert.ok(answer.ok, String(answer.status));
  return ((await answer.json()) as { events: StoredEvent[] }).events.map(({ id }) => id);
}
