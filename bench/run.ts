/**
 * Runs measurements and fault drills: `npm run bench -- NAME`, `npm run drill -- NAME`.
 * Shows progress and a table on standard error, and one line of JSON on standard output, last.
 * Exit code 0 only if every target is met.
 */
import type { BenchResult } from './result.ts';
import { MOST } from './result.ts';

type Run = (report: Report) => Promise<BenchResult>;

/** Says how far a measurement has come. */
export type Report = (line: string) => void;

const MEASUREMENTS: Readonly<Record<string, Readonly<Record<string, () => Promise<{ run: Run }>>>>> = {
  bench: {
    collector: () => import('./collector.ts'),
    log: () => import('./log.ts'),
    load: () => import('./load.ts'),
    million: () => import('./million.ts'),
    kafka: () => import('./kafka.ts'),
    peer: () => import('./peer.ts'),
    hdfs: () => import('./hdfs.ts'),
    s3: () => import('./s3.ts'),
    postgres: () => import('./postgres.ts'),
    search: () => import('./search.ts'),
  },
  drill: {
    crash: () => import('./drills/crash.ts'),
    burst: () => import('./drills/burst.ts'),
    outage: () => import('./drills/outage.ts'),
    rebalance: () => import('./drills/rebalance.ts'),
    workers: () => import('./drills/workers.ts'),
    'connect-conformance': () => import('./drills/connect-conformance.ts'),
    files: () => import('./drills/files.ts'),
    hdfs: () => import('./drills/hdfs.ts'),
    s3: () => import('./drills/s3.ts'),
    search: () => import('./drills/search.ts'),
    postgres: () => import('./drills/postgres.ts'),
  },
};

const [kind = '', name = ''] = process.argv.slice(2);
const load = MEASUREMENTS[kind]?.[name];
if (!load) {
  const known = Object.keys(MEASUREMENTS[kind] ?? {}).join(', ');
  process.stderr.write(`usage: npm run ${kind || 'bench'} -- NAME\nNames: ${known}\n`);
  process.exit(2);
}

const { run } = await load();
const result = await run((line) => process.stderr.write(`${line}\n`));
printTable(result);
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(result.ok ? 0 : 1);

function printTable({ figures, ratios, targets }: BenchResult): void {
  const rows = Object.entries({ ...figures, ...ratios });
  const width = Math.max(...rows.map(([row]) => row.length));
  for (const [row, value] of rows) {
    const shown = Number.isInteger(value) ? String(value) : value.toFixed(2);
    const target = targets[row] ?? targets[MOST + row];
    const aim = target === undefined ? '' : `  (target ${row in targets ? '' : 'at most '}${target})`;
    process.stderr.write(`  ${row.padEnd(width)}  ${shown.padStart(12)}${aim}\n`);
  }
}
