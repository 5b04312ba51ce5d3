/**
 * Real Elasticsearch on this machine, from Maven packages. They are under AGPL and SSPL: fetched
 * to test against, never part of what is shipped. Security, TLS and ILM are not among them.
 */
import type { Product, SearchNode, SearchNodeOptions } from './search-node.ts';
import { startSearchNode } from './search-node.ts';

const VERSION = '8.19.21';

const ELASTICSEARCH: Product = {
  name: 'elasticsearch',
  version: VERSION,
  jars: {
    name: 'elasticsearch',
    artifacts: [`org.elasticsearch:elasticsearch:${VERSION}`, `org.elasticsearch.plugin:transport-netty4:${VERSION}`],
  },
  modules: [
    {
      name: 'transport-netty4',
      jars: ['netty-', 'transport-netty4-', 'elasticsearch-ssl-config-'],
      mainClass: 'org.elasticsearch.transport.netty4.Netty4Plugin',
    },
    { name: 'rest-root', jars: [], mainClass: 'millrace.RootPlugin', sources: ['millrace/RootPlugin.java'] },
  ],
  launcher: 'ElasticsearchLauncher',
  prefix: 'es',
};

/** Resolves when the node takes requests. */
export function startElasticsearch(options: SearchNodeOptions = {}): Promise<SearchNode> {
  return startSearchNode(ELASTICSEARCH, options);
}
