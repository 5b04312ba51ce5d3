import { isLoopback } from '../../../../config/address.ts';
import type { Static } from '../../../../config/fields.ts';
import { bytes, duration, integer, list, mapOf, optional, section, text } from '../../../../config/fields.ts';

const SECOND_MS = 1_000;
/** HDFS's own least (`dfs.namenode.fs-limits.min-block-size`). */
const LEAST_BLOCK_BYTES = 1 << 20;

export const hdfsStoreConfig = section(
  {
    namenodes: list(
      text({
        description: 'Where WebHDFS is: a NameNode, or a gateway with its path',
        pattern: '^https?://[^\\s/@?#]{1,255}(/[^\\s@?#]{0,500})?$',
        form: 'an address such as http://namenode:9870',
      }),
      { description: 'All NameNodes of the file system; whichever is active is used', minItems: 1 },
    ),
    path: text({
      description: 'Folder of the files, made if it is missing',
      pattern: '^(/(?!\\.{1,2}(/|$))[^:/\\u0000-\\u001f]{1,255}){1,50}$',
      form: 'an absolute path without ":", "." and ".."',
    }),
    user: optional(
      text({
        description: 'Who we are where HDFS takes our word for it; it must be allowed to write below the path',
        pattern: '^[A-Za-z_][A-Za-z0-9._-]{0,63}$',
      }),
    ),
    delegationToken: optional(text({ description: 'A delegation token of the file system', secret: true })),
    basic: optional(
      section(
        {
          user: text({ description: 'Name of the user' }),
          password: text({ description: 'Password of the user', secret: true }),
        },
        { description: 'HTTP Basic authentication, for gateways such as Knox' },
      ),
    ),
    bearer: optional(text({ description: 'Token for HTTP Bearer authentication, for gateways', secret: true })),
    headers: mapOf(text({ description: 'Value of the header', secret: true }), {
      description: 'More headers of each request, such as X-XSRF-HEADER',
      namePattern: '^[A-Za-z0-9-]{1,100}$',
      default: {},
    }),
    ca: optional(
      text({
        description: 'PEM file of the authorities to trust instead of those that Node knows',
        path: 'input',
      }),
    ),
    redirectHosts: optional(
      list(
        text({
          description: 'A host, or *.domain',
          pattern: '^(\\*\\.)?[A-Za-z0-9._-]{1,253}$',
        }),
        {
          description:
            'Hosts that a NameNode may send us to with data, such as its DataNodes; any if left out. Credentials in headers go to none but these, and to where they were meant for',
        },
      ),
    ),
    replication: optional(integer({ description: "Copies of each block; HDFS's own default if left out", minimum: 1 })),
    blockSize: optional(
      bytes({ description: "Size of a block; HDFS's own default if left out", minimum: LEAST_BLOCK_BYTES }),
    ),
    deadline: duration({
      description: 'Longest wait for an answer, or for HDFS to take more of an upload',
      default: 30 * SECOND_MS,
      minimum: SECOND_MS,
    }),
  },
  { description: 'HDFS, over WebHDFS' },
);

export type HdfsStoreConfig = Static<typeof hdfsStoreConfig>;

/** What is wrong with the configuration beyond its fields, each a sentence. */
export function checkHdfsStoreConfig({ namenodes, basic, bearer, headers }: HdfsStoreConfig): string[] {
  const faults = namenodes
    .filter((node) => !URL.canParse(node))
    .map((node) => `store.hdfs.namenodes has ${JSON.stringify(node)}, which is no address.`);
  const ways = [
    ...(basic ? ['basic'] : []),
    ...(bearer === undefined ? [] : ['bearer']),
    ...Object.keys(headers).filter((name) => name.toLowerCase() === 'authorization'),
  ];
  if (ways.length > 1) {
    faults.push(`store.hdfs has ${ways.join(' and ')}, of which a request can carry only one: leave the others out.`);
  }
  return faults;
}

/** What works, but is not safe: secrets that anyone on the way can read. Each a sentence. */
export function cautionsOfHdfsStore(config: HdfsStoreConfig): string[] {
  const { namenodes, basic, bearer, delegationToken, headers } = config;
  const secrets = [
    ...(basic ? ['basic'] : []),
    ...(bearer === undefined ? [] : ['bearer']),
    ...(delegationToken === undefined ? [] : ['delegationToken']),
    ...(Object.keys(headers).length === 0 ? [] : ['headers']),
  ];
  const open = namenodes
    .map((node) => new URL(node))
    .filter(({ protocol, hostname }) => protocol === 'http:' && !isLoopback(hostname.replace(/^\[|\]$/g, '')));
  if (secrets.length === 0 || open.length === 0) return [];
  const hosts = [...new Set(open.map(({ host }) => host))].join(', ');
  return [`store.hdfs sends ${secrets.join(', ')} to ${hosts} over plain http, where anyone on the way can read it.`];
}
