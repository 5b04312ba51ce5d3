/**
 * Kills the program at random moments under load, at `acknowledge: delivered`, and reads both
 * stores back: nothing acknowledged may be missing, nothing may be there twice.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { acknowledgedIn, Client, sampleEvent } from '../../test/support/client.ts';
import { Program } from '../../test/support/program.ts';
import { compare, idsInFiles, idsInTable } from '../../test/support/read-back.ts';
import { until } from '../../test/support/until.ts';
import type { BenchResult } from '../result.ts';
import type { Report } from '../run.ts';

const CONNECTIONS = 8;
/** Events in one request: small, so that many requests are under way at a kill. */
const BATCH = 5;
const LEAST_BETWEEN_KILLS = 100;
const RANDOM_EXTRA_MS = 400;

export const run = (report: Report) => crashDrill(200, report);

export async function crashDrill(kills: number, report: Report): Promise<BenchResult> {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-crash-'));
  try {
    return await drill(kills, directory, report);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function drill(kills: number, directory: string, report: Report): Promise<BenchResult> {
  const configuration = {
    collector: { acknowledge: 'delivered' },
    // Short, so that kills hit commits of files as often as anything else.
    connectors: { files: { files: { roll: { age: '100ms' } } }, search: { table: { sqlite: {} } } },
  };
  const sent = new Set<string>();
  const acknowledged = new Set<string>();
  for (let kill = 1; kill <= kills; kill++) {
    const program = await Program.start({ directory, configuration });
    await loadUntilKilled(program, sent, acknowledged);
    if (kill % 10 === 0) report(`${kill} of ${kills} kills, ${acknowledged.size} events acknowledged`);
  }
  const program = await Program.start({ directory, configuration });
  const exitCode = await program.stopWhenLoaded();
  const files = compare(acknowledged, sent, await idsInFiles(program.data));
  const table = compare(acknowledged, sent, idsInTable(program.data));
  const figures = {
    kills,
    sent: sent.size,
    acknowledged: acknowledged.size,
    stored: Math.min(files.stored, table.stored),
    stored_files: files.stored,
    stored_table: table.stored,
    lost: files.lost + table.lost,
    doubled: files.doubled + table.doubled,
    unexpected: files.unexpected + table.unexpected,
    last_exit_code: exitCode ?? -1,
  };
  const ok = figures.lost === 0 && figures.doubled === 0 && figures.unexpected === 0 && exitCode === 0;
  return { name: 'crash', ok, figures, ratios: {}, targets: { lost: 0, doubled: 0, unexpected: 0, last_exit_code: 0 } };
}

/** Sends from several connections until enough is acknowledged and a random moment has come. */
async function loadUntilKilled(program: Program, sent: Set<string>, acknowledged: Set<string>): Promise<void> {
  const client = new Client(program.collector, CONNECTIONS);
  let mine = 0;
  let killed = false;
  const senders = Array.from({ length: CONNECTIONS }, async () => {
    while (!killed) {
      const ids = Array.from({ length: BATCH }, () => randomUUID());
      for (const id of ids) sent.add(id);
      const answer = await client.send(JSON.stringify(ids.map((id, index) => sampleEvent(id, sent.size + index))));
      const taken = acknowledgedIn(answer, ids);
      for (const id of taken) acknowledged.add(id);
      mine += taken.length;
    }
  });
  await until('enough is acknowledged', () => mine >= LEAST_BETWEEN_KILLS);
  await delay(Math.random() * RANDOM_EXTRA_MS);
  await program.kill();
  killed = true;
  await Promise.all(senders);
  client.close();
}
