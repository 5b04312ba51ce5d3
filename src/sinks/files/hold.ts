import type { CommitPlan } from './chain.ts';
import type { DataFileName } from './paths.ts';

/** A writer's hold on a partition: where its files go, and how they are committed. One for each guarantee. */
export interface Hold {
  /** The last offset that is settled; null as long as the store knows of none. */
  readonly end: number | null;
  /** Where the `k`-th temporary file goes. */
  temporaryPath(k: number): string;
  /** The name of a data file for the next commit to begin, never used twice. */
  fileName(file: Omit<DataFileName, 'number' | 'claim'>): string;
  /**
   * Commits: once it settles, everything up to `plan.end` is in the store for good. It may be called
   * again before; commits settle in the order of their calls, and after one that failed all others
   * fail. Then the hold is over and `giveUp` says what becomes of its files: nobody else may remove
   * one that was closed, for it may be committed all the same.
   */
  commit(plan: CommitPlan, signal: AbortSignal): Promise<void>;
  /** Ends the hold, once no commit is under way, and removes what it can't have committed. Never throws. */
  giveUp(signal: AbortSignal): Promise<void>;
}
