/**
 * Ten times the steady rate for a minute, at the default `acknowledge: received`: what is shed
 * must be said (503 with Retry-After), what is acknowledged must arrive, and the lag must go.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, sampleEvent } from '../../test/support/client.ts';
import { Program } from '../../test/support/program.ts';
import { compare, idsInFiles, idsInTable } from '../../test/support/read-back.ts';
import { until } from '../../test/support/until.ts';
import type { BenchResult } from '../result.ts';
import type { Report } from '../run.ts';

export interface BurstOptions {
  readonly steadyPerSecond: number;
  readonly factor: number;
  readonly steadySeconds: number;
  readonly burstSeconds: number;
}

const BATCH = 20;
const CONNECTIONS = 32;
/** How often the pacer looks at the clock. */
const TICK_MS = 10;
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

interface Tally {
  readonly sent: Set<string>;
  readonly acknowledged: Set<string>;
  shed: number;
  shedWithoutWord: number;
  unanswered: number;
}

async function drill(options: BurstOptions, directory: string, report: Report): Promise<BenchResult> {
  const program = await Program.start({ directory });
  const client = new Client(program.collector, CONNECTIONS);
  const tally: Tally = { sent: new Set(), acknowledged: new Set(), shed: 0, shedWithoutWord: 0, unanswered: 0 };
  const { steadyPerSecond, factor, steadySeconds, burstSeconds } = options;
  const lagOf = async () => Math.max(...(await program.status()).connectors.map(({ lag }) => lag));

  report(`steady: ${steadyPerSecond} events/s for ${steadySeconds} s`);
  await pace(client, steadyPerSecond, steadySeconds, tally);
  const steadyLatency = await pace(client, steadyPerSecond, 1, tally);
  report(`burst: ${steadyPerSecond * factor} events/s for ${burstSeconds} s`);
  const before = tally.sent.size;
  const burstLatency = await pace(client, steadyPerSecond * factor, burstSeconds, tally);
  const inBurst = tally.sent.size - before;
  const lagAfter = await lagOf();
  report(`lag after the burst: ${lagAfter}; waiting until it is gone, at the steady rate`);
  const from = performance.now();
  let caughtUp = false;
  const steady = (async () => {
    while (!caughtUp) await pace(client, steadyPerSecond, 1, tally);
  })();
  await until('the lag is gone', async () => (await lagOf()) <= steadyPerSecond, LAG_DEADLINE_MS);
  const recovery = (performance.now() - from) / 1000;
  caughtUp = true;
  await steady;
  await until('everything is loaded', async () => (await lagOf()) === 0, LAG_DEADLINE_MS);
  const peakRssMb = program.peakRssMb();
  const exitCode = await program.stop();
  client.close();

  const files = compare(tally.acknowledged, tally.sent, await idsInFiles(program.data));
  const table = compare(tally.acknowledged, tally.sent, idsInTable(program.data));
  const figures = {
    sent: tally.sent.size,
    sent_in_burst: inBurst,
    acknowledged: tally.acknowledged.size,
    stored: Math.min(files.stored, table.stored),
    lost: files.lost + table.lost,
    doubled: files.doubled + table.doubled,
    shed_said: tally.shed,
    shed_without_word: tally.shedWithoutWord,
    unanswered: tally.unanswered,
    lag_after_burst: lagAfter,
    recovery_s: Math.round(recovery * 10) / 10,
    steady_p99_ms: steadyLatency,
    burst_p99_ms: burstLatency,
    peak_rss_mb: peakRssMb,
    exit_code: exitCode ?? -1,
  };
  const targets = { lost: 0, doubled: 0, shed_without_word: 0, unanswered: 0, exit_code: 0 };
  const ok = Object.entries(targets).every(([name, target]) => figures[name as keyof typeof targets] === target);
  return { name: 'burst', ok, figures, ratios: {}, targets };
}

/** Sends at a rate, whatever the answers do (an open loop); resolves to the p99 of the answers, in milliseconds. */
async function pace(client: Client, perSecond: number, seconds: number, tally: Tally): Promise<number> {
  const start = performance.now();
  const latencies: number[] = [];
  const underWay: Promise<void>[] = [];
  let sent = 0;
  for (;;) {
    const elapsed = performance.now() - start;
    if (elapsed >= seconds * 1000) break;
    for (; sent < (elapsed / 1000) * perSecond; sent += BATCH) underWay.push(sendBatch(client, tally, latencies));
    await delay(TICK_MS);
  }
  await Promise.all(underWay);
  latencies.sort((a, b) => a - b);
  return Math.round((latencies[Math.floor(latencies.length * 0.99)] ?? 0) * 10) / 10;
}

async function sendBatch(client: Client, tally: Tally, latencies: number[]): Promise<void> {
  const ids = Array.from({ length: BATCH }, () => randomUUID());
  for (const id of ids) tally.sent.add(id);
  const body = JSON.stringify(ids.map((id, index) => sampleEvent(id, tally.sent.size + index)));
  const from = performance.now();
  const answer = await client.send(body);
  latencies.push(performance.now() - from);
  if (!answer) tally.unanswered += ids.length;
  else if (answer.status === 200 || answer.status === 204) for (const id of ids) tally.acknowledged.add(id);
  else if (answer.retryAfter !== undefined) tally.shed += ids.length;
  else tally.shedWithoutWord += ids.length;
}
