import type { OutgoingEvent } from '../delivery/intake.ts';
import { newEventId } from '../event/event.ts';
import { formatTimestamp } from '../event/time.ts';

/** The topic of events that the collector refused for their schema. */
export const COLLECTOR_DEAD_LETTERS = 'millrace-dead-letters';

const NO_HEADERS = {};

/** An event that failed its schema, with the reason and the raw payload: `{code, reason, receivedAt, payload}`. */
export function deadLetter(reason: string, payload: string, receivedAt: number): OutgoingEvent {
  const letter = {
    code: 'SCHEMA_MISMATCH',
    reason,
    receivedAt: formatTimestamp(receivedAt),
    payload: payload.toWellFormed(),
  };
  return {
    id: newEventId(),
    topic: COLLECTOR_DEAD_LETTERS,
    timestamp: receivedAt,
    value: Buffer.from(JSON.stringify(letter)),
    headers: NO_HEADERS,
    deadLetter: true,
  };
}
