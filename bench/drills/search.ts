/** The drill of search engines, on real Elasticsearch and OpenSearch, one after the other. */
import { setTimeout as delay } from 'node:timers/promises';
import { startElasticsearch } from '../../test/engines/elasticsearch.ts';
import { startOpensearch } from '../../test/engines/opensearch.ts';
import type { SearchNode } from '../../test/engines/search-node.ts';
import type { BenchResult } from '../result.ts';
import { meets } from '../result.ts';
import type { Report } from '../run.ts';
import type { StoreDrillOptions, StoreUnderTest } from './stores/drill.ts';
import { storeDrill } from './stores/drill.ts';
import type { Step } from './stores/faults.ts';

const PRODUCTS = { elasticsearch: startElasticsearch, opensearch: startOpensearch } as const;
export type Product = keyof typeof PRODUCTS;

const PREFIX = 'drill';
/** How long the node is away, stands still, or takes nothing. */
const AWAY_MS = 5_000;
/** A search gives out no more at once. */
const PAGE = 10_000;

/**
 * The short form: the first loader asks who it is, for its template twice and for settings before
 * it sends anything; later ones find their template.
 */
export const FEW_SEARCH_STEPS: readonly Step[] = [
  { call: 4, fate: 'lost' },
  { call: 4, fate: 'before' },
  { call: 3, fate: 'after' },
];

export async function run(report: Report): Promise<BenchResult> {
  const results: BenchResult[] = [];
  for (const product of Object.keys(PRODUCTS) as Product[]) {
    report(`${product}:`);
    results.push(await searchDrill(product, { steps: 'all' }, report));
  }
  const added = (of: 'figures' | 'targets') => {
    const sums: Record<string, number> = {};
    for (const result of results) {
      for (const [name, value] of Object.entries(result[of])) sums[name] = (sums[name] ?? 0) + value;
    }
    return sums;
  };
  const [figures, targets] = [added('figures'), added('targets')];
  return { name: 'search', ok: results.every(({ ok }) => ok) && meets(figures, targets), figures, ratios: {}, targets };
}

export function searchDrill(
  product: Product,
  { steps, without = [] }: Pick<StoreDrillOptions, 'steps' | 'without'>,
  report: Report,
): Promise<BenchResult> {
  return storeDrill({ name: product, start: () => startUnderTest(product), steps, without }, report);
}

async function startUnderTest(product: Product): Promise<StoreUnderTest> {
  const node = await PRODUCTS[product]();
  return {
    sink: {
      search: {
        [product]: { nodes: [node.url] },
        index: `${PREFIX}-{yyyy.MM.dd}`,
        replicas: 0,
        delay: '200ms',
        timeout: '10s',
        // Several requests for the records of one step.
        bulk: { events: 30, requests: 3 },
      },
    },
    calls: {
      module: new URL('../../src/sinks/search/client.ts', import.meta.url).href,
      className: 'SearchClient',
      methods: ['ask'],
    },
    // The mapping says that it is a text.
    refusedFields: { userName: { first: 'Ada' } },
    idsStored: () => idsIn(node),
    leftBehind: async () => [],
    disturbances: {
      node_killed: async () => {
        await node.kill();
        await delay(AWAY_MS);
        await node.start();
      },
      node_frozen: async () => {
        await node.freeze();
        await delay(AWAY_MS);
        node.thaw();
      },
      writes_blocked: async () => {
        await node.ask('PUT', `/${PREFIX}-*/_settings`, { 'index.blocks.write': true });
        await delay(AWAY_MS);
        await node.ask('PUT', `/${PREFIX}-*/_settings`, { 'index.blocks.write': null });
      },
    },
    close: () => node.close(),
  };
}

/** The id of every document, as often as there is one of it. */
async function idsIn(node: SearchNode): Promise<string[]> {
  const ids: string[] = [];
  const none = 'ignore_unavailable=true&allow_no_indices=true';
  await node.ask('POST', `/${PREFIX}-*/_refresh?${none}`);
  for (let after: unknown; ; ) {
    const found = await node.ask('POST', `/${PREFIX}-*/_search?${none}`, {
      size: PAGE,
      sort: [{ id: { order: 'asc', unmapped_type: 'keyword' } }, { _index: 'asc' }],
      _source: false,
      ...(after === undefined ? {} : { search_after: after }),
    });
    const { hits } = found['hits'] as { hits: { _id: string; sort: unknown }[] };
    ids.push(...hits.map(({ _id }) => _id));
    if (hits.length < PAGE) return ids;
    after = hits.at(-1)!.sort;
  }
}
