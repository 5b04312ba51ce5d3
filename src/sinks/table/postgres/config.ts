import { isLoopback } from '../../../config/address.ts';
import type { Static } from '../../../config/fields.ts';
import { boolean, duration, integer, mapOf, oneOf, optional, section, text } from '../../../config/fields.ts';
import { messageOf } from '../../../support/errors.ts';
import { parsePostgresUrl } from './address.ts';

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;

/** What a column of an event's field can hold. */
export const COLUMN_TYPES = ['text', 'integer', 'number', 'boolean', 'timestamp'] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

/** The columns that every table has. */
export const OWN_COLUMNS = ['id', 'type', 'timestamp', 'user_name', 'value', 'words'] as const;

/** Short enough that the names of partitions, which end in their time, fit PostgreSQL's 63 bytes. */
const NAME = '[a-z_][a-z0-9_]{0,44}';

export const postgresTableConfig = section(
  {
    url: text({
      description:
        'The database: postgres://user:password@host:5432/database; several hosts, with "," between them, are tried for the one that takes writes; ?sslmode=verify-full encrypts',
      secret: true,
    }),
    table: text({
      description: 'Table of the events, in a schema that exists; it is made if it is missing',
      default: 'events',
      pattern: `^(${NAME}\\.)?${NAME}$`,
      form: 'a name of small letters, digits and "_", or two with a dot between them',
    }),
    columns: mapOf(
      section(
        {
          field: text({
            description: 'Field of the event, dotted if it lies deeper',
            pattern: '^[^\\u0000-\\u001f]{1,256}$',
            form: 'the name of a field',
          }),
          type: oneOf(COLUMN_TYPES, {
            description: 'What the column holds; a value of another kind is left out of it, and stays in the event',
            default: 'text',
          }),
        },
        { description: 'A field of the events as a column of its own' },
      ),
      {
        description: 'Columns besides those that every table has, by their names; missing ones are added',
        default: {},
        namePattern: `^${NAME}$`,
      },
    ),
    partitionBy: oneOf(['none', 'day', 'month'], {
      description:
        'Whether the table is made of partitions, each with the ids of a time; for events whose ids are UUIDv7, as the collector and the tag make them. Can not be changed later',
      default: 'none',
    }),
    ahead: integer({
      description: 'Partitions that are made ahead of their time',
      default: 7,
      minimum: 1,
      maximum: 100,
    }),
    retention: optional(
      duration({
        description:
          'Events are removed when they are older than this; partitions go as a whole. All are kept if left out',
        minimum: DAY_MS,
      }),
    ),
    delay: duration({
      description: 'Longest time that an event waits to be stored together with others',
      default: 200,
      minimum: 0,
      maximum: 60_000,
    }),
    connections: integer({
      description: 'Most connections of a connector in one process; partitions of the log take turns on them',
      default: 4,
      minimum: 1,
      maximum: 100,
    }),
    connectTimeout: duration({
      description: 'Longest time to connect to a host, security included',
      default: 10 * SECOND_MS,
      minimum: 100,
      maximum: 300 * SECOND_MS,
    }),
    statementTimeout: duration({
      description: 'Longest time for a statement, the way to the server included',
      default: 60 * SECOND_MS,
      minimum: 100,
      maximum: 3_600 * SECOND_MS,
    }),
    tls: optional(
      section(
        {
          ca: file('PEM file of the authorities to trust instead of those that Node knows'),
          cert: file('PEM file of the certificate that this program shows'),
          key: file('PEM file of the key of that certificate'),
          serverName: optional(
            text({
              description: "Name to expect in the server's certificate, instead of the host",
              pattern: '^[A-Za-z0-9._-]{1,253}$',
            }),
          ),
          rejectUnauthorized: boolean({
            description: 'Refuse a server whose certificate is not trusted; false is for trials only',
            default: true,
          }),
        },
        { description: 'Encrypted connections' },
      ),
    ),
  },
  { description: 'A table in PostgreSQL 14 or later, searched by the operations API and the dashboard' },
);

export type PostgresTableConfig = Static<typeof postgresTableConfig>;

function file(description: string) {
  return optional(text({ description, path: 'input' }));
}

/** Rules that tie the fields together; each fault is one sentence. */
export function checkPostgresTable(
  config: PostgresTableConfig,
): { readonly field: string; readonly message: string }[] {
  const faults: { field: string; message: string }[] = [];
  const fault = (field: string, message: string) => faults.push({ field, message });
  try {
    const { tls } = parsePostgresUrl(config.url);
    if (tls === false && config.tls) fault('tls', 'The url says sslmode=disable; leave out that, or "tls".');
  } catch (error) {
    fault('url', `This is not usable: ${messageOf(error)}.`);
  }
  for (const name of Object.keys(config.columns)) {
    if ((OWN_COLUMNS as readonly string[]).includes(name)) {
      fault(`columns.${name}`, `Every table has a column ${name}; choose another name.`);
    }
  }
  if ((config.tls?.cert === undefined) !== (config.tls?.key === undefined)) {
    fault('tls', '"cert" and "key" go together.');
  }
  return faults;
}

/** What works, but whoever runs it should know of. Each a sentence. Of a configuration without faults. */
export function cautionsOfPostgres({ url, tls }: PostgresTableConfig): string[] {
  const address = parsePostgresUrl(url);
  const far = address.hosts.map(({ host }) => host).filter((host) => !isLoopback(host));
  if (tls || address.tls || far.length === 0) return [];
  return [`Without "tls" the events, and the password if the server asks for it so, go to ${far.join()} in the clear.`];
}
