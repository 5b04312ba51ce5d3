import type { Totals } from '../delivery/ledger.ts';

/** What the program says of itself to operators: `GET /api/status`, its stream, and `millrace status`. */
export interface Status {
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly now: number;
  /** The log as last seen; what else stands here about topics and lag is as old as that while it is away. */
  readonly log: { readonly kind: 'embedded' | 'kafka'; readonly reachable: boolean };
  /** Absent in a process that only loads. */
  readonly collector?: CollectorStatus;
  readonly accounting: Accounting;
  readonly topics: readonly TopicStatus[];
  readonly connectors: readonly ConnectorStatus[];
}

export interface CollectorStatus {
  readonly ready: boolean;
  /** Counters since the start; whoever shows rates takes differences over `now`. */
  readonly requests: number;
  readonly acceptedEvents: number;
  /** Refused events by code. */
  readonly rejectedEvents: Readonly<Record<string, number>>;
  /** Requests turned away because we were full, by cause. */
  readonly shedRequests: Readonly<Record<string, number>>;
  readonly bufferBytes: number;
  readonly bufferLimitBytes: number;
  /** Bytes of events on disk, waiting for the log. */
  readonly spoolBytes: number;
  /** Zero where there is no spool: the log is embedded. */
  readonly spoolLimitBytes: number;
}

/** Of the data directory, over all its processes and their starts: `accepted = delivered + buffered + spooled + deadLettered + Σ dropped`. */
export type Accounting = Totals;

export interface TopicStatus {
  readonly name: string;
  readonly partitions: readonly {
    readonly partition: number;
    readonly startOffset: number;
    readonly endOffset: number;
  }[];
}

export interface ConnectorStatus {
  readonly name: string;
  /** Kind of sink: `files`, `table`, `search`. */
  readonly sink: string;
  readonly topics: readonly string[];
  /** Kafka Connect's words. */
  readonly state: 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED' | 'RESTARTING';
  /** Records in the log that are not yet durable in the store. */
  readonly lag: number;
  /** Records made durable since the start. */
  readonly loaded: number;
  readonly duplicates: number;
  readonly deadLettered: number;
  readonly restarts: number;
  /** Code and sentence of the last failure, absent if there was none. */
  readonly lastError?: { readonly code?: string; readonly message: string; readonly at: number };
}
