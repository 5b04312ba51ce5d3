/**
 * Loading into Elasticsearch and OpenSearch through a connector, next to a bare `_bulk` loop that
 * sends the same requests to the same warm server; then from a real Kafka by `millrace load`,
 * whose memory is looked at. What is measured has a core to itself, the stores share the other.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { readConfiguration } from '../src/config/read.ts';
import { openEmbeddedLog } from '../src/log/embedded/open.ts';
import type { Log, LogRecord } from '../src/log/log.ts';
import type { SearchConfig } from '../src/sinks/search/config.ts';
import { searchConfig } from '../src/sinks/search/config.ts';
import { SearchSink } from '../src/sinks/search/sink.ts';
import { startElasticsearch } from '../test/engines/elasticsearch.ts';
import { startOpensearch } from '../test/engines/opensearch.ts';
import type { SearchNode } from '../test/engines/search-node.ts';
import { EMBEDDED_DEFAULTS } from '../test/support/embedded-log.ts';
import { fakeSinkContext } from '../test/support/fake-sink-context.ts';
import { bulkBody, sendBare } from './load/bare-bulk.ts';
import { loadByConnector } from './load/by-connector.ts';
import { fill } from './load/events.ts';
import { loadFromKafka } from './load/from-kafka.ts';
import { MEASURED_CORE, OTHER_CORE, pinnedTo, pinThis } from './processes.ts';
import type { BenchResult } from './result.ts';
import { meets } from './result.ts';
import type { Report } from './run.ts';
import { median, round } from './statistics.ts';

const PRODUCTS = { elasticsearch: startElasticsearch, opensearch: startOpensearch } as const;
const TOPIC = 'events';
const RECORDS = 200_000;
/** The server, and what both ways use, are warm after these. */
const WARM_UPS = 2;
const ROUNDS = 5;
const OPEN_MS = 30_000;
/** With one core Java collects late, and garbage would count as memory in use: requests were refused for it. */
const SETTINGS = { 'indices.breaker.total.use_real_memory': 'false' };
const TARGETS = {
  load_vs_bulk_elasticsearch: 0.9,
  load_vs_bulk_opensearch: 0.9,
  max_kafka_peak_rss_mb: 200,
  max_narrow_peak_rss_mb: 200,
};

export async function run(report: Report): Promise<BenchResult> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(path.join(process.cwd(), '.bench-search-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const log = await openEmbeddedLog({ directory: path.join(directory, 'log'), ...EMBEDDED_DEFAULTS });
  stack.defer(() => log.close());
  pinThis(MEASURED_CORE);
  report('filling the log …');
  await fill(log, TOPIC, RECORDS);

  const figures: Record<string, number> = {};
  const ratios: Record<string, number> = {};
  for (const [product, start] of Object.entries(PRODUCTS)) {
    const node = await start({ throughput: true, before: pinnedTo(OTHER_CORE), settings: SETTINGS });
    try {
      const rates = await compare(node, log, directory, report);
      ratios[`load_vs_bulk_${product}`] = round(median(rates.map(({ ours, bare }) => ours / bare)), 3);
      figures[`load_${product}_events_per_s`] = Math.round(median(rates.map(({ ours }) => ours)));
      figures[`bulk_${product}_events_per_s`] = Math.round(median(rates.map(({ bare }) => bare)));
      if (product === 'elasticsearch') Object.assign(figures, await fromKafka(node, directory, report));
    } finally {
      await node.close();
    }
  }
  return { name: 'search', ok: meets({ ...figures, ...ratios }, TARGETS), figures, ratios, targets: TARGETS };
}

/** Events a second. */
interface Rates {
  readonly ours: number;
  readonly bare: number;
}

async function compare(node: SearchNode, log: Log, directory: string, report: Report): Promise<Rates[]> {
  const batches = await batchesOf(log, configFor(node, 'none').bulk.events);
  const rates: Rates[] = [];
  for (let turn = 0; turn < WARM_UPS + ROUNDS; turn++) {
    const rate = { bare: 0, ours: 0 };
    const send = async () => {
      rate.bare = await sendAll(node, `bare-${node.name}-${turn}`, batches);
    };
    const load = async () => {
      rate.ours = await loadAll(node, `load-${node.name}-${turn}`, log, directory);
    };
    // By turns: the second of a round meets the warmer server.
    for (const way of turn % 2 === 0 ? [send, load] : [load, send]) await way();
    const { bare, ours } = rate;
    const counted = turn - WARM_UPS + 1;
    report(
      `${node.name}, ${counted < 1 ? 'warming up' : `round ${counted} of ${ROUNDS}`}: ${(ours / bare).toFixed(2)}`,
    );
    if (counted >= 1) rates.push({ ours, bare });
  }
  return rates;
}

/** As it is without further settings, into one index. */
function configFor(node: SearchNode, index: string): SearchConfig {
  const given = { [node.name]: { nodes: [node.url] }, index, replicas: 0 };
  const { value, faults } = readConfiguration(searchConfig, JSON.stringify(given), {});
  if (faults.length > 0) throw new Error(faults.map(({ message }) => message).join(' '));
  return value;
}

/** All records of the log, in batches as large as requests. */
async function batchesOf(log: Log, size: number): Promise<LogRecord[][]> {
  const all: LogRecord[] = [];
  while (all.length < RECORDS) {
    const { records } = await log.read({ topic: TOPIC, partition: 0, offset: all.length });
    all.push(...records);
  }
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}

/** The requests are made before the time is taken: all that is measured is sending them. */
async function sendAll(node: SearchNode, index: string, batches: readonly LogRecord[][]): Promise<number> {
  const config = configFor(node, index);
  const bodies = batches.map((batch) => bulkBody(index, batch));
  // Puts the template in its place, which makes the same mapping.
  const sink = new SearchSink(config, fakeSinkContext({}, ''));
  await sink.open(AbortSignal.timeout(OPEN_MS));
  await sink.close();
  const start = performance.now();
  await sendBare(node.url, bodies, config.bulk.requests);
  const rate = RECORDS / ((performance.now() - start) / 1_000);
  await remove(node, index);
  return rate;
}

/** From the connector's start, opening its store included, to the last commit. */
async function loadAll(node: SearchNode, index: string, log: Log, directory: string): Promise<number> {
  const config = configFor(node, index);
  const rate = await loadByConnector(log, TOPIC, index, directory, (context) => new SearchSink(config, context));
  await remove(node, index);
  return rate;
}

/** Counts the documents, and frees their room. */
async function remove(node: SearchNode, index: string): Promise<void> {
  const count = await countOf(node, index);
  if (count !== RECORDS) throw new Error(`${count} documents stand in the index, not ${RECORDS}`);
  await node.ask('DELETE', `/${index}`);
}

async function countOf(node: SearchNode, index: string): Promise<number> {
  await node.ask('POST', `/${index}/_refresh`);
  return Number((await node.ask('GET', `/${index}/_count`))['count']);
}

function fromKafka(node: SearchNode, directory: string, report: Report): Promise<Record<string, number>> {
  report('from Kafka …');
  const store = {
    address: new URL(node.url).host,
    sink: (index: string, address: string) => ({
      search: { [node.name]: { nodes: [`http://${address}`] }, index, replicas: 0 },
    }),
    count: (index: string) => countOf(node, index),
  };
  return loadFromKafka(store, { directory, report, before: pinnedTo(OTHER_CORE) });
}
