import { setTimeout as delay } from 'node:timers/promises';
import type { Accounting } from '../../../src/operations/status.ts';
import { KafkaView } from '../../../test/support/kafka-view.ts';
import { Program } from '../../../test/support/program.ts';
import type { Comparison } from '../../../test/support/read-back.ts';
import { compare, copiesBeyond, idsInFiles, idsInTable, missingIn } from '../../../test/support/read-back.ts';
import { until } from '../../../test/support/until.ts';
import type { Report } from '../../run.ts';
import type { Phase } from '../open-loop.ts';
import { OpenLoop } from '../open-loop.ts';
import type { Scenario } from './scenarios.ts';
import { takesThroughout } from './scenarios.ts';
import { startSetting } from './setting.ts';

const TOPICS = ['select-color', 'web-events'];
const GROUPS = ['connect-files', 'connect-search'];
/** Longest wait for the spool to be empty and the stores to have all. */
const RECOVERY_MS = 600_000;
/** How often the program and Kafka are looked at: seldom enough not to be part of the load. */
const LOOK_MS = 250;
const BETWEEN_MS = 500;
/** How long the load goes on after the spool is drained. */
const AFTER_SECONDS = 2;
/** Beyond `collector.deliveryTimeout` everyone knows that the log is away. */
const KNOWN_AWAY_SECONDS = 1;

export interface Timing {
  readonly perSecond: number;
  /** How long the load runs before the log goes. */
  readonly beforeSeconds: number;
  /** `collector.deliveryTimeout`. */
  readonly deliveryTimeoutSeconds: number;
  /** Whether speed is a target, too: it means something only on a machine of known speed. */
  readonly judgeSpeed: boolean;
}

/** What a scenario showed. */
export interface Outcome {
  readonly load: OpenLoop;
  /** Absent where the log was away from the start. */
  readonly before: Phase | undefined;
  /** From the moment the log went to its return, or to the collector's own end. */
  readonly during: Phase;
  /** At `delivered`: the part of it in which the log was known to be away. */
  readonly refusing: Phase | undefined;
  readonly drainSeconds: number;
  /** Most events that were seen in the spool. */
  readonly mostSpooled: number;
  readonly accounting: Accounting;
  readonly peakRssMb: number;
  readonly loaderPeakRssMb: number;
  readonly exitCodes: readonly (number | null)[];
  readonly log: Comparison;
  readonly files: Comparison;
  readonly table: Comparison;
  /** Acknowledged events that the log or a store lacks. */
  readonly missing: number;
  /** Copies of events in files beyond those in the log. */
  readonly filesBeyondLog: number;
}

