import type { Static } from '../../config/fields.ts';
import { list, optional, section, text } from '../../config/fields.ts';

export const connectConfig = section(
  {
    group: text({
      description: 'Workers of one group run the same connectors, those that were made over the REST API',
      pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
      default: 'millrace',
    }),
    environment: list(text({ description: 'A name, or the beginning of names with * after it' }), {
      description: 'Environment variables that `${env:NAME}` in a connector may name',
      default: ['MILLRACE_CONNECT_*'],
    }),
    secrets: optional(
      text({
        description:
          'Folder of the files that `${file:NAME}` and paths of certificates in a connector may name; none if left out',
      }),
    ),
    stores: optional(
      text({
        description:
          'Folder that stores of such connectors on this machine are in; "connect" in the data directory if left out',
      }),
    ),
  },
  { description: 'Connectors that are made at run time, over a REST API as Kafka Connect has it' },
);

export type ConnectConfig = Static<typeof connectConfig>;

/** The group whose topic has no name of its own. */
const DEFAULT_GROUP = 'millrace';

/** The topic in which the connectors of a group stand, of those that begin so. */
export function connectorsTopic(prefix: string, group: string): string {
  return group === DEFAULT_GROUP ? prefix : `${prefix}-${group}`;
}
