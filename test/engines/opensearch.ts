/** Real OpenSearch on this machine, from Maven packages. */
import type { Product, SearchNode, SearchNodeOptions } from './search-node.ts';
import { startSearchNode } from './search-node.ts';

const MODULES = ['transport-netty4-client', 'reindex-client', 'mapper-extras-client'];

const OPENSEARCH_2 = productOf('2.19.6', '2.25.4', 'Plugin');
/** Runs on Java 21 and later. */
const OPENSEARCH_3: Product = { ...productOf('3.9.0', '2.25.5', 'ModulePlugin'), java25: { flags: [] } };

/** @param suffix of the classes of modules */
function productOf(version: string, log4j: string, suffix: string): Product {
  return {
    name: 'opensearch',
    version,
    jars: {
      name: 'opensearch',
      artifacts: [
        `org.opensearch:opensearch:${version}`,
        `org.opensearch:opensearch-plugin-classloader:${version}`,
        ...MODULES.map((module) => `org.opensearch.plugin:${module}:${version}`),
        `org.apache.logging.log4j:log4j-core:${log4j}`,
      ],
    },
    // What the modules need stays in `lib`, where their class loader finds it.
    modules: [
      {
        name: 'transport-netty4',
        jars: ['transport-netty4-client-'],
        mainClass: `org.opensearch.transport.Netty4${suffix}`,
      },
      { name: 'reindex', jars: ['reindex-client-'], mainClass: `org.opensearch.index.reindex.Reindex${suffix}` },
      {
        name: 'mapper-extras',
        jars: ['mapper-extras-client-'],
        mainClass: `org.opensearch.index.mapper.MapperExtras${suffix}`,
      },
    ],
    launcher: 'OpensearchLauncher',
    prefix: 'opensearch',
  };
}

/** Version 2. Resolves when the node takes requests. */
export function startOpensearch(options: SearchNodeOptions = {}): Promise<SearchNode> {
  return startSearchNode(OPENSEARCH_2, options);
}

export function startOpensearch3(options: SearchNodeOptions = {}): Promise<SearchNode> {
  return startSearchNode(OPENSEARCH_3, options);
}
