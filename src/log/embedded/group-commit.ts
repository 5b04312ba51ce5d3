import { MillraceError } from '../../support/errors.ts';
import { logErrors } from '../errors.ts';
import { PAGE_BYTES } from './schema.ts';
import { writeFailure } from './sqlite-errors.ts';
import type { CheckpointMode, LogStore } from './store.ts';

/** Bytes that go into the write-ahead log before it is moved into the database. */
const CHECKPOINT_BYTES = 32 * 1024 * 1024;

/** What a write adds to the write-ahead log besides its own bytes: the few pages that lead to them. */
const WRITE_OVERHEAD_BYTES = 4 * PAGE_BYTES;

interface Write {
  run(): unknown;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export interface GroupCommitEvents {
  /** After each commit. */
  committed(): void;
  /** Nothing can be written any more. */
  failed(error: MillraceError): void;
}

/**
 * Everything that changes the log goes through here: what came while the last transaction was
 * being written goes into the next one together, so that many share one sync of the disk.
 */
export class GroupCommit {
  readonly #store: LogStore;
  readonly #events: GroupCommitEvents;
  #waiting: Write[] = [];
  #scheduled = false;
  #ended: MillraceError | undefined;
  #uncheckpointedBytes = 0;
  #commits = 0;

  constructor(store: LogStore, events: GroupCommitEvents) {
    this.#store = store;
    this.#events = events;
  }

  /** Transactions so far. */
  get commits(): number {
    return this.#commits;
  }

  /**
   * Runs `write`, which stores about so many bytes, inside the next transaction, and resolves with
   * its result once that is committed.
   * A write that throws a MillraceError must not have changed anything: only it is rejected.
   */
  submit<T>(write: () => T, bytes = 0): Promise<T> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run: write, resolve: resolve as (value: unknown) => void, reject });
      this.#uncheckpointedBytes += WRITE_OVERHEAD_BYTES + bytes;
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#commit());
    });
  }

  /** Moves what is in the write-ahead log into the database, and cuts it to nothing unless it is being read. */
  truncateWal(): void {
    this.#checkpoint('TRUNCATE');
  }

  /** Commits what waits, and takes nothing more. */
  close(): void {
    this.#commit();
    this.#end(logErrors.LOG_CLOSED('the log is closed'));
  }

  #commit(): void {
    this.#scheduled = false;
    const writes = this.#waiting;
    this.#waiting = [];
    if (writes.length === 0 || this.#ended) return;
    try {
      const settlements = this.#store.transaction(() => writes.map(attempt));
      this.#commits++;
      for (const settle of settlements) settle();
    } catch (error) {
      this.#fail(writes, error);
      return;
    }
    this.#events.committed();
    if (this.#uncheckpointedBytes < CHECKPOINT_BYTES) return;
    this.#uncheckpointedBytes = 0;
    // Once the answers are on their way, since it may take as long as many commits.
    setImmediate(() => this.#checkpoint('PASSIVE'));
  }

  #checkpoint(mode: CheckpointMode): void {
    if (this.#ended) return;
    try {
      this.#store.checkpoint(mode);
    } catch (error) {
      // Without space everything stays in the write-ahead log, and the next checkpoint tries again.
      this.#endUnlessFull(writeFailure(error));
    }
  }

  #fail(writes: readonly Write[], error: unknown): void {
    const reason = writeFailure(error);
    for (const write of writes) write.reject(reason);
    this.#endUnlessFull(reason);
  }

  #endUnlessFull(reason: MillraceError): void {
    if (reason.code !== 'LOG_FULL') this.#end(reason);
  }

  #end(reason: MillraceError): void {
    if (this.#ended) return;
    this.#ended = reason;
    for (const write of this.#waiting.splice(0)) write.reject(reason);
    if (reason.code === 'LOG_FAILED') this.#events.failed(reason);
  }
}

/** Runs one write, and says how to tell its outcome once the transaction is committed. */
function attempt(write: Write): () => void {
  try {
    const value = write.run();
    return () => write.resolve(value);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return () => write.reject(error);
  }
}
