import type { ErrorMeaning, MillraceError } from '../support/errors.ts';
import { defineErrors } from '../support/errors.ts';

/** What can be wrong with one event, whatever wire it came by. Messages never hold what was sent. */
const FAULTS = {
  JSON_INVALID: {
    decision: 'refuse',
    message: 'This is not JSON.',
    help: 'Send one JSON object (RFC 8259), an array of them, or one a line.',
  },
  EVENT_NOT_OBJECT: {
    decision: 'refuse',
    message: 'An event must be a JSON object.',
    help: 'Send {"type": "…", …}, not a bare value or a nested array.',
  },
  EVENT_TOO_LARGE: {
    decision: 'refuse',
    message: 'The event has too many bytes.',
    help: 'Send less in one event, or raise collector.limits.eventBytes.',
  },
  EVENT_TOO_DEEP: {
    decision: 'refuse',
    message: 'The event is nested too deeply.',
    help: 'Flatten it, or raise collector.limits.depth.',
  },
  FIELDS_TOO_MANY: {
    decision: 'refuse',
    message: 'The event has too many fields.',
    help: 'Send fewer fields, nested ones included, or raise collector.limits.fields.',
  },
  KEY_UNSAFE: {
    decision: 'refuse',
    message: 'The event has a field name that not every store can take.',
    help: 'Use names of 1 to 128 characters without control characters, without empty parts between dots, and other than "__proto__".',
  },
  NUMBER_OUT_OF_RANGE: {
    decision: 'refuse',
    message: 'The event has a number that not every store can hold exactly.',
    help: 'Keep numbers within ±(2^53 − 1), or send them as strings.',
  },
  ID_INVALID: {
    decision: 'refuse',
    message: 'The id of the event is not 1 to 128 bytes of printable ASCII.',
    help: 'Send a UUID or a similar string as "id", or leave it out to have one made.',
  },
  TYPE_MISSING: {
    decision: 'refuse',
    message: 'The event has no type.',
    help: 'Say what happened in a string field "type", for example "page-view".',
  },
  TYPE_INVALID: {
    decision: 'refuse',
    message: 'The type of the event is not 1 to 128 visible characters.',
    help: 'Send a short name as "type", for example "page-view".',
  },
  TYPE_UNKNOWN: {
    decision: 'refuse',
    message: 'This type of event is not taken here.',
    help: 'Name the type under "topics" in the configuration, or set collector.unknownTypes to accept.',
  },
  TIMESTAMP_INVALID: {
    decision: 'refuse',
    message: 'A time of the event ("timestamp" or "sentAt") cannot be read.',
    help: 'Send RFC 3339 with a zone, such as 2026-11-22T12:00:00.000Z, or milliseconds since the epoch.',
  },
} as const satisfies Record<string, ErrorMeaning & { readonly message: string }>;

export type EventFault = keyof typeof FAULTS;

export const eventErrors = defineErrors(FAULTS);

/** Every fault of an event. */
export const EVENT_FAULTS = Object.keys(FAULTS) as readonly EventFault[];

/** The fault as an error, with its message and help. */
export function eventError(fault: EventFault): MillraceError {
  return eventErrors[fault](FAULTS[fault].message);
}
