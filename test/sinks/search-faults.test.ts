/** What goes wrong in real Elasticsearch and OpenSearch, and on the way to them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { LogRecord } from '../../src/log/log.ts';
import type { SearchConfig } from '../../src/sinks/search/config.ts';
import { IndexNames } from '../../src/sinks/search/index-name.ts';
import { SearchSink } from '../../src/sinks/search/sink.ts';
import type { PartitionWriter } from '../../src/sinks/sink.ts';
import type { Clock } from '../../src/support/clock.ts';
import { systemClock } from '../../src/support/clock.ts';
import { MillraceError } from '../../src/support/errors.ts';
import { FaultProxy } from '../engines/proxy.ts';
import type { SearchNode } from '../engines/search-node.ts';
import {
  ALL_SEARCH_ENGINES,
  documentsOf,
  SEARCH_ENGINES,
  searchClusterOrSkip,
  searchConfigFor,
  searchNodeOrSkip,
  searchTest,
} from '../engines/search-test.ts';
import { TestClock } from '../support/clock.ts';
import { FakeDeadLetters, fakeSinkContext } from '../support/fake-sink-context.ts';
import { recordAt, START } from '../support/records.ts';
import { until } from '../support/until.ts';

const { signal } = new AbortController();
/** Longer than any wait between two tries. */
const WAIT_MS = 5_000;
/** A node that looks at its disk, as often as it may. */
const WATCHED_DISK = {
  'cluster.routing.allocation.disk.threshold_enabled': 'true',
  'cluster.routing.allocation.disk.watermark.low': '1b',
  'cluster.routing.allocation.disk.watermark.high': '1b',
  'cluster.routing.allocation.disk.watermark.flood_stage': '1b',
  'cluster.info.update.interval': '10s',
};
const LOOKS_AT_DISK_MS = 60_000;
const records = (count: number, from = 0) => Array.from({ length: count }, (_, i) => recordAt(from + i));
const allOf = ({ index, late }: SearchConfig) => new IndexNames(index, late).all;
const today = ({ index }: SearchConfig) =>
  new IndexNames(index, 7 * 86_400_000).of({ id: '', sentTimestamp: undefined, timestamp: START, receivedAt: START });

function event(offset: number, more: object): LogRecord {
  const { value, ...record } = recordAt(offset);
  return { ...record, value: Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(value).toString()), ...more })) };
}

/** A writer of partition 0; what it needs ends with the test. */
async function openWriter(t: TestContext, config: SearchConfig, clock: Clock = systemClock) {
  const topics = { events: { id: 'topic-1', partitions: 9, startOffset: 0, endOffset: 1_000_000 } };
  const deadLetters = new FakeDeadLetters();
  const context = { ...fakeSinkContext(topics, ''), clock, deadLetters };
  const sink = new SearchSink(config, context);
  await sink.open(signal);
  const writers: PartitionWriter[] = [];
  t.after(async () => {
    await Promise.all(writers.map((writer) => writer.abandon()));
    await sink.close();
  });
  const open = async (partition = 0) => {
    const writer = await sink.partition({ topic: 'events', partition }, signal);
    writers.push(writer);
    return writer;
  };
  return { writer: await open(), open, deadLetters };
}

async function idsIn(node: SearchNode, config: SearchConfig): Promise<string[]> {
  return (await documentsOf(node, allOf(config))).map(({ _id }) => _id).sort();
}

/** What keeps a node from taking events, and what ends that. */
interface Cause {
  spoil(): Promise<unknown>;
  mend(): Promise<unknown>;
}

