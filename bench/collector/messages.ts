/** What the processes of this bench say to each other. */

export type Workload = 'select' | 'batch';

/** Events in one request of the workload `batch`. */
export const BATCH_EVENTS = 100;

export interface LoadOrder {
  readonly host: string;
  readonly port: number;
  readonly workload: Workload;
  /** Each sends its next request when the last one is answered. */
  readonly connections: number;
  /** Answers to wait for before the measuring begins, and the least time. */
  readonly warmUpRequests?: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** The load says `started` when the warm-up is over, then the report. */
export interface LoadReport {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** All 2xx since the first request, warm-up included. */
  readonly acknowledged: number;
  /** Replies that were no 2xx. */
  readonly refused: number;
}

/** What a server answers when asked. */
export interface ServerUsage {
  /** Of the whole process, since its start. */
  readonly cpuMicroseconds: number;
  readonly rssBytes: number;
  /** Events that the intake was given. */
  readonly events: number;
}
