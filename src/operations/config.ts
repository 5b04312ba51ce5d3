import { address, isLoopback, parseAddress } from '../config/address.ts';
import type { Static } from '../config/fields.ts';
import { list, optional, section, text } from '../config/fields.ts';

export const operationsConfig = section(
  {
    listen: address({
      description: 'Address and port of dashboard, metrics and operations API; port 0 picks a free one',
      default: '127.0.0.1:8083',
    }),
    token: optional(
      text({
        description: 'Who asks must know this; required when listening on more than the loopback address',
        secret: true,
        pattern: '^[!-~]{16,512}$',
      }),
    ),
    hosts: list(text({ description: 'A host name, such as millrace.example.org' }), {
      description: 'Names the server may be called by, besides IP addresses and localhost',
      default: [],
    }),
  },
  { description: 'Dashboard, metrics and operations API' },
);

export type OperationsConfig = Static<typeof operationsConfig>;

/** Rules that tie the fields together; each fault is one sentence. */
export function checkAccess(config: OperationsConfig): readonly string[] {
  const { host } = parseAddress(config.listen);
  if (isLoopback(host) || config.token !== undefined) return [];
  return [
    `Listening on ${host} lets other machines in, which needs a token: set operations.token, or listen on 127.0.0.1.`,
  ];
}