/** Events wait while the node refuses them, and are stored once it does not; none is a dead letter. */
async function waitOut(t: TestContext, node: SearchNode, config: SearchConfig, cause: Cause, stored = 0) {
  const clock = new TestClock();
  const { writer, deadLetters } = await openWriter(t, config, clock);
  if (stored > 0) {
    await writer.write(records(stored), signal);
    await writer.flush(signal);
  }
  await cause.spoil();
  await writer.write(records(5, stored), signal);
  const flush = writer.flush(signal);
  await until('what was refused waits to be sent again', () => clock.sleeping > 0);
  if (stored > 0) assert.deepEqual(await idsIn(node, config), idsOf(records(stored)));
  await cause.mend();
  clock.advance(WAIT_MS);
  assert.equal((await flush).durableUpTo, stored + 5);
  assert.deepEqual(await idsIn(node, config), idsOf(records(stored + 5)));
  assert.deepEqual(deadLetters.letters, []);
}

interface Pressure {
  readonly indexing_pressure: { readonly memory: { readonly total: { readonly coordinating_rejections: number } } };
}

/** Figures of the one node that there is. */
async function statsOf<T>(node: SearchNode, figures: string): Promise<T> {
  const { nodes } = await node.ask('GET', `/_nodes/stats/${figures}`);
  return Object.values(nodes as Record<string, T>)[0]!;
}

const idsOf = (all: readonly LogRecord[]) => all.map(({ offset }) => `event-${offset}`).sort();

searchTest('a conflict with the mapping takes one event to the dead letters, and no other', async (node, t) => {
  const config = searchConfigFor(node);
  const { writer, deadLetters } = await openWriter(t, config);
  const all = [
    event(0, { basket: { items: 1 } }),
    event(1, { basket: 'none' }),
    event(2, { amount: 'much' }),
    event(3, { amount: 5 }),
  ];
  await writer.write(all, signal);
  assert.equal((await writer.flush(signal)).durableUpTo, 4);
  assert.deepEqual(await idsIn(node, config), ['event-0', 'event-2', 'event-3']);
  const [letter, ...more] = deadLetters.letters;
  assert.deepEqual(more, []);
  assert.equal(letter?.record.offset, 1);
  assert.equal(letter?.reason.code, 'EVENT_REFUSED_BY_STORE');
  assert.match(letter?.reason.reason ?? '', /pars|object mapping/);
});

searchTest(
  'visitors can not make the mapping grow without end, nor give known fields another type',
  async (node, t) => {
    const config = searchConfigFor(node, { fields: 60 });
    const { writer } = await openWriter(t, config);
    const flood = Array.from({ length: 10 }, (_, i) =>
      event(i, Object.fromEntries(Array.from({ length: 20 }, (_, j) => [`x${i}_${j}`, 'y']))),
    );
    await writer.write([...flood, ...records(5, 10)], signal);
    assert.equal((await writer.flush(signal)).durableUpTo, 15);
    const stored = await idsIn(node, config);
    for (const id of idsOf(records(5, 10))) assert.ok(stored.includes(id), id);
    const mapping = await node.ask('GET', `/${today(config)}/_mapping`);
    const properties = (mapping[today(config)] as { mappings: { properties: object } }).mappings.properties;
    assert.ok(Object.keys(properties).length <= 60);
    assert.equal((properties as { colorName?: { type: string } }).colorName?.type, 'keyword');
  },
);

for (const setting of ['index.blocks.write', 'index.blocks.read_only_allow_delete']) {
  searchTest(`events wait while ${setting} is set, and go on once it is not`, async (node, t) => {
    const config = searchConfigFor(node);
    const set = (value: true | null) => node.ask('PUT', `/${today(config)}/_settings`, { [setting]: value });
    await waitOut(t, node, config, { spoil: () => set(true), mend: () => set(null) }, 1);
  });
}

searchTest('events wait while the cluster may have no further index, and go on once it may', async (node, t) => {
  const setLimit = (shards: number | null) =>
    node.ask('PUT', '/_cluster/settings', { persistent: { 'cluster.max_shards_per_node': shards } });
  await node.ask('PUT', `/${randomUUID()}`, { settings: { 'index.number_of_replicas': 0 } });
  t.after(() => setLimit(null));
  await waitOut(t, node, searchConfigFor(node), { spoil: () => setLimit(1), mend: () => setLimit(null) });
});

