import type { Connectors } from '../connect/rest/connectors.ts';
import type { Loggers } from '../connect/rest/loggers.ts';
import type { TimeRange } from '../loader/replay.ts';
import type { ReplayState } from '../loader/replay-job.ts';
import type { LogRecord, TopicPartition } from '../log/log.ts';
import type { EventQuery } from '../sinks/event-query.ts';
import type { Status } from './status.ts';

/** Everything that the operations server shows or changes; the application provides it. */
export interface Operations {
  /** Which start of the program this is; another one has another. */
  readonly instance: string;
  status(): Promise<Status>;
  /** The configured store that can be searched; `undefined` if there is none. */
  readonly query: EventQuery | undefined;
  /** Records of a topic as they come, from `from` on, until `signal` is aborted. Throws TOPIC_UNKNOWN. */
  tail(topic: string, from: TailStart, signal: AbortSignal): AsyncIterable<TailedRecord>;
  readonly deadLetters: DeadLetterStore;
  readonly connectors: ConnectorControl;
  readonly loggers: Loggers;
  /** What Kafka Connect's REST API shows and changes; `undefined` in a process that loads nothing. */
  readonly connect?: { readonly connectors: Connectors; readonly version: string } | undefined;
}

/** `latest`, `earliest`, or a time in milliseconds since the epoch. */
export type TailStart = 'latest' | 'earliest' | number;

export type TailedRecord = TopicPartition & LogRecord;

export interface DeadLetter {
  /** Where the dead letter stands: `<topic>-<partition>-<offset>` of the dead-letter topic. */
  readonly id: string;
  /** The connector that refused the record, or `collector`. */
  readonly refusedBy: string;
  readonly code: string;
  readonly reason: string;
  /** When it was put there, milliseconds since the epoch. */
  readonly at: number;
  /** Where the record came from; absent for the collector's. */
  readonly source?: TopicPartition & { readonly offset: number };
  /** The raw payload, as text (invalid UTF-8 replaced). */
  readonly payload: string;
}

/** Which dead letters are meant: those that meet all of it. */
export interface DeadLetterFilter {
  /** A connector's name or `collector`. */
  readonly refusedBy?: string;
  readonly code?: string;
  /** Is in the reason or in the payload, in any case. */
  readonly text?: string;
  /** When it was refused: from then on, and before then, in milliseconds since the epoch. */
  readonly from?: number;
  readonly to?: number;
  readonly limit: number;
}

export interface DeadLetterStore {
  /** Newest first; with a filter the newest 100,000 of each topic are looked through. */
  list(filter: DeadLetterFilter): Promise<readonly DeadLetter[]>;
  show(id: string): Promise<DeadLetter | undefined>;
  /** Puts dead letters of a connector into their source topic again; returns how many. */
  replay(filter: { readonly refusedBy: string; readonly ids?: readonly string[] }): Promise<number>;
  /** Drops dead letters for good: all, or those refused before a time. Returns how many. */
  purge(filter: { readonly refusedBy: string; readonly before?: number }): Promise<number>;
}

export interface ConnectorControl {
  /** Each throws CONNECTOR_UNKNOWN for a name there is not. */
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  restart(name: string): Promise<void>;
  /** Begins to load a time range once more. Throws REPLAY_UNDER_WAY too. */
  replay(name: string, range: TimeRange): Promise<void>;
  /** How far the last replay is. */
  replayState(name: string): Promise<ReplayState>;
  /** Ends the replay under way, if there is one. */
  stopReplay(name: string): Promise<void>;
}
