/**
 * Questions about loaded events, the same to every store that can be searched.
 * The operations API, the dashboard and the command line ask through this.
 */
export interface EventFilter {
  /** Event time, inclusive, milliseconds since the epoch. */
  readonly from?: number;
  /** Event time, exclusive. */
  readonly to?: number;
  readonly type?: string;
  /**
   * Words that all must occur in the event's texts: case-folded, whole, or as a prefix with `*`
   * at the end. Anything else in it is plain text, never a query language.
   */
  readonly text?: string;
  /** Fields (dotted paths) that must have this value, compared as text. */
  readonly where?: readonly FieldValue[];
}

export interface FieldValue {
  readonly field: string;
  readonly value: string;
}

/** An event as stored, parsed. */
export type StoredEvent = Readonly<Record<string, unknown>> & { readonly id: string; readonly type: string };

export interface EventPage {
  /** Newest first. */
  readonly events: readonly StoredEvent[];
  /** Passed as `before` gives the next, older page; absent at the end. */
  readonly next?: string;
}

export interface HistogramBucket {
  /** Start of the bucket, milliseconds since the epoch. */
  readonly from: number;
  readonly count: number;
}

export interface BreakdownItem {
  readonly value: string;
  readonly count: number;
}

export interface EventQuery {
  /** `limit` 1 to 1,000; `before` is an opaque `next` of an earlier page. */
  events(filter: EventFilter, page: { readonly limit: number; readonly before?: string }): Promise<EventPage>;
  /** Counts by time; buckets without an event are left out. At most 1,000 buckets: `intervalMs` must be chosen so. */
  histogram(filter: EventFilter, intervalMs: number): Promise<readonly HistogramBucket[]>;
  /** The most frequent values of a field (dotted path), most frequent first; events without the field are left out. */
  breakdown(filter: EventFilter, field: string, limit: number): Promise<readonly BreakdownItem[]>;
  close(): Promise<void>;
}
