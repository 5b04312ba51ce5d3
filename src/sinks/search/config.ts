import type { Static } from '../../config/fields.ts';
import { boolean, bytes, duration, integer, list, oneOf, optional, section, text } from '../../config/fields.ts';
import { hasTime } from './index-name.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const DAY_MS = 86_400_000;

function cluster(product: string) {
  return optional(
    section(
      {
        nodes: list(
          text({
            description: 'Address of a node',
            pattern: '^https?://[^\\s@/?#]{1,300}/?$',
            form: 'an address without user or path, such as https://search-1:9200',
          }),
          { description: 'Nodes that take turns; one that does not answer is passed over for a while', minItems: 1 },
        ),
        username: optional(text({ description: 'User, for basic authentication' })),
        password: optional(text({ description: 'Password of that user', secret: true })),
        apiKey: optional(text({ description: 'API key in its encoded form, instead of a user', secret: true })),
        token: optional(text({ description: 'Bearer token, instead of a user', secret: true })),
        ca: optional(
          text({
            description: 'PEM file of the authorities to trust instead of those that Node knows',
            path: 'input',
          }),
        ),
      },
      { description: `A cluster of ${product}` },
    ),
  );
}

export const searchConfig = section(
  {
    elasticsearch: cluster('Elasticsearch 8 or 9'),
    opensearch: cluster('OpenSearch 2 or 3'),
    index: text({
      description:
        'Index of the events, with the time that an event happened in braces: {yyyy}, {MM}, {dd}, {HH}, or several in one',
      default: 'web-events-{yyyy.MM.dd}',
      pattern: '^[a-z0-9]([a-z0-9._-]|\\{[yMdH._-]{1,20}\\}){0,200}$',
      form: 'lower-case letters, digits, dots, dashes and times in braces, such as web-events-{yyyy.MM.dd}',
    }),
    dataStream: boolean({
      description:
        'Whether "index" names a data stream; it then has no time in it, and duplicates are found only until the stream rolls over',
      default: false,
    }),
    late: duration({
      description:
        'Events that happened longer ago than this when they were received, or lie further ahead, go to one index for all: the name up to its time, and "late"',
      default: 7 * DAY_MS,
      minimum: DAY_MS,
      maximum: 3_650 * DAY_MS,
    }),
    template: oneOf(['install', 'replace', 'none'], {
      description:
        'The index template: install it if it is missing or is an older one of ours; replace it also if someone changed it; or leave templates alone',
      default: 'install',
    }),
    shards: integer({ description: 'Primary shards of each new index', default: 1, minimum: 1, maximum: 1_024 }),
    replicas: integer({ description: 'Copies of each shard besides the first', default: 1, minimum: 0, maximum: 100 }),
    fields: integer({
      description: 'Most fields in the mapping of an index, so that visitors can not make it grow without end',
      default: 500,
      minimum: 50,
      maximum: 10_000,
    }),
    delay: duration({
      description: 'Longest time that an event waits to be sent together with others',
      default: 500,
      minimum: 0,
      maximum: 60_000,
    }),
    bulk: section(
      {
        events: integer({ description: 'Most events in one request', default: 1_000, minimum: 1, maximum: 50_000 }),
        bytes: bytes({
          description: 'Most bytes of one request, before compression',
          default: 5 * MIB,
          minimum: KIB,
          maximum: 90 * MIB,
        }),
        requests: integer({
          description: 'Requests of one partition that are under way at once',
          default: 2,
          minimum: 1,
          maximum: 64,
        }),
        gzip: boolean({ description: 'Whether requests are compressed', default: true }),
      },
      { description: 'How events are sent' },
    ),
    timeout: duration({
      description: 'Longest time for one request with its answer, besides a second for each 16 kB that are sent',
      default: 30_000,
      minimum: 100,
      maximum: 600_000,
    }),
    retry: duration({
      description:
        'How long events are tried again, none of them getting in, before the connector says that the store is not taking them',
      default: 30_000,
      minimum: 0,
      maximum: 3_600_000,
    }),
  },
  { description: 'Loads events into Elasticsearch or OpenSearch, where each is stored once' },
);

export type SearchConfig = Static<typeof searchConfig>;
export type ClusterConfig = NonNullable<SearchConfig['elasticsearch']>;

/** Which of the two products it is, and how to reach it. */
export interface Cluster extends ClusterConfig {
  readonly product: 'elasticsearch' | 'opensearch';
}

/** Of a configuration without faults. */
export function clusterOf({ elasticsearch, opensearch }: SearchConfig): Cluster {
  if (elasticsearch) return { product: 'elasticsearch', ...elasticsearch };
  if (opensearch) return { product: 'opensearch', ...opensearch };
  throw new Error('the configuration names neither elasticsearch nor opensearch');
}

/** Rules that tie the fields together; each fault is one sentence. */
export function checkSearchConfig(config: SearchConfig): { readonly field: string; readonly message: string }[] {
  const faults: { field: string; message: string }[] = [];
  const { elasticsearch, opensearch } = config;
  if ((elasticsearch === undefined) === (opensearch === undefined)) {
    faults.push({ field: 'elasticsearch', message: 'Name exactly one of "elasticsearch" and "opensearch".' });
    return faults;
  }
  const { product, username, password, apiKey, token } = clusterOf(config);
  if ((username === undefined) !== (password === undefined)) {
    faults.push({ field: product, message: '"username" and "password" go together.' });
  }
  if ([username, apiKey, token].filter((way) => way !== undefined).length > 1) {
    faults.push({ field: product, message: 'Give a user, an "apiKey" or a "token", and only one of them.' });
  }
  if (config.dataStream && hasTime(config.index)) {
    faults.push({ field: 'index', message: 'A data stream has no time in its name: leave the braces out.' });
  }
  if (!isTimePattern(config.index)) {
    faults.push({ field: 'index', message: 'In braces there may be yyyy, MM, dd and HH, with . _ or - between them.' });
  }
  return faults;
}

function isTimePattern(index: string): boolean {
  return [...index.matchAll(/\{([^}]*)\}/g)].every(([, inside = '']) =>
    inside.split(/[._-]/).every((part) => ['yyyy', 'MM', 'dd', 'HH'].includes(part)),
  );
}
