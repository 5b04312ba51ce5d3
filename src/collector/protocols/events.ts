/** `POST /v1/events`: one event, an array of events, or one event a line. */
import type { Outcome, OutgoingEvent } from '../../delivery/intake.ts';
import type { Stamp } from '../../event/event.ts';
import type { Judged, Pipeline } from '../admission.ts';
import { faultOfCause, judgeBytes } from '../admission.ts';
import { countFault } from '../counters.ts';
import type { DecodedBody } from '../decode.ts';
import type { Fault } from '../errors.ts';
import { reasonOf } from '../errors.ts';
import type { EventResult } from '../replies.ts';

/**
 * What a request with events is answered.
 *
 * - `accepted`: 204, everything was taken.
 * - `fault`: nothing was taken.
 * - `results`: a batch of which something was refused (200, or 400 if all of it), or of which the
 *   log has confirmed some events in time and others not (200, those marked `uncertain`). If it
 *   has confirmed none the answer is 503 for the whole, since then all may be sent again.
 */
export type EventsReply =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'fault'; readonly fault: Fault; readonly retryAfterSeconds?: number }
  | { readonly kind: 'results'; readonly status: 200 | 400; readonly results: readonly EventResult[] };

const ACCEPTED: EventsReply = { kind: 'accepted' };

/** Judges each event, and hands over those that passed, all of them or none. */
export function takeEvents(body: DecodedBody, stamp: Stamp, pipeline: Pipeline): EventsReply | Promise<EventsReply> {
  const judged = body.events.map((extent) => judgeBytes(body.bytes, extent, stamp, pipeline));
  return admitJudged(judged, body.single, pipeline);
}

/** The same for events that have been judged. `single`: the answer is that of one event, not of a batch. */
export function admitJudged(
  judged: readonly Judged[],
  single: boolean,
  pipeline: Pipeline,
): EventsReply | Promise<EventsReply> {
  const outgoing: OutgoingEvent[] = [];
  for (const one of judged) {
    if ('outgoing' in one) outgoing.push(one.outgoing);
    else if (one.deadLetter) outgoing.push(one.deadLetter);
  }
  if (outgoing.length === 0) return replyOf(judged, undefined, single, pipeline);
  const admission = pipeline.intake.admit(outgoing);
  if (!admission.admitted) {
    const fault = faultOfCause(admission.cause);
    countFault(pipeline.counters, fault);
    return { kind: 'fault', fault, retryAfterSeconds: admission.retryAfterSeconds };
  }
  if (admission.settled === undefined) return replyOf(judged, undefined, single, pipeline);
  return admission.settled.then((outcomes) => replyOf(judged, outcomes, single, pipeline));
}

function replyOf(
  judged: readonly Judged[],
  outcomes: readonly Outcome[] | undefined,
  single: boolean,
  pipeline: Pipeline,
): EventsReply {
  const { counters } = pipeline;
  const results: EventResult[] = [];
  const taken = { accepted: 0, uncertain: 0 };
  let next = 0;
  for (const one of judged) {
    if ('fault' in one) {
      if (one.deadLetter) next++;
      countFault(counters, one.fault);
      results.push(rejected(one.fault));
      continue;
    }
    const outcome = outcomes?.[next++] ?? (outcomes === undefined ? 'delivered' : 'uncertain');
    if (outcome === 'refused') {
      countFault(counters, 'LOG_REFUSED');
      results.push(rejected('LOG_REFUSED'));
      continue;
    }
    const { id } = one.outgoing;
    if (outcome === 'delivered') {
      taken.accepted++;
      results.push({ status: 'accepted', id });
    } else {
      taken.uncertain++;
      results.push({ status: 'uncertain', id, code: 'DELIVERY_UNCERTAIN', reason: reasonOf('DELIVERY_UNCERTAIN') });
    }
  }
  counters.acceptedEvents += taken.accepted + taken.uncertain;
  if (taken.accepted === judged.length) return ACCEPTED;
  if (taken.accepted === 0 && taken.uncertain > 0) {
    countFault(counters, 'DELIVERY_UNCERTAIN');
    return { kind: 'fault', fault: 'DELIVERY_UNCERTAIN' };
  }
  const first = results[0]!;
  if (single && first.status === 'rejected') return { kind: 'fault', fault: first.code };
  return { kind: 'results', status: taken.accepted > 0 ? 200 : 400, results };
}

function rejected(code: Fault): EventResult {
  return { status: 'rejected', code, reason: reasonOf(code) };
}
