import type { Fault } from './errors.ts';
import { ALL_FAULTS, isShed, SHED_CAUSES } from './errors.ts';

/** What the collector counts, since its start. Each of these has all its keys from the first moment. */
export interface CollectorCounters {
  requests: number;
  acceptedEvents: number;
  /** Events refused, and requests refused before any event was seen (one each), by code. */
  readonly rejectedEvents: Record<string, number>;
  /** Requests turned away although nothing was wrong with them, by cause. */
  readonly shedRequests: Record<string, number>;
}

export function createCounters(): CollectorCounters {
  const rejected = ALL_FAULTS.filter((fault) => !isShed(fault));
  return {
    requests: 0,
    acceptedEvents: 0,
    rejectedEvents: Object.fromEntries(rejected.map((fault) => [fault, 0])),
    shedRequests: Object.fromEntries(Object.values(SHED_CAUSES).map((cause) => [cause, 0])),
  };
}

/** Counts one event or request that was not taken. */
export function countFault(counters: CollectorCounters, fault: Fault): void {
  if (isShed(fault)) counters.shedRequests[SHED_CAUSES[fault]]! += 1;
  else counters.rejectedEvents[fault]! += 1;
}