searchTest('events wait while their index wants a pipeline that is not there', async (node, t) => {
  const config = searchConfigFor(node);
  const index = `/${today(config)}`;
  await waitOut(t, node, config, {
    spoil: () => node.ask('PUT', index, { settings: { 'index.default_pipeline': 'none-such' } }),
    mend: () => node.ask('PUT', `${index}/_settings`, { 'index.default_pipeline': null }),
  });
});

searchTest('an alias that nothing can be written to makes events wait', async (node, t) => {
  const config = searchConfigFor(node, { index: `alias-${randomUUID()}` });
  const aliases = { [config.index]: {} };
  const add = { index: `part-1-of-${config.index}`, alias: config.index, is_write_index: true };
  await waitOut(t, node, config, {
    spoil: async () => {
      for (const part of [1, 2]) await node.ask('PUT', `/part-${part}-of-${config.index}`, { aliases });
    },
    mend: () => node.ask('POST', '/_aliases', { actions: [{ add }] }),
  });
});

searchTest('an index that stays blocked stops the connector with a reason, and loses nothing', async (node, t) => {
  const config = searchConfigFor(node, { retry: 300 });
  const { writer, open, deadLetters } = await openWriter(t, config);
  await writer.write(records(1), signal);
  await writer.flush(signal);
  await node.ask('PUT', `/${today(config)}/_settings`, { 'index.blocks.write': true });
  await writer.write(records(4, 1), signal);
  await assert.rejects(
    writer.flush(signal),
    (error) => error instanceof MillraceError && error.code === 'SEARCH_BLOCKED',
  );
  await writer.abandon();
  await node.ask('PUT', `/${today(config)}/_settings`, { 'index.blocks.write': null });
  const again = await open();
  await again.write(records(4, 1), signal);
  assert.equal((await again.flush(signal)).durableUpTo, 5);
  assert.deepEqual(await idsIn(node, config), idsOf(records(5)));
  assert.deepEqual(deadLetters.letters, []);
});

