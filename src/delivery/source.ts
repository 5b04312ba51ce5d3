import type { NewRecord } from '../log/log.ts';

/** Records of one partition that wait for the log, in order: in memory, or in a spool. */
export interface Source {
  readonly ready: boolean;
  /** The next records, at most so many; they stay the next ones until they are settled. Rejects if they can't be read. */
  peek(most: number): readonly NewRecord[] | Promise<readonly NewRecord[]>;
  /** The log did not take what was peeked at; it may be tried again, or go another way. */
  release(): void;
  /** The log has the next `count` records. */
  delivered(count: number): void;
  /** The next records will never be taken; resolves once their dead letters are as safe as they were. */
  refused(records: readonly NewRecord[], error: unknown): Promise<void>;
}
