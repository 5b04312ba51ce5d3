/**
 * Loads from a real Kafka into a store that is disturbed: by a loader that dies at each step of
 * its way into it, by two loaders that both believe they own a partition, and by whatever
 * the store itself can suffer. After each, everything must stand there once, and nothing else.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startKafka } from '../../../test/engines/kafka.ts';
import type { BenchResult } from '../../result.ts';
import { meets } from '../../result.ts';
import type { Report } from '../../run.ts';
import type { Fate, Step, StoreCalls } from './faults.ts';
import { FATES } from './faults.ts';
import { Rig } from './rig.ts';

/** A store that a drill can disturb. */
export interface StoreUnderTest {
  /** The sink of the connector, as in its configuration: `{ files: … }`. */
  readonly sink: object;
  /** What the sink calls the store by, where it can be meddled with. */
  readonly calls: StoreCalls;
  /** Makes an event one that the store refuses. */
  readonly refusedFields?: object;
  /** The ids of all events that readers see, by a program that is not ours where there is one. */
  idsStored(): Promise<readonly string[]>;
  /** What stands in the store besides and should not, in a person's words. */
  leftBehind(): Promise<readonly string[]>;
  /** What can happen to the store while it is loaded, by name. Each settles when the store is well again. */
  readonly disturbances: Readonly<Record<string, () => Promise<void>>>;
  close(): Promise<void>;
}

export interface StoreDrillOptions {
  readonly name: string;
  readonly start: (report: Report) => Promise<StoreUnderTest>;
  /** Where to meddle: at every call in each way, or only here. */
  readonly steps: 'all' | readonly Step[];
  /** Disturbances to leave out, in the short form. */
  readonly without?: readonly string[];
}

/** The short form for files: where most can go wrong. The first two claims are of the topic and of that for replays. */
export const FEW_STEPS: readonly Step[] = [
  { of: 'publishIfAbsent', call: 2, fate: 'lost' },
  { of: 'finish', call: 0, fate: 'before' },
  { of: 'close', call: 0, fate: 'after' },
];

/** Steps that end without the call being made: this many in a row, and there are no further ones. */
const PAST_THE_END = 2;

export async function storeDrill(options: StoreDrillOptions, report: Report): Promise<BenchResult> {
  const directory = mkdtempSync(path.join(tmpdir(), `millrace-drill-${options.name}-`));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const kafka = await startKafka();
  stack.defer(() => kafka.close());
  const under = await options.start(report);
  stack.defer(() => under.close());
  const rig = await Rig.open({ directory, brokers: kafka.brokers, under, report });
  stack.defer(() => rig.close());

  const steps = await dieAtSteps(rig, options.steps, report);
  await rig.freezeAnOwner();
  report('two owners: checked');
  await rig.check();
  for (const [name, disturb] of Object.entries(under.disturbances)) {
    if (options.without?.includes(name)) continue;
    await rig.loadThroughout(disturb);
    await rig.check();
    report(`${name}: checked`);
  }
  const { sent, acknowledged, stored, lost, doubled, unexpected, corrupt, checks } = rig.found;
  const { refused, notInDeadLetters, leftBehind, notVerified } = rig.found;
  const figures = {
    ...{ sent, acknowledged, stored, lost, doubled, unexpected, corrupt },
    ...{ refused, not_in_dead_letters: notInDeadLetters, left_behind: leftBehind },
    ...{ steps, checks, not_verified: notVerified },
  };
  const targets = {
    ...{ stored: acknowledged, max_lost: 0, max_doubled: 0, max_unexpected: 0, max_corrupt: 0 },
    ...{ max_not_in_dead_letters: 0, max_left_behind: 0, max_not_verified: 0 },
    ...{ steps: options.steps === 'all' ? 1 : options.steps.length },
  };
  return { name: options.name, ok: meets(figures, targets), figures, ratios: {}, targets };
}

/** Resolves to the number of steps that were reached. */
async function dieAtSteps(rig: Rig, steps: 'all' | readonly Step[], report: Report): Promise<number> {
  let reached = 0;
  const take = async (step: Step): Promise<boolean> => {
    const name = await rig.loadWithFault(step);
    if (name === undefined) return false;
    await rig.check();
    reached++;
    report(`${describe(step.fate)} call ${step.call}, ${name}: ${rig.summary}`);
    return true;
  };
  if (steps !== 'all') {
    for (const step of steps) await take(step);
    return reached;
  }
  for (const fate of FATES) {
    for (let call = 0, past = 0; past < PAST_THE_END; call++) past = (await take({ call, fate })) ? 0 : past + 1;
  }
  return reached;
}

function describe(fate: Fate): string {
  return fate === 'lost' ? 'answer lost to' : `killed ${fate}`;
}
