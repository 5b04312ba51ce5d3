import type { Static } from '../../config/fields.ts';
import { choice, duration, oneOf, optional, section, text } from '../../config/fields.ts';
import { cautionsOfPostgres, checkPostgresTable, postgresTableConfig } from './postgres/config.ts';

const sqlite = section(
  {
    path: optional(
      text({
        description: 'Database file, relative to the data directory; if left out, search.db in the data directory',
        path: 'store',
      }),
    ),
    durability: oneOf(['full', 'normal'], {
      description:
        'full: what is committed outlives a power cut; normal: it outlives a crash of the program, and a power cut takes the last moments back',
      default: 'full',
    }),
    delay: duration({
      description: 'Longest time that an event waits to be stored together with others',
      default: 100,
      minimum: 0,
      maximum: 60_000,
    }),
  },
  { description: 'A SQLite database file, searched by the operations API and the dashboard' },
);

export const tableConfig = choice(
  { sqlite, postgres: postgresTableConfig },
  { description: 'A table of events in a relational database' },
);

export type TableConfig = Static<typeof tableConfig>;
export type SqliteTableConfig = Static<typeof sqlite>;

/** Rules that tie the fields together; each fault is one sentence. */
export function checkTableConfig({ postgres }: TableConfig): { readonly field: string; readonly message: string }[] {
  if (!postgres) return [];
  return checkPostgresTable(postgres).map(({ field, message }) => ({ field: `postgres.${field}`, message }));
}

/** What works, but whoever runs it should know of. Each a sentence. */
export function cautionsOfTable({ postgres }: TableConfig): string[] {
  return postgres ? cautionsOfPostgres(postgres) : [];
}