for (const engine of ALL_SEARCH_ENGINES) {
  const { label } = SEARCH_ENGINES[engine];
  test(`${label}: a store that is out of room for requests gets all in the end`, async (t) => {
    const settings = { 'indexing_pressure.memory.limit': '100kb' };
    const node = await searchNodeOrSkip(t, engine, { settings });
    if (!node) return;
    const config = searchConfigFor(node, { bulk: { events: 1_000, bytes: 2 ** 20, requests: 4, gzip: true } });
    const { writer, deadLetters } = await openWriter(t, config);
    const all = records(3_000);
    await writer.write(all, signal);
    assert.equal((await writer.flush(signal)).durableUpTo, 3_000);
    assert.deepEqual(await idsIn(node, config), idsOf(all));
    assert.deepEqual(deadLetters.letters, []);
    const { coordinating_rejections: refused } = (await statsOf<Pressure>(node, 'indexing_pressure')).indexing_pressure
      .memory.total;
    assert.ok(refused > 0, 'nothing was refused: the test shows nothing');
  });

  test(`${label}: a full queue for writes delays single events, and stores each once`, async (t) => {
    const settings = { 'thread_pool.write.queue_size': '1', 'thread_pool.write.size': '1' };
    const node = await searchNodeOrSkip(t, engine, { settings });
    if (!node) return;
    const config = searchConfigFor(node, {
      index: 'busy-{yyyy.MM.dd.HH}',
      bulk: { events: 30, bytes: 2 ** 20, requests: 8, gzip: false },
    });
    const { open, deadLetters } = await openWriter(t, config);
    // Three hours, so that each request goes to three shards.
    const HOUR_MS = 3_600_000;
    const parts = Array.from({ length: 4 }, (_, part) =>
      records(120, part * 120).map((record, i) => {
        const time = new Date(START + (i % 3) * HOUR_MS).toISOString();
        return event(record.offset, { timestamp: time, receivedAt: time });
      }),
    );
    const loaded = await Promise.all(
      parts.map(async (part, partition) => {
        const writer = await open(partition);
        await writer.write(part, signal);
        return (await writer.flush(signal)).durableUpTo;
      }),
    );
    assert.deepEqual(loaded, [120, 240, 360, 480]);
    assert.deepEqual(await idsIn(node, config), idsOf(records(480)));
    assert.deepEqual(deadLetters.letters, []);
    const { rejected } = (await statsOf<{ thread_pool: { write: { rejected: number } } }>(node, 'thread_pool'))
      .thread_pool.write;
    assert.ok(rejected > 0, 'nothing was refused: the test shows nothing');
  });

  test(`${label}: killed in the middle of requests and started again, it has each event once`, async (t) => {
    const node = await searchNodeOrSkip(t, engine, {});
    if (!node) return;
    const config = searchConfigFor(node, {
      retry: 120_000,
      timeout: 5_000,
      bulk: { events: 100, bytes: 2 ** 20, requests: 4, gzip: true },
    });
    const { writer, deadLetters } = await openWriter(t, config);
    const all = records(5_000);
    let isLoaded = false;
    const loaded = (async () => {
      for (let from = 0; from < all.length; from += 500) await writer.write(all.slice(from, from + 500), signal);
      const progress = await writer.flush(signal);
      isLoaded = true;
      return progress;
    })();
    await until('some are stored', async () => {
      const counted = await node.ask('GET', `/${allOf(config)}/_stats/indexing`);
      const total = (counted['_all'] as { primaries?: { indexing?: { index_total: number } } }).primaries;
      return (total?.indexing?.index_total ?? 0) > 300;
    });
    await node.kill();
    assert.equal(isLoaded, false, 'all was loaded before the kill: the test shows nothing');
    await node.start();
    assert.equal((await loaded).durableUpTo, 5_000);
    assert.deepEqual(await idsIn(node, config), idsOf(all));
    assert.deepEqual(deadLetters.letters, []);
  });

  test(`${label}: a request over the limit of the store is halved, and only an event over it is refused`, async (t) => {
    const node = await searchNodeOrSkip(t, engine, { settings: { 'http.max_content_length': '64kb' } });
    if (!node) return;
    const config = searchConfigFor(node);
    const { writer, deadLetters } = await openWriter(t, config);
    const large = event(400, { note: 'x'.repeat(100_000) });
    const all = [...records(400), large, ...records(99, 401)];
    await writer.write(all, signal);
    assert.equal((await writer.flush(signal)).durableUpTo, 500);
    assert.deepEqual(await idsIn(node, config), idsOf(all.filter((record) => record !== large)));
    assert.deepEqual(
      deadLetters.letters.map(({ record, reason }) => [record.offset, reason.code]),
      [[400, 'EVENT_TOO_LARGE_FOR_STORE']],
    );
  });

  test(`${label}: events wait while the disk is beyond its flood stage, and go on by themselves`, async (t) => {
    const node = await searchNodeOrSkip(t, engine, { settings: WATCHED_DISK });
    if (!node) return;
    const config = searchConfigFor(node, { retry: 300_000 });
    const { writer, deadLetters } = await openWriter(t, config);
    await writer.write(records(1), signal);
    await writer.flush(signal);
    const setWatermarks = (free: string | null) =>
      node.ask('PUT', '/_cluster/settings', {
        persistent: Object.fromEntries(
          ['flood_stage', 'high', 'low'].map((mark) => [`cluster.routing.allocation.disk.watermark.${mark}`, free]),
        ),
      });
    const isBlocked = async () => {
      const settings = await node.ask('GET', `/${today(config)}/_settings?flat_settings=true`);
      return JSON.stringify(settings).includes('"index.blocks.read_only_allow_delete":"true"');
    };
    await setWatermarks('1pb');
    await until('the index is blocked', isBlocked, LOOKS_AT_DISK_MS);
    await writer.write(records(10, 1), signal);
    const flush = writer.flush(signal);
    await setWatermarks('1b');
    await until('the block is lifted', async () => !(await isBlocked()), LOOKS_AT_DISK_MS);
    assert.equal((await flush).durableUpTo, 11);
    assert.deepEqual(await idsIn(node, config), idsOf(records(11)));
    assert.deepEqual(deadLetters.letters, []);
  });

  test(`${label}: a node that is killed in mid-load is passed over, and nothing is lost with it`, async (t) => {
    const nodes = await searchClusterOrSkip(t, engine);
    if (!nodes) return;
    const [first, second] = nodes as [SearchNode, SearchNode, SearchNode];
    const bulk = { events: 100, bytes: 2 ** 20, requests: 4, gzip: true };
    const config = searchConfigFor(first, { bulk, replicas: 1, shards: 3, retry: 120_000, timeout: 10_000 });
    const cluster = { ...config[first.name]!, nodes: nodes.map(({ url }) => url) };
    const { writer, deadLetters } = await openWriter(t, { ...config, [first.name]: cluster });
    await writer.write(records(1_000), signal);
    await writer.flush(signal);
    await second.ask('GET', `/_cluster/health/${allOf(config)}?wait_for_status=green&timeout=30s`);
    const loaded = (async () => {
      for (let from = 1_000; from < 5_000; from += 500) await writer.write(records(500, from), signal);
      return writer.flush(signal);
    })();
    await first.kill();
    assert.equal((await loaded).durableUpTo, 5_000);
    assert.deepEqual(await idsIn(second, config), idsOf(records(5_000)));
    assert.deepEqual(deadLetters.letters, []);
  });
}

