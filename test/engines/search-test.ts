/** Tests against real Elasticsearch and OpenSearch. */
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { SearchConfig } from '../../src/sinks/search/config.ts';
import { until } from '../support/until.ts';
import { startElasticsearch, startElasticsearch9 } from './elasticsearch.ts';
import { startOpensearch, startOpensearch3 } from './opensearch.ts';
import { orSkip } from './or-skip.ts';
import { freePorts } from './ports.ts';
import type { SearchNode, SearchNodeOptions } from './search-node.ts';

export const SEARCH_ENGINES = {
  elasticsearch8: { label: 'Elasticsearch 8', start: startElasticsearch },
  elasticsearch9: { label: 'Elasticsearch 9', start: startElasticsearch9 },
  opensearch2: { label: 'OpenSearch 2', start: startOpensearch },
  opensearch3: { label: 'OpenSearch 3', start: startOpensearch3 },
} as const;
export type SearchEngine = keyof typeof SEARCH_ENGINES;
export const ALL_SEARCH_ENGINES = Object.keys(SEARCH_ENGINES) as SearchEngine[];

/** One node of each a test file: a start takes longer than most tests. */
const shared = new Map<SearchEngine, Promise<SearchNode>>();

test.after(async () => {
  await Promise.all([...shared.values()].map(async (node) => (await node.catch(() => undefined))?.close()));
});

/** The node for a test; one of its own if there are options. `undefined` where the test was skipped. */
export function searchNodeOrSkip(
  t: TestContext,
  engine: SearchEngine,
  options?: SearchNodeOptions,
): Promise<SearchNode | undefined> {
  const { label, start } = SEARCH_ENGINES[engine];
  return orSkip(t, label, async () => {
    if (!options) {
      const node = shared.get(engine) ?? start();
      shared.set(engine, node);
      return node;
    }
    const node = await start(options);
    t.after(() => node.close());
    return node;
  });
}

const CLUSTER_NODES = 3;

/** A cluster that stands without one of its nodes. `undefined` where the test was skipped. */
export async function searchClusterOrSkip(
  t: TestContext,
  engine: SearchEngine,
): Promise<readonly SearchNode[] | undefined> {
  const { type, leaders } = CLUSTERED[engine.startsWith('elasticsearch') ? 'elasticsearch' : 'opensearch'];
  const transports = (await freePorts(CLUSTER_NODES)).map((port) => ({ name: `n${port}`, port }));
  const settings = {
    'discovery.type': type,
    'discovery.seed_hosts': transports.map(({ port }) => `127.0.0.1:${port}`).join(','),
    [leaders]: transports.map(({ name }) => name).join(','),
  };
  const nodes = await Promise.all(
    transports.map(({ name, port }) => {
      const own = { ...settings, 'node.name': name, 'transport.port': String(port) };
      return searchNodeOrSkip(t, engine, { settings: own });
    }),
  );
  return nodes.every((node) => node !== undefined) ? nodes : undefined;
}

/** How each calls a cluster that finds its own nodes, and those that may lead it at first. */
const CLUSTERED = {
  elasticsearch: { type: 'multi-node', leaders: 'cluster.initial_master_nodes' },
  opensearch: { type: 'zen', leaders: 'cluster.initial_cluster_manager_nodes' },
} as const;

/** A test with each version of both products, one after the other. */
export function searchTest(name: string, body: (node: SearchNode, t: TestContext) => Promise<void>): void {
  for (const engine of ALL_SEARCH_ENGINES) {
    test(`${SEARCH_ENGINES[engine].label}: ${name}`, async (t) => {
      const node = await searchNodeOrSkip(t, engine);
      if (node) await body(node, t);
    });
  }
}

/** A configuration for a node, with indices of its own and no copies, since there is one node. */
export function searchConfigFor(
  { name, url }: Pick<SearchNode, 'name' | 'url'>,
  more: Partial<SearchConfig> = {},
): SearchConfig {
  const nobody = { username: undefined, password: undefined, apiKey: undefined, token: undefined, ca: undefined };
  return {
    elasticsearch: undefined,
    opensearch: undefined,
    [name]: { nodes: [url], ...nobody },
    index: `t${randomBytes(6).toString('hex')}-{yyyy.MM.dd}`,
    dataStream: false,
    late: 7 * 86_400_000,
    template: 'install',
    shards: 1,
    replicas: 0,
    fields: 500,
    delay: 500,
    bulk: { events: 1_000, bytes: 5 * 2 ** 20, requests: 2, gzip: true },
    timeout: 30_000,
    retry: 30_000,
    ...more,
  };
}

/** All documents of the indices, or those that a query finds, as they were stored. */
export async function documentsOf(
  node: SearchNode,
  pattern: string,
  question: object = { match_all: {} },
): Promise<readonly { readonly _id: string; readonly _index: string; readonly _source: Record<string, unknown> }[]> {
  const query = 'ignore_unavailable=true&allow_no_indices=true';
  await node.ask('POST', `/${pattern}/_refresh?${query}`);
  const found = await until('the indices answer', () =>
    node.ask('POST', `/${pattern}/_search?${query}`, { size: 10_000, query: question }).catch((error: Error) => {
      // An index that is just being made does not.
      if (!error.message.includes(': 503 ')) throw error;
      return undefined;
    }),
  );
  return (found['hits'] as { hits: [] }).hits;
}
