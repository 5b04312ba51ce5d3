import type { PostgresTableConfig } from './config.ts';
import type { Session } from './database.ts';
import { Database } from './database.ts';
import { postgresErrors } from './errors.ts';
import { createEvents, createPosition, OWN_TYPES, SQL_TYPES, tableNames } from './schema.ts';

/** date_bin() and sound partitions of partitioned tables. */
const LEAST_VERSION = 140_000;
/** Whoever makes tables for us holds this lock, so that two do not make them at once. */
const LOCK = `pg_advisory_xact_lock(hashtextextended('millrace', 0))`;

type Config = Pick<PostgresTableConfig, 'table' | 'columns' | 'partitionBy'>;

/**
 * Makes what is missing of the tables, and looks whether what is there can be used. Needs no right
 * to make anything where nothing is missing.
 *
 * @throws POSTGRES_TOO_OLD, POSTGRES_TABLE_UNSUITABLE, POSTGRES_FORBIDDEN
 */
export async function prepareTables(database: Database, config: Config, signal: AbortSignal): Promise<void> {
  await database.transaction(async (session) => {
    await prepare(session, config);
    return true;
  }, signal);
}

async function prepare(session: Session, config: Config): Promise<void> {
  const { rows } = await session.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::integer AS version`,
  );
  const version = rows[0]?.version ?? 0;
  if (version < LEAST_VERSION) throw postgresErrors.POSTGRES_TOO_OLD(`the server has version ${version}`);
  await session.query(`SELECT ${LOCK}`);
  const { table, position } = tableNames(config.table);
  if (await exists(session, table)) await fit(session, config);
  else await session.query(createEvents(config));
  if (!(await exists(session, position))) await session.query(createPosition(config));
}

async function exists(session: Session, table: string): Promise<boolean> {
  const { rows } = await session.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [table]);
  return rows[0]?.found ?? false;
}

/** Adds columns that are configured and missing; everything else must be as it is made by us. */
async function fit(session: Session, config: Config): Promise<void> {
  const { table } = tableNames(config.table);
  const unsuitable = (what: string) => postgresErrors.POSTGRES_TABLE_UNSUITABLE(`the table ${config.table} ${what}`);
  const { rows } = await session.query<{ name: string; type: string; kind: string }>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, c.relkind AS kind
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.oid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped`,
    [table],
  );
  const partitioned = rows[0]?.kind === 'p';
  if (partitioned !== (config.partitionBy !== 'none')) {
    throw unsuitable(partitioned ? 'has partitions, and "partitionBy" is none' : 'has no partitions');
  }
  const found = new Map(rows.map(({ name, type }) => [name, type]));
  for (const [name, type] of Object.entries(OWN_TYPES)) {
    if (found.get(name) !== type) throw unsuitable(`has no column ${name} of type ${type}`);
  }
  for (const [name, { type }] of Object.entries(config.columns)) {
    const there = found.get(name);
    if (there === undefined) await session.query(`ALTER TABLE ${table} ADD COLUMN "${name}" ${SQL_TYPES[type]}`);
    else if (there !== SQL_TYPES[type])
      throw unsuitable(`has a column ${name} of type ${there}, not ${SQL_TYPES[type]}`);
  }
  const keys = await session.query(
    `SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
     WHERE i.indrelid = $1::regclass AND i.indisunique AND i.indnkeyatts = 1 AND i.indpred IS NULL AND a.attname = 'id'`,
    [table],
  );
  if (keys.count === 0) throw unsuitable('has no unique key on the column id alone');
}

/** Does what {@link prepareTables} does and takes it back, so that nothing is left of it. Says what it found. */
export async function tryPostgres(config: PostgresTableConfig, signal: AbortSignal): Promise<string> {
  const database = new Database(config, 'millrace doctor');
  try {
    await database.transaction(async (session) => {
      await prepare(session, config);
      return undefined;
    }, signal);
    return 'PostgreSQL answers, and has the tables or lets us make them';
  } finally {
    database.close();
  }
}
