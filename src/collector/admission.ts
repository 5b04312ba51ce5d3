/** From an event's text to what the intake takes, and from the intake's answer to a fault. */
import type { Intake, OutgoingEvent, RefusalCause } from '../delivery/intake.ts';
import type { EventRules } from '../event/canonical.ts';
import { canonicalEvent, readEvent } from '../event/canonical.ts';
import type { EventInput, Stamp } from '../event/event.ts';
import type { Router } from '../event/routing.ts';
import { keyOf } from '../event/routing.ts';
import type { Extent } from '../event/scan.ts';
import type { CollectorCounters } from './counters.ts';
import { deadLetter } from './dead-letters.ts';
import type { Fault, RequestFault } from './errors.ts';
import type { EventSchemas } from './schemas.ts';

/** What every protocol works with. */
export interface Pipeline {
  readonly intake: Intake;
  readonly rules: EventRules;
  readonly router: Router;
  readonly schemas: EventSchemas;
  readonly counters: CollectorCounters;
}

/** What became of one event at the door: on its way, or refused, perhaps with a dead letter on its way. */
export type Judged =
  | { readonly outgoing: OutgoingEvent }
  | { readonly fault: Fault; readonly deadLetter?: OutgoingEvent };

/** Judges the event that stands at `extent`. */
export function judgeBytes(bytes: Buffer, extent: Extent, stamp: Stamp, pipeline: Pipeline): Judged {
  const { rules } = pipeline;
  if (extent.end - extent.start > rules.bytes) return { fault: 'EVENT_TOO_LARGE' };
  if (extent.depth > rules.depth) return { fault: 'EVENT_TOO_DEEP' };
  const text = bytes.toString('utf8', extent.start, extent.end);
  const input = readEvent(text, rules);
  if (typeof input === 'string') return { fault: input };
  return judgeInput(input, text, stamp, pipeline);
}

/** Judges an event that has been made safe; `raw` is what a dead letter keeps. */
export function judgeInput(input: EventInput, raw: string, stamp: Stamp, pipeline: Pipeline): Judged {
  const route = pipeline.router.route(input.type ?? '');
  if (route === undefined) return { fault: 'TYPE_UNKNOWN' };
  const mismatch = pipeline.schemas.mismatch(route.type, input);
  if (mismatch !== undefined) {
    return { fault: 'SCHEMA_MISMATCH', deadLetter: deadLetter(mismatch, raw, stamp.receivedAt) };
  }
  const event = canonicalEvent(input, stamp, pipeline.rules);
  if (typeof event === 'string') return { fault: event };
  const { id, timestamp, value } = event;
  const { topic, headers } = route;
  const key = route.key === undefined ? undefined : keyOf(route.key, { ...input, id, type: route.type });
  return { outgoing: { id, topic, timestamp, value, headers, ...(key ? { key } : {}) } };
}

const FAULT_OF_CAUSE: Readonly<Record<RefusalCause, RequestFault>> = {
  buffer_full: 'BUFFER_FULL',
  spool_full: 'SPOOL_FULL',
  stopping: 'STOPPING',
  log_away: 'LOG_AWAY',
  disk_unwritable: 'DISK_UNWRITABLE',
};

export function faultOfCause(cause: RefusalCause): RequestFault {
  return FAULT_OF_CAUSE[cause];
}
