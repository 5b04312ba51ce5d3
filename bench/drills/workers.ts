/**
 * Connectors are created, changed, paused, stopped, restarted and deleted over the REST API of
 * whichever worker is there, while records flow and workers are killed and started: afterwards
 * every worker tells the same, and each store has each record once.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { groupOf } from '../../src/loader/connector.ts';
import type { Postgres } from '../../test/engines/postgres.ts';
import { startPostgres } from '../../test/engines/postgres.ts';
import type { Program } from '../../test/support/program.ts';
import type { Copies } from '../../test/support/read-back.ts';
import { compare, copiesBeyond, idsInFiles, missingIn } from '../../test/support/read-back.ts';
import { until } from '../../test/support/until.ts';
import type { BenchResult } from '../result.ts';
import { meets } from '../result.ts';
import type { Report } from '../run.ts';
import { startLoading, TOPICS } from './loaders.ts';
import { OpenLoop } from './open-loop.ts';
import { verified } from './verified.ts';
import { OPERATIONS, WorkersApi } from './workers/api.ts';

export interface WorkersOptions {
  readonly perSecond: number;
  readonly seconds: number;
  /** Processes at a time. */
  readonly workers: number;
  readonly partitions: number;
  /** How often a worker comes, and the oldest goes. */
  readonly workerEveryMs: number;
  /** How often a connector is told something. */
  readonly changeEveryMs: number;
}

const FILES = ['files-a', 'files-b'];
const TABLES = ['table-a', 'table-b'];
/** The name of the secret with the address of the PostgreSQL server. */
const SECRET = 'postgres';
const LOOK_AT_TABLE_MS = 60_000;
const LOADED_MS = 300_000;
const AGREED_MS = 10_000;
const LOOK_MS = 500;
const REPORT_EVERY_CHANGES = 10;

export const run = (report: Report) =>
  workersDrill(
    { perSecond: 1_000, seconds: 120, workers: 3, partitions: 6, workerEveryMs: 4_000, changeEveryMs: 700 },
    report,
  );

