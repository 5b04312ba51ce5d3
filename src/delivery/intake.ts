import type { Headers, NewRecord } from '../log/log.ts';

/**
 * What the collector hands over, and what it hears back. The collector's thread never waits
 * here: `admit` answers at once, from what is in memory.
 */
export interface Intake {
  /**
   * Takes all of these events or none. Admission is by bytes held: when the buffer has no room
   * the answer is a refusal, at once, so that a full log never becomes a slow page.
   */
  admit(events: readonly OutgoingEvent[]): Admission;
  /** Whether an event would be taken now, or events of about so many bytes: before work is put into them. */
  readiness(bytes?: number): Readiness;
}

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly cause: RefusalCause };

/** One canonical event on its way to the log. */
export interface OutgoingEvent extends NewRecord {
  readonly id: string;
  readonly topic: string;
  /** Event time, milliseconds since the epoch. */
  readonly timestamp: number;
  /** Canonical UTF-8 JSON on one line. */
  readonly value: Uint8Array;
  /** Shared by all events of one type. */
  readonly headers: Headers;
  /** Refused at the door and kept for a person to look at: not counted among the accepted events. */
  readonly deadLetter?: true;
}

export type Admission =
  | {
      readonly admitted: true;
      /**
       * At `spooled` and `delivered`: settles (never rejects) with what became of each event, in
       * order. Absent at `received`: the events are accepted as they are.
       */
      readonly settled?: Promise<readonly Outcome[]>;
    }
  | { readonly admitted: false; readonly cause: RefusalCause; readonly retryAfterSeconds: number };

/**
 * Why nothing was taken: the buffer or the spool is full, the program is stopping, the log is known to be away, or
 * the books can't be written down, so that nobody could tell after a crash how much was taken.
 */
export type RefusalCause = 'buffer_full' | 'spool_full' | 'stopping' | 'log_away' | 'disk_unwritable';

/**
 * `delivered`: it is as safe as the level in force promises (in the log, or in the spool).
 * `uncertain`: not within the deadline, it may still arrive. `refused`: the log will never take it.
 */
export type Outcome = 'delivered' | 'uncertain' | 'refused';
