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

/** Fields that a client cannot set: what it sends under these names is dropped. */
export const COLLECTOR_FIELDS = ['receivedAt', 'userAgent', 'sentTimestamp', 'clientAddress'] as const;

/** At most 128 bytes of printable ASCII, which every store can use as a key. */
export const ID_PATTERN = '^[ -~]{1,128}$';

/** An event that has passed `eventSchema` (schema.ts) and has been made safe. */
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
