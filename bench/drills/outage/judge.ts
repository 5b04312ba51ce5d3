import type { Outcome } from './runner.ts';
import type { Scenario } from './scenarios.ts';
import { mayLose, takesThroughout } from './scenarios.ts';

/** While the log is away, answers may take twice as long as before, or this. */
const CALM_P99_MS = 25;
const MOST_DRAIN_SECONDS = 60;
/** Program, 32 MiB of events in the buffer, what a spool's thread and page cache take, and air for the collector of garbage. */
const MOST_RSS_MB = 400;

type Numbers = Record<string, number>;

/** Figures of a scenario, and what they must reach: what was promised, and how fast it must go. */
export interface Judgement {
  readonly figures: Numbers;
  readonly promised: Numbers;
  readonly speed: Numbers;
}

/** What counts the same way in every scenario, and in all of them together. */
export function countsOf(scenario: Scenario, { load, missing, log, files, table, filesBeyondLog }: Outcome): Numbers {
  const allowed = mayLose(scenario);
  return {
    sent: load.sent.size,
    acknowledged: load.acknowledged.size,
    stored: Math.min(log.stored, files.stored, table.stored),
    lost: allowed ? 0 : missing,
    lost_allowed: allowed ? missing : 0,
    doubled: table.doubled + filesBeyondLog,
  };
}

export function judge(scenario: Scenario, outcome: Outcome): Judgement {
  const { load, before, during, refusing, accounting, log, files, table, exitCodes } = outcome;
  const { accepted, dropped } = accounting;
  const counts = countsOf(scenario, outcome);
  const figures: Numbers = {
    ...counts,
    unexpected: log.unexpected + files.unexpected + table.unexpected,
    repeated_in_log: log.doubled,
    shed: load.shed,
    shed_without_word: load.shedWithoutWord,
    unanswered: load.unanswered,
    accepted,
    accounting_gap: Math.abs(accepted - accountedFor(accounting)),
    dead_lettered: accounting.deadLettered,
    p99_during_ms: during.p99,
    most_spooled: outcome.mostSpooled,
    spool_drain_s: Math.round(outcome.drainSeconds * 10) / 10,
    peak_rss_mb: outcome.peakRssMb,
    loader_peak_rss_mb: outcome.loaderPeakRssMb,
    bad_exits: exitCodes.filter((code) => code !== 0).length,
  };
  const promised: Numbers = {
    max_lost: 0,
    max_doubled: 0,
    max_unexpected: 0,
    max_shed_without_word: 0,
    max_accounting_gap: 0,
    max_dead_lettered: 0,
    max_bad_exits: 0,
  };
  const speed: Numbers = { max_spool_drain_s: MOST_DRAIN_SECONDS, max_peak_rss_mb: MOST_RSS_MB };
  if (before) figures['p99_before_ms'] = before.p99;
  // Nothing is lost without being counted: an unclean end may only count too much.
  promised['accepted'] = load.acknowledged.size;
  if (scenario.killsCollector) {
    figures['dropped_crash'] = dropped['crash'] ?? 0;
    promised['max_lost_allowed'] = figures['dropped_crash'];
  } else promised['max_unanswered'] = 0;
  if (takesThroughout(scenario)) {
    promised['max_shed'] = 0;
    speed['max_p99_during_ms'] = Math.max(CALM_P99_MS, 2 * (before?.p99 ?? 0));
    if (!scenario.killsCollector) promised['max_accepted'] = load.acknowledged.size;
  }
  if (refusing) {
    figures['acknowledged_while_away'] = refusing.acknowledged;
    figures['refusal_p99_ms'] = refusing.p99;
    promised['max_acknowledged_while_away'] = 0;
    speed['max_refusal_p99_ms'] = CALM_P99_MS;
  }
  return { figures, promised, speed };
}

function accountedFor({ delivered, buffered, spooled, deadLettered, dropped }: Outcome['accounting']): number {
  const lost = Object.values(dropped).reduce((sum, events) => sum + events, 0);
  return delivered + buffered + spooled + deadLettered + lost;
}