searchTest('what was stored before its answer was lost is there once, and no duplicate', async (node, t) => {
  const proxy = await FaultProxy.start({ target: new URL(node.url).host });
  t.after(() => proxy.close());
  const config = searchConfigFor({ name: node.name, url: `http://${proxy.address}` });
  const { writer } = await openWriter(t, config);
  // Longer than it takes to see the events in the store and cut the line before the answer has come.
  proxy.delay(3_000);
  await writer.write(records(20), signal);
  const flushed = writer.flush(signal);
  await until('the events are stored', async () => (await idsIn(node, config)).length === 20);
  proxy.cut();
  proxy.pass();
  const { durableUpTo, duplicates } = await flushed;
  assert.deepEqual({ durableUpTo, duplicates }, { durableUpTo: 20, duplicates: 0 });
  assert.deepEqual(await idsIn(node, config), idsOf(records(20)));
});

searchTest('a slow store slows the writer, and what is durable never runs ahead', async (node, t) => {
  const proxy = await FaultProxy.start({ target: new URL(node.url).host });
  t.after(() => proxy.close());
  const bulk = { events: 5, bytes: 2 ** 20, requests: 3, gzip: false };
  const config = searchConfigFor({ name: node.name, url: `http://${proxy.address}` }, { bulk });
  const { writer } = await openWriter(t, config);
  proxy.delay(50);
  for (let from = 0; from < 100; from += 10) {
    const { durableUpTo = 0 } = await writer.write(records(10, from), signal);
    // Three requests of five may be under way, and less than one is being filled.
    assert.ok(from + 10 - durableUpTo <= 4 * bulk.events, `${durableUpTo} of ${from + 10}`);
    const stored = new Set(await idsIn(node, config));
    for (const id of idsOf(records(durableUpTo))) assert.ok(stored.has(id), `${id} was called durable`);
  }
  assert.equal((await writer.flush(signal)).durableUpTo, 100);
});

searchTest('a node that stands still is an error after the deadline', async (node, t) => {
  const proxy = await FaultProxy.start({ target: new URL(node.url).host });
  t.after(() => proxy.close());
  const config = searchConfigFor({ name: node.name, url: `http://${proxy.address}` }, { timeout: 300, retry: 500 });
  const { writer } = await openWriter(t, { ...config, timeout: 5_000 });
  await writer.write(records(1), signal);
  await writer.flush(signal);
  const { writer: impatient } = await openWriter(t, config);
  proxy.swallow();
  await impatient.write(records(1, 1), signal);
  await assert.rejects(
    impatient.flush(signal),
    (error) => error instanceof MillraceError && error.code === 'SEARCH_UNREACHABLE',
  );
});
