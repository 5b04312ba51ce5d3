/** Real OpenSearch on this machine, from Maven packages. */
import type { Product, SearchNode, SearchNodeOptions } from './search-node.ts';
import { startSearchNode } from './search-node.ts';

const VERSION = '2.19.6';

const MODULES = ['transport-netty4-client', 'reindex-client', 'mapper-extras-client'];

const OPENSEARCH: Product = {
  name: 'opensearch',
  version: VERSION,
  jars: {
    name: 'opensearch',
    artifacts: [
      `org.opensearch:opensearch:${VERSION}`,
      `org.opensearch:opensearch-plugin-classloader:${VERSION}`,
      ...MODULES.map((module) => `org.opensearch.plugin:${module}:${VERSION}`),
      'org.apache.logging.log4j:log4j-core:2.25.4',
    ],
  },
  // What the modules need stays in `lib`, where their class loader finds it.
  modules: [
    {
      name: 'transport-netty4',
      jars: ['transport-netty4-client-'],
      mainClass: 'org.opensearch.transport.Netty4Plugin',
    },
    { name: 'reindex', jars: ['reindex-client-'], mainClass: 'org.opensearch.index.reindex.ReindexPlugin' },
    {
      name: 'mapper-extras',
      jars: ['mapper-extras-client-'],
      mainClass: 'org.opensearch.index.mapper.MapperExtrasPlugin',
    },
  ],
  launcher: 'OpensearchLauncher',
  prefix: 'opensearch',
};

/** Resolves when the node takes requests. */
export function startOpensearch(options: SearchNodeOptions = {}): Promise<SearchNode> {
  return startSearchNode(OPENSEARCH, options);
}
