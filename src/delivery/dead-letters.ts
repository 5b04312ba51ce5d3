import { COLLECTOR_DEAD_LETTERS, stageOf, toDeadLetter } from '../log/dead-letter.ts';
import type { NewRecord } from '../log/log.ts';
import { MillraceError, messageOf } from '../support/errors.ts';
import type { OutgoingEvent } from './intake.ts';

/** The dead letter of an event that the log refuses. */
export function deadLetterOf(record: NewRecord, error: unknown, now: number): NewRecord {
  return toDeadLetter(record, {
    code: error instanceof MillraceError ? error.code : 'REFUSED',
    reason: messageOf(error),
    refusedBy: 'collector',
    stage: 'DELIVERY',
    at: now,
  });
}

/** The same for an event in memory. */
export function deadLetterEvent(event: OutgoingEvent, error: unknown, now: number): OutgoingEvent {
  const letter = deadLetterOf(event, error, now);
  return { ...letter, id: event.id, topic: COLLECTOR_DEAD_LETTERS, headers: letter.headers ?? {}, deadLetter: true };
}

/** Whether this dead letter was an accepted event; the others were refused at the door, and never counted. */
export function wasAccepted(letter: NewRecord): boolean {
  return stageOf(letter) === 'DELIVERY';
}
