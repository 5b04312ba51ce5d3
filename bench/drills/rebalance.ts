/**
 * Loaders come and go while records flow, half of the leavers by SIGKILL: the group's positions
 * must go on all the time, and each record must stand in both stores once.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KafkaView } from '../../test/support/kafka-view.ts';
import { compare, copiesBeyond, idsInFiles, idsInTable, missingIn } from '../../test/support/read-back.ts';
import { until } from '../../test/support/until.ts';
import type { BenchResult } from '../result.ts';
import { meets } from '../result.ts';
import type { Report } from '../run.ts';
import { startLoading, TOPICS } from './loaders.ts';
import { OpenLoop } from './open-loop.ts';
import { StallWatch } from './rebalance/stall-watch.ts';

export interface RebalanceOptions {
  readonly perSecond: number;
  readonly seconds: number;
  /** Loaders at a time. */
  readonly loaders: number;
  readonly partitions: number;
  /** How often one comes, and the oldest goes. */
  readonly changeEveryMs: number;
  /** Longest time, in seconds, that the positions of a group may stand still under load. */
  readonly mostStall: number;
}

const GROUPS = ['connect-files', 'connect-search'];
const CONFIGURATION = { connectors: { files: { files: { roll: { age: '1s' } } }, search: { table: { sqlite: {} } } } };
const LOADED_MS = 300_000;
const LOOK_MS = 500;
const REPORT_EVERY_CHANGES = 5;

export const run = (report: Report) =>
  rebalanceDrill(
    { perSecond: 2_500, seconds: 120, loaders: 4, partitions: 6, changeEveryMs: 2_000, mostStall: 15 },
    report,
  );

export async function rebalanceDrill(options: RebalanceOptions, report: Report): Promise<BenchResult> {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-rebalance-'));
  try {
    return await drill(options, directory, report);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function drill(options: RebalanceOptions, directory: string, report: Report): Promise<BenchResult> {
  await using stack = new AsyncDisposableStack();
  const { loaders: count, partitions } = options;
  const { collector, view, loaders } = await startLoading(
    { directory, loaders: count, partitions, configuration: CONFIGURATION },
    stack,
  );

  const load = new OpenLoop(collector.collector);
  stack.defer(() => load.close());
  load.start(options.perSecond);
  const watches = GROUPS.map((group) => new StallWatch(() => view.committed(group, TOPICS)));
  stack.defer(() => Promise.all(watches.map((watch) => watch.stop())).then(() => {}));
  const end = performance.now() + options.seconds * 1000;
  while (performance.now() < end) {
    await delay(options.changeEveryMs);
    if (loaders.change() && loaders.changes % REPORT_EVERY_CHANGES === 0) {
      const stalls = watches.map(({ longest }) => longest.toFixed(1)).join(' and ');
      report(`${loaders.changes} changes, ${load.acknowledged.size} events; longest stalls ${stalls} s`);
    }
  }
  const stalls = await Promise.all(watches.map((watch) => watch.stop()));
  await load.stop();
  const exitCodes = [await collector.stop()];
  await until('all is loaded', () => isLoaded(view), LOADED_MS, LOOK_MS);
  exitCodes.push(...(await loaders.end()));

  const log = await view.ids(TOPICS);
  const files = await idsInFiles(collector.data);
  const table = idsInTable(collector.data);
  const [inLog, inFiles, inTable] = [log, files, table].map((one) => compare(load.acknowledged, load.sent, one));
  const figures = {
    seconds: options.seconds,
    sent: load.sent.size,
    acknowledged: load.acknowledged.size,
    stored: Math.min(inLog!.stored, inFiles!.stored, inTable!.stored),
    lost: missingIn(load.acknowledged, [log, files, table]),
    doubled: copiesBeyond(files, log) + inTable!.doubled,
    unexpected: inFiles!.unexpected + inTable!.unexpected,
    repeated_in_log: inLog!.doubled,
    changes: loaders.changes,
    killed: loaders.killed,
    stopped: loaders.stopped,
    bad_exits: exitCodes.filter((code) => code !== 0).length,
    longest_stall_files_s: stalls[0]!,
    longest_stall_search_s: stalls[1]!,
  };
  const targets = {
    stored: load.acknowledged.size,
    max_lost: 0,
    max_doubled: 0,
    max_unexpected: 0,
    max_bad_exits: 0,
    max_longest_stall_files_s: options.mostStall,
    max_longest_stall_search_s: options.mostStall,
  };
  return { name: 'rebalance', ok: meets(figures, targets), figures, ratios: {}, targets };

  async function isLoaded(of: KafkaView): Promise<boolean> {
    const all = await of.end(TOPICS);
    const committed = await Promise.all(GROUPS.map((group) => of.committed(group, TOPICS)));
    return committed.every((position) => position === all);
  }
}
