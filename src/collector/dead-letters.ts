import type { OutgoingEvent } from '../delivery/intake.ts';
import { newEventId } from '../event/event.ts';
import { COLLECTOR_DEAD_LETTERS, toDeadLetter } from '../log/dead-letter.ts';

/** An event that failed its schema, raw as it came, with the reason beside it. */
export function deadLetter(reason: string, payload: string, receivedAt: number): OutgoingEvent {
  const { headers = {}, ...record } = toDeadLetter(
    { timestamp: receivedAt, value: Buffer.from(payload) },
    { code: 'SCHEMA_MISMATCH', reason, refusedBy: 'collector', at: receivedAt },
  );
  return { ...record, headers, id: newEventId(), topic: COLLECTOR_DEAD_LETTERS, deadLetter: true };
}
