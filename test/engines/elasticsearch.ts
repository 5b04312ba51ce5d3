/**
 * Real Elasticsearch on this machine, from Maven packages. They are under AGPL and SSPL: fetched
 * to test against, never part of what is shipped. Security, TLS and ILM are not among them.
 */
import type { Product, SearchNode, SearchNodeOptions } from './search-node.ts';
import { startSearchNode } from './search-node.ts';

/** Elasticsearch 9 runs on Java 21 and later. */
const JAVA_25_FLAGS = [
  '--enable-native-access=ALL-UNNAMED',
  // Its own native code is not among the packages.
  '-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false',
];

const ELASTICSEARCH_8 = productOf('8.19.21', 'RootPlugin8');
const ELASTICSEARCH_9: Product = { ...productOf('9.5.3', 'RootPlugin9'), java25: { flags: JAVA_25_FLAGS } };

function productOf(version: string, plugin: string): Product {
  return {
    name: 'elasticsearch',
    version,
    jars: {
      name: 'elasticsearch',
      artifacts: [`org.elasticsearch:elasticsearch:${version}`, `org.elasticsearch.plugin:transport-netty4:${version}`],
    },
    modules: [
      {
        name: 'transport-netty4',
        jars: ['netty-', 'transport-netty4-', 'elasticsearch-ssl-config-'],
        mainClass: 'org.elasticsearch.transport.netty4.Netty4Plugin',
      },
      {
        name: 'rest-root',
        jars: [],
        mainClass: `millrace.${plugin}`,
        sources: ['millrace/RootHandler.java', `millrace/${plugin}.java`],
      },
    ],
    launcher: 'ElasticsearchLauncher',
    prefix: 'es',
  };
}

/** Version 8. Resolves when the node takes requests. */
export function startElasticsearch(options: SearchNodeOptions = {}): Promise<SearchNode> {
  return startSearchNode(ELASTICSEARCH_8, options);
}

export function startElasticsearch9(options: SearchNodeOptions = {}): Promise<SearchNode> {
  return startSearchNode(ELASTICSEARCH_9, options);
}
