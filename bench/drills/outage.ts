/**
 * Takes Kafka away from the running program in every way that it goes away in practice, at steady
 * load, and reads Kafka and both stores back: what each level of acknowledgement promised must be
 * there, once, and pages must not have noticed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BenchResult } from '../result.ts';
import { MOST, meets } from '../result.ts';
import type { Report } from '../run.ts';
import { countsOf, judge } from './outage/judge.ts';
import type { Timing } from './outage/runner.ts';
import { runScenario } from './outage/runner.ts';
import type { Scenario } from './outage/scenarios.ts';
import { SCENARIOS } from './outage/scenarios.ts';

export interface OutageOptions extends Timing {
  readonly scenarios: readonly Scenario[];
}

const FULL = { perSecond: 5_000, beforeSeconds: 10, deliveryTimeoutSeconds: 5, judgeSpeed: true };

/** Runs every scenario, or those that `MILLRACE_SCENARIOS` names, separated by commas. */
export function run(report: Report): Promise<BenchResult> {
  const names = process.env['MILLRACE_SCENARIOS']?.split(',') ?? SCENARIOS.map(({ name }) => name);
  const scenarios = names.map((name) => {
    const found = SCENARIOS.find((one) => one.name === name);
    if (!found) throw new Error(`there is no scenario ${name}; known: ${SCENARIOS.map((one) => one.name).join(', ')}`);
    return found;
  });
  return outageDrill({ ...FULL, scenarios }, report);
}

export async function outageDrill(options: OutageOptions, report: Report): Promise<BenchResult> {
  const totals: Record<string, number> = {};
  const figures: Record<string, number> = {};
  const targets: Record<string, number> = {};
  for (const scenario of options.scenarios) {
    const outcome = await inDirectory((directory) => runScenario(scenario, options, directory, report));
    for (const [name, count] of Object.entries(countsOf(scenario, outcome))) totals[name] = (totals[name] ?? 0) + count;
    const judged = judge(scenario, outcome);
    for (const [name, value] of Object.entries(judged.figures)) figures[`${scenario.name}_${name}`] = value;
    const aims = { ...judged.promised, ...(options.judgeSpeed ? judged.speed : {}) };
    for (const [name, target] of Object.entries(aims)) targets[targetOf(scenario, name)] = target;
  }
  const all = { ...totals, ...figures };
  return { name: 'outage', ok: meets(all, targets), figures: all, ratios: {}, targets };
}

/** `max_lost` of the scenario `frozen` → `max_frozen_lost`. */
function targetOf(scenario: Scenario, name: string): string {
  return name.startsWith(MOST) ? `${MOST}${scenario.name}_${name.slice(MOST.length)}` : `${scenario.name}_${name}`;
}

async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-outage-'));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
