/**
 * Ten times the steady rate for a minute, at the default `acknowledge: received`: what is shed
 * must be said (503 with Retry-After), what is acknowledged must arrive, and the lag must go.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Program } from '../../test/support/program.ts';
import { compare, idsInFiles, idsInTable } from '../../test/support/read-back.ts';
import { until } from '../../test/support/until.ts';
import type { BenchResult } from '../result.ts';
import type { Report } from '../run.ts';
import { OpenLoop } from './open-loop.ts';

export interface BurstOptions {
  readonly steadyPerSecond: number;
  readonly factor: number;
  readonly steadySeconds: number;
  readonly burstSeconds: number;
}

/** The lag counts as gone below one second of steady load. */
const LAG_DEADLINE_MS = 600_000;

export const run = (report: Report) =>
  burstDrill({ steadyPerSecond: 1_000, factor: 10, steadySeconds: 15, burstSeconds: 60 }, report);

export async function burstDrill(options: BurstOptions, report: Report): Promise<BenchResult> {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-burst-'));
  try {
    return await drill(options, directory, report);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function drill(options: BurstOptions, directory: string, report: Report): Promise<BenchResult> {
  const program = await Program.start({ directory });
  const load = new OpenLoop(program.collector);
  const { steadyPerSecond, factor, steadySeconds, burstSeconds } = options;
  const lagOf = async () => Math.max(...(await program.status()).connectors.map(({ lag }) => lag));

  report(`steady: ${steadyPerSecond} events/s for ${steadySeconds} s`);
  const steady = await load.pace(steadyPerSecond, steadySeconds);
  report(`burst: ${steadyPerSecond * factor} events/s for ${burstSeconds} s`);
  const before = load.sent.size;
  const burst = await load.pace(steadyPerSecond * factor, burstSeconds);
  const inBurst = load.sent.size - before;
  const lagAfter = await lagOf();
  report(`lag after the burst: ${lagAfter}; waiting until it is gone, at the steady rate`);
  const from = performance.now();
  load.start(steadyPerSecond);
  await until('the lag is gone', async () => (await lagOf()) <= steadyPerSecond, LAG_DEADLINE_MS);
  const recovery = (performance.now() - from) / 1000;
  await load.stop();
  await until('everything is loaded', async () => (await lagOf()) === 0, LAG_DEADLINE_MS);
  const peakRssMb = program.peakRssMb();
  const exitCode = await program.stop();
  load.close();

  const files = compare(load.acknowledged, load.sent, await idsInFiles(program.data));
  const table = compare(load.acknowledged, load.sent, idsInTable(program.data));
  const figures = {
    sent: load.sent.size,
    sent_in_burst: inBurst,
    acknowledged: load.acknowledged.size,
    stored: Math.min(files.stored, table.stored),
    lost: files.lost + table.lost,
    doubled: files.doubled + table.doubled,
    shed_said: load.shed,
    shed_without_word: load.shedWithoutWord,
    unanswered: load.unanswered,
    lag_after_burst: lagAfter,
    recovery_s: Math.round(recovery * 10) / 10,
    steady_p99_ms: steady.p99,
    burst_p99_ms: burst.p99,
    peak_rss_mb: peakRssMb,
    exit_code: exitCode ?? -1,
  };
  const targets = { lost: 0, doubled: 0, shed_without_word: 0, unanswered: 0, exit_code: 0 };
  const ok = Object.entries(targets).every(([name, target]) => figures[name as keyof typeof targets] === target);
  return { name: 'burst', ok, figures, ratios: {}, targets };
}
