/**
 * The event: a JSON object that says what happened on a page.
 *
 * | field           | set by                                                              |
 * |-----------------|---------------------------------------------------------------------|
 * | `id`            | the client, else the collector (UUIDv7)                             |
 * | `type`          | the page; chooses the topic                                         |
 * | `timestamp`     | the client, corrected by the collector; `receivedAt` if none is sent |
 * | `receivedAt`    | the collector                                                       |
 * | `userAgent`     | the collector, if the client sends the header                       |
 * | `sentTimestamp` | the collector: `timestamp` as sent; absent if none was sent         |
 * | `clientAddress` | the collector, truncated, only if switched on                       |
 *
 * Fields stand in this order, and after them the event's own in the order sent.
 */
import { randomUUIDv7 } from 'node:crypto';
import { Type } from 'typebox';
import { MAX_TIME } from './time.ts';

/** Fields that a client cannot set: what it sends under these names is dropped. */
export const COLLECTOR_FIELDS = ['receivedAt', 'userAgent', 'sentTimestamp', 'clientAddress'] as const;

/** At most 128 bytes of printable ASCII, which every store can use as a key. */
export const ID_PATTERN = '^[ -~]{1,128}$';

/** Visible characters only: no control, format, surrogate or unassigned code point (\p{C}). */
const TYPE_PATTERN = '^\\P{C}{1,128}$';

/** A moment: RFC 3339, or milliseconds since the epoch. */
function moment(description: string) {
  return Type.Unsafe<string | number>({
    type: ['string', 'number'],
    format: 'date-time',
    minimum: 0,
    maximum: MAX_TIME,
    description,
  });
}

/** An event as a client sends it. Requests are validated by this very schema, and described by it. */
export const eventSchema = Type.Object(
  {
    id: Type.Optional(
      Type.String({
        pattern: ID_PATTERN,
        description: 'Unique; the same on every retry, so that stores keep one copy. Made here if left out.',
      }),
    ),
    type: Type.String({ pattern: TYPE_PATTERN, description: 'What happened, such as select-color.' }),
    timestamp: Type.Optional(moment('When it happened: RFC 3339, or milliseconds since the epoch.')),
    sentAt: Type.Optional(
      moment('The client clock when it sent the event. Corrects timestamp for a wrong clock; not stored.'),
    ),
  },
  {
    additionalProperties: true,
    description: 'One event. Any other field is its own, such as userName, colorName, page.',
  },
);

/** An event that has passed `eventSchema` and has been made safe. */
export interface EventInput {
  id?: string | undefined;
  type?: string | undefined;
  timestamp?: string | number | undefined;
  sentAt?: string | number | undefined;
  [field: string]: unknown;
}

/** An event as every store gets it. */
export interface CanonicalEvent {
  readonly id: string;
  readonly type: string;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  /** UTF-8 JSON on one line. */
  readonly value: Buffer;
}

/** What the collector knows of a request and puts into its events. */
export interface Stamp {
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** The user agent as a JSON string, quotes included. */
  readonly userAgentJson: string | undefined;
  readonly clientAddress: string | undefined;
}

/** A new id: a UUIDv7, which begins with the millisecond of its making and so keeps the indices of stores compact. */
export function newEventId(): string {
  return randomUUIDv7();
}