/** Runs one scenario on a Kafka and a program of its own, in this directory. */
export async function runScenario(
  scenario: Scenario,
  timing: Timing,
  directory: string,
  report: Report,
): Promise<Outcome> {
  await using stack = new AsyncDisposableStack();
  const setting = await startSetting(scenario, timing.judgeSpeed);
  stack.defer(() => setting.close());
  if (scenario.fault === 'away_at_start') await setting.breakLog();

  const configuration = configurationOf(scenario, timing, setting.brokers);
  const startCollector = () => Program.start({ directory, configuration, command: 'collect' });
  const collectors = [stack.use(await startCollector())];
  const collector = () => collectors.at(-1)!;
  const loader = stack.use(await Program.start({ directory, configuration, command: 'load' }));
  const load = new OpenLoop(collector().collector);
  stack.defer(() => load.close());

  let before: Phase | undefined;
  if (scenario.fault !== 'away_at_start') {
    report(`${scenario.name}: ${timing.perSecond} events/s for ${timing.beforeSeconds} s`);
    await warmUp(load, timing);
    before = load.begin();
    await delay(timing.beforeSeconds * 1000);
    // What is asked now may be under way when the log goes, and belongs to neither phase.
    load.begin();
    await delay(BETWEEN_MS);
    await setting.breakLog();
  }
  report(`${scenario.name}: the log is away (${scenario.fault}) for ${scenario.outageSeconds} s`);
  load.start(timing.perSecond);
  const during = load.begin();
  let refusing: Phase | undefined;
  const back = Date.now() + scenario.outageSeconds * 1000;
  if (!takesThroughout(scenario)) {
    await delay((timing.deliveryTimeoutSeconds + KNOWN_AWAY_SECONDS) * 1000);
    refusing = load.begin();
  }
  await delay((back - Date.now()) / 2);
  if (scenario.killsCollector) {
    report(`${scenario.name}: SIGKILL of the collector, ${await spooledIn(collector())} events spooled`);
    await collector().kill();
    load.begin();
    collectors.push(stack.use(await startCollector()));
    load.moveTo(collector().collector);
  }
  await delay(Math.max(0, back - Date.now()));
  const spooled = await spooledIn(collector());

  await setting.mendLog();
  load.begin();
  const from = performance.now();
  report(`${scenario.name}: the log is back, ${spooled} events spooled`);
  let mostSpooled = spooled;
  await until(
    'the spool is drained',
    async () => {
      const now = await spooledIn(collector());
      mostSpooled = Math.max(mostSpooled, now);
      return now <= timing.perSecond;
    },
    RECOVERY_MS,
    LOOK_MS,
  );
  const drainSeconds = (performance.now() - from) / 1000;
  report(`${scenario.name}: drained in ${drainSeconds.toFixed(1)} s`);
  await delay(AFTER_SECONDS * 1000);
  await load.stop();

  const accounting = await settledAccounting(collector());
  const view = new KafkaView(setting.plainBrokers);
  stack.defer(() => view.close());
  await until('all is loaded', () => isLoaded(view), RECOVERY_MS, LOOK_MS);
  const peakRssMb = collector().peakRssMb();
  const loaderPeakRssMb = loader.peakRssMb();
  const exitCodes = [await collector().stop(), await loader.stop()];
  const stores = {
    log: await view.ids(TOPICS),
    files: await idsInFiles(loader.data),
    table: idsInTable(loader.data),
  };
  return {
    load,
    before,
    during,
    refusing,
    drainSeconds,
    mostSpooled,
    accounting,
    peakRssMb,
    loaderPeakRssMb,
    exitCodes,
    log: compare(load.acknowledged, load.sent, stores.log),
    files: compare(load.acknowledged, load.sent, stores.files),
    table: compare(load.acknowledged, load.sent, stores.table),
    missing: missingIn(load.acknowledged, Object.values(stores)),
    filesBeyondLog: copiesBeyond(stores.files, stores.log),
  };
}

function configurationOf({ policy, acknowledge, fault }: Scenario, timing: Timing, brokers: readonly string[]) {
  const replication = fault === 'leader_killed' ? { replication: 3 } : {};
  return {
    policy,
    collector: { acknowledge, deliveryTimeout: `${timing.deliveryTimeoutSeconds}s` },
    log: { kafka: { brokers } },
    topics: {
      'select-color': { types: ['select-color'], ...replication },
      'web-events': { types: [], ...replication },
    },
    connectors: { files: { files: { roll: { age: '1s' } } }, search: { table: { sqlite: {} } } },
  };
}

/** The first requests pay for connections and compilers; what follows is the measure. */
async function warmUp(load: OpenLoop, { perSecond, beforeSeconds }: Timing): Promise<void> {
  load.start(perSecond);
  await delay((beforeSeconds * 1000) / 2);
}

async function spooledIn(collector: Program): Promise<number> {
  return (await collector.status()).accounting.spooled;
}

/** The accounting once nothing is under way. */
function settledAccounting(collector: Program): Promise<Accounting> {
  return until(
    'the collector has delivered all',
    async () => {
      const { accounting } = await collector.status();
      return accounting.buffered === 0 && accounting.spooled === 0 && accounting;
    },
    RECOVERY_MS,
    LOOK_MS,
  );
}

async function isLoaded(view: KafkaView): Promise<boolean> {
  const end = await view.end(TOPICS);
  const committed = await Promise.all(GROUPS.map((group) => view.committed(group, TOPICS)));
  return committed.every((position) => position === end);
}
