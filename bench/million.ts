/**
 * A million events through everything in one process: HTTP, log, files and search store.
 * Memory must stay flat, and the last tenth must load about as fast as the second.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, sampleEvent } from '../test/support/client.ts';
import { Program } from '../test/support/program.ts';
import { idsInFiles, idsInTable } from '../test/support/read-back.ts';
import type { BenchResult } from './result.ts';
import type { Report } from './run.ts';

const EVENTS = 1_000_000;
const BATCH = 100;
const CONNECTIONS = 4;
const TENTH = EVENTS / 10;
/** The client waits while the stores are further behind than this: the measure is the whole way, not the log. */
const MOST_LAG = 120_000;
const LOOK_MS = 100;

const TARGETS = { events_per_s: 5_000, peak_rss_mb: 320, last_vs_second_tenth: 0.9 };

export async function run(report: Report): Promise<BenchResult> {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-million-'));
  try {
    return await measure(directory, report);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(directory: string, report: Report): Promise<BenchResult> {
  const program = await Program.start({ directory });
  const client = new Client(program.collector, CONNECTIONS);
  const progress = { sent: 0, loaded: 0, refused: 0 };
  const start = performance.now();
  const senders = Array.from({ length: CONNECTIONS }, async () => {
    while (progress.sent < EVENTS) {
      if (progress.sent - progress.loaded > MOST_LAG) {
        await delay(LOOK_MS / 10);
        continue;
      }
      const from = progress.sent;
      progress.sent += BATCH;
      const events = Array.from({ length: BATCH }, (_, index) => sampleEvent(randomUUID(), from + index));
      const answer = await client.send(JSON.stringify(events));
      if (answer?.status !== 200 && answer?.status !== 204) progress.refused += BATCH;
    }
  });
  /** Seconds since the start at which each tenth was in both stores. */
  const tenths: number[] = [];
  let peakRssMb = 0;
  while (progress.loaded < EVENTS - progress.refused) {
    await delay(LOOK_MS);
    const { connectors } = await program.status();
    progress.loaded = Math.min(...connectors.map(({ loaded }) => loaded));
    peakRssMb = Math.max(peakRssMb, program.peakRssMb());
    while (progress.loaded >= (tenths.length + 1) * TENTH) {
      tenths.push((performance.now() - start) / 1000);
      report(`${tenths.length * 10} %: ${Math.round(progress.loaded / tenths.at(-1)!)} events/s, ${peakRssMb} MiB`);
    }
  }
  await Promise.all(senders);
  const seconds = (performance.now() - start) / 1000;
  const exitCode = await program.stop();
  client.close();
  const speed = (tenth: number) => TENTH / ((tenths[tenth] ?? Number.NaN) - (tenths[tenth - 1] ?? 0));
  const figures = {
    events: EVENTS,
    refused: progress.refused,
    stored_files: (await idsInFiles(program.data)).size,
    stored_table: idsInTable(program.data).size,
    events_per_s: Math.round(EVENTS / seconds),
    peak_rss_mb: peakRssMb,
    exit_code: exitCode ?? -1,
  };
  const ratios = { last_vs_second_tenth: Math.round((speed(9) / speed(1)) * 1000) / 1000 };
  const ok =
    figures.events_per_s >= TARGETS.events_per_s &&
    figures.peak_rss_mb <= TARGETS.peak_rss_mb &&
    ratios.last_vs_second_tenth >= TARGETS.last_vs_second_tenth &&
    figures.stored_files === EVENTS - progress.refused &&
    figures.stored_table === EVENTS - progress.refused &&
    exitCode === 0;
  return { name: 'million', ok, figures, ratios, targets: TARGETS };
}