export async function workersDrill(options: WorkersOptions, report: Report): Promise<BenchResult> {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-workers-'));
  try {
    return await drill(options, directory, report);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function drill(options: WorkersOptions, directory: string, report: Report): Promise<BenchResult> {
  await using stack = new AsyncDisposableStack();
  const server = await startPostgres();
  stack.defer(() => server.close());
  const secrets = path.join(directory, 'secrets');
  mkdirSync(secrets);
  writeFileSync(path.join(secrets, SECRET), server.url);
  const { collector, view, loaders, configuration } = await startLoading(
    {
      ...{ directory, loaders: options.workers, partitions: options.partitions },
      // Workers go all the time, with what they had to say of it.
      configuration: { connectors: {}, connect: { secrets }, logging: { level: 'error', format: 'text' } },
    },
    stack,
  );
  const api = new WorkersApi(() => loaders.running);
  for (const name of FILES) await api.create(name, configOf(name));
  for (const name of TABLES) await api.create(name, configOf(name));

  const load = new OpenLoop(collector.collector);
  stack.defer(() => load.close());
  load.start(options.perSecond);
  const end = performance.now() + options.seconds * 1000;
  let nextWorker = performance.now() + options.workerEveryMs;
  const names = [...FILES, ...TABLES];
  while (performance.now() < end) {
    await delay(options.changeEveryMs);
    if (performance.now() > nextWorker && loaders.change()) nextWorker = performance.now() + options.workerEveryMs;
    const operation = OPERATIONS[api.changes % OPERATIONS.length]!;
    const name = names[Math.floor(Math.random() * names.length)]!;
    await operation(api, name, configOf);
    if (api.changes % REPORT_EVERY_CHANGES === 0) {
      report(`${api.changes} changes, ${loaders.changes} workers gone, ${load.acknowledged.size} events`);
    }
  }
  await load.stop();
  const exitCodes = [await collector.stop()];
  await loaders.settled();
  for (const name of names) await api.resume(name);
  await until('all is loaded', () => isLoaded(), LOADED_MS, LOOK_MS);
  const disagreeing = await disagreement(loaders.running);
  const workers = loaders.running.length;
  exitCodes.push(...(await loaders.end()));

  const log = await view.ids(TOPICS);
  const place = (name: string) => path.join(collector.data, 'connect', name);
  const files = await Promise.all(FILES.map((name) => idsInFiles(place(name))));
  const tables = await Promise.all(TABLES.map((name) => idsInPostgres(server, tableOf(name))));
  const findings = await findingsOf(names, directory, configuration, report);
  const compared = [log, ...files, ...tables].map((one) => compare(load.acknowledged, load.sent, one));
  const figures = {
    seconds: options.seconds,
    sent: load.sent.size,
    acknowledged: load.acknowledged.size,
    stored: Math.min(...compared.map(({ stored }) => stored)),
    lost: missingIn(load.acknowledged, [log, ...files, ...tables]),
    doubled:
      files.reduce((sum, one) => sum + copiesBeyond(one, log), 0) +
      compared.slice(-TABLES.length).reduce((sum, { doubled }) => sum + doubled, 0),
    unexpected: compared.reduce((sum, { unexpected }) => sum + unexpected, 0),
    changes: api.changes,
    asked_again: api.askedAgain,
    killed: loaders.killed,
    stopped: loaders.stopped,
    workers,
    disagreeing,
    not_verified: findings,
    bad_exits: exitCodes.filter((code) => code !== 0).length,
  };
  const targets = {
    stored: load.acknowledged.size,
    max_lost: 0,
    max_doubled: 0,
    max_unexpected: 0,
    max_disagreeing: 0,
    max_not_verified: 0,
    max_bad_exits: 0,
  };
  return { name: 'workers', ok: meets(figures, targets), figures, ratios: {}, targets };

  async function isLoaded(): Promise<boolean> {
    const all = await view.end(TOPICS);
    const committed = await Promise.all(names.map((name) => view.committed(groupOf(name), TOPICS)));
    return committed.every((position) => position === all);
  }
}

/** How many workers tell something else than the first one, once they had the time to hear of the last change. */
async function disagreement(workers: readonly Program[]): Promise<number> {
  const tell = async () => {
    const told = await Promise.all(workers.map((worker) => new WorkersApi(() => [worker]).configurations()));
    return told.filter((one) => one !== told[0]).length;
  };
  await until('all tell the same', async () => (await tell()) === 0, AGREED_MS, LOOK_MS).catch(() => {});
  return tell();
}

/** How many connectors `millrace verify` has something to say against. */
async function findingsOf(
  names: readonly string[],
  directory: string,
  configuration: object,
  report: Report,
): Promise<number> {
  let findings = 0;
  for (const name of names) {
    const { good, said } = await verified(directory, configuration, name);
    if (good) continue;
    findings++;
    report(`verify ${name}: ${said}`);
  }
  return findings;
}

async function idsInPostgres({ url }: Postgres, table: string): Promise<Copies> {
  const client = new pg.Client({ connectionString: url, query_timeout: LOOK_AT_TABLE_MS });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string; copies: number }>(
      `SELECT id, count(*)::int AS copies FROM ${table} GROUP BY id`,
    );
    return new Map(rows.map(({ id, copies }) => [id, copies]));
  } finally {
    await client.end();
  }
}

function tableOf(name: string): string {
  return name.replaceAll('-', '_');
}

/** Of a connector, or of one like another. */
function configOf(name: string, like = name): Record<string, string> {
  const sink: Record<string, string> = FILES.includes(like)
    ? { 'connector.class': 'FilesSink', 'rotate.interval.ms': '1000' }
    : { 'connector.class': 'TableSink', 'connection.url': `\${file:${SECRET}}`, 'postgres.table': tableOf(name) };
  // Some on all workers, some on one of them at a time.
  return { ...sink, topics: TOPICS.join(','), 'tasks.max': like.endsWith('-a') ? '3' : '1' };
}
