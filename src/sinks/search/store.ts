import type { Logger } from '../../support/logger.ts';
import { silentLogger } from '../../support/logger.ts';
import { assertGood } from './answers.ts';
import { SearchClient } from './client.ts';
import type { Cluster, SearchConfig } from './config.ts';
import { clusterOf } from './config.ts';
import { searchErrors } from './errors.ts';

/** What is known of the store that answers. */
export interface Store {
  /** `8.19.21`; `undefined` if this user may not ask. */
  readonly version: string | undefined;
  /** Fields beyond the limit are left unmapped; elsewhere the store refuses the event (Elasticsearch from 8.14 on). */
  readonly ignoresFieldsBeyondLimit: boolean;
}

const KNOWN = { elasticsearch: [8, 9], opensearch: [2, 3] } as const;
const NAMES = { elasticsearch: 'Elasticsearch', opensearch: 'OpenSearch' } as const;

/** @throws SEARCH_WRONG_PRODUCT */
export async function recognize(
  client: SearchClient,
  { product }: Cluster,
  logger: Logger,
  signal: AbortSignal,
): Promise<Store> {
  const answer = await client.ask({ method: 'GET', path: '/', signal });
  // A key that may only write to its indices may not ask this; what was configured is believed.
  if (answer.status === 403) return { version: undefined, ignoresFieldsBeyondLimit: false };
  assertGood(answer);
  const { version } = (answer.body ?? {}) as { version?: { number?: string; distribution?: string } };
  const number = version?.number;
  if (number === undefined) throw searchErrors.SEARCH_WRONG_PRODUCT('what answers there is no search engine');
  // Elasticsearch names no distribution.
  const found = version?.distribution === 'opensearch' ? 'opensearch' : 'elasticsearch';
  if (found !== product) {
    throw searchErrors.SEARCH_WRONG_PRODUCT(
      `the cluster is ${NAMES[found]} ${number}, and the configuration says ${NAMES[product]}`,
    );
  }
  const [major = 0, minor = 0] = number.split('.').map(Number);
  if (!(KNOWN[product] as readonly number[]).includes(major)) {
    logger.warn({ version: number }, `this version of ${NAMES[product]} was not tried with Millrace`);
  }
  return {
    version: number,
    ignoresFieldsBeyondLimit: product === 'elasticsearch' && (major > 8 || (major === 8 && minor >= 14)),
  };
}

/**
 * Who answers at the addresses of a configuration, such as `Elasticsearch 8.19.21`.
 * @throws what `open` of the sink would throw
 */
export async function askStore(config: SearchConfig, signal: AbortSignal): Promise<string> {
  const cluster = clusterOf(config);
  const client = new SearchClient({ cluster, gzip: config.bulk.gzip, timeoutMs: config.timeout });
  try {
    const { version } = await recognize(client, cluster, silentLogger, signal);
    return [NAMES[cluster.product], version].filter(Boolean).join(' ');
  } finally {
    client.close();
  }
}

/** Indices made before our template, or without it, may lose what they acknowledged in a power cut. */
export async function warnOfWeakIndices(
  client: SearchClient,
  indices: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const query = 'flat_settings=true&ignore_unavailable=true&allow_no_indices=true';
  const path = `/${indices}/_settings/index.translog.durability?${query}`;
  const { status, body } = await client.ask({ method: 'GET', path, signal });
  if (status !== 200) return;
  const weak = Object.entries(body as Readonly<Record<string, { settings?: Readonly<Record<string, string>> }>>)
    .filter(([, { settings }]) => settings?.['index.translog.durability']?.toLowerCase() === 'async')
    .map(([name]) => name);
  if (weak.length === 0) return;
  logger.warn(
    { indices: weak },
    'index.translog.durability of these indices is "async": a power cut takes what they acknowledged last',
  );
}

/** An alias finds copies only in the index that it writes to, which others may turn over. */
export async function warnOfAlias(
  client: SearchClient,
  index: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { status } = await client.ask({ method: 'GET', path: `/_alias/${index}`, signal });
  if (status !== 200) return;
  logger.warn({ alias: index }, 'the index is an alias: once it writes to another index, copies of events are stored');
}
