import type { LogRecord, TopicPartition } from '../../log/log.ts';
import { messageOf } from '../../support/errors.ts';
import type { PartitionWriter, Progress, SinkContext } from '../sink.ts';
import type { CommitPlan } from './chain.ts';
import type { FilesConfig } from './config.ts';
import type { DataFile } from './data-file.ts';
import { filesErrors } from './errors.ts';
import type { Hold } from './hold.ts';
import type { RecentIds } from './recent-ids.ts';
import type { Roller } from './roller.ts';

/** How long giving up may take before the rest is left to the next claim. */
const GIVE_UP_MS = 5_000;

/** Dead letters under way at once; more wait, so that a partition of garbage does not fill the memory. */
const DEAD_LETTERS_IN_FLIGHT = 100;

/**
 * Commits under way at once. While one is published, the files of the next are sent to their end and closed, which
 * HDFS takes longer over than to write them; a third finds nothing left to do meanwhile.
 */
const COMMITS_UNDER_WAY = 2;

/**
 * Writes one partition: records into open files, and on `flush`, or when a bound is reached, a
 * commit of all of them at one offset. While a store takes its time over commits, the records that
 * come go into new files.
 */
export class FilesWriter implements PartitionWriter {
  readonly copies = true;
  readonly #partition: TopicPartition;
  readonly #hold: Hold;
  readonly #roller: Roller;
  readonly #roll: FilesConfig['roll'];
  readonly #recentIds: RecentIds;
  readonly #context: SinkContext;
  readonly #ended = new AbortController();
  #signal: { readonly given: AbortSignal; readonly orEnded: AbortSignal } | undefined;
  #deadLetters: Promise<void>[] = [];
  /** The call under way, or the last one; there is never more than one. */
  #call: Promise<unknown> = Promise.resolve();
  /** The commits under way, oldest first, and before them those that nobody was told of yet. They never reject. */
  readonly #commits: Promise<void>[] = [];
  /** What the files ended last will be. */
  #sealed: Promise<unknown> = Promise.resolve();
  /** How many of the commits are over. */
  #settled = 0;
  #failure: unknown;
  /** The first offset that no commit has; undefined before the first record of a new chain. */
  #resume: number | undefined;
  /** The first offset that was not taken yet. */
  #next: number | undefined;
  #leaderEpoch: number | undefined;
  /** When the oldest record that waits was taken, on the monotonic clock. */
  #waitingSince: number | undefined;
  /** When records came last, on the monotonic clock. */
  #lastWrite = 0;
  /** Whether an open file has reached a bound, or the files hold all the memory that they may. */
  #isCommitDue = false;
  #refused = 0;
  /** Events since the last commit that the log held already. */
  #repeated = 0;
  #duplicates = 0;

  constructor(
    partition: TopicPartition,
    hold: Hold,
    roller: Roller,
    roll: FilesConfig['roll'],
    recentIds: RecentIds,
    context: SinkContext,
  ) {
    this.#partition = partition;
    this.#recentIds = recentIds;
    this.#hold = hold;
    this.#roller = roller;
    this.#roll = roll;
    this.#context = context;
    this.#resume = this.#next = this.resumeOffset();
  }

  resumeOffset(): number | undefined {
    const { end } = this.#hold;
    return end === null ? undefined : end + 1;
  }

  write(records: readonly LogRecord[], signal: AbortSignal, leaderEpoch?: number): Promise<Progress> {
    return this.#run(signal, async (signal) => {
      if (leaderEpoch !== undefined) this.#leaderEpoch = leaderEpoch;
      this.#roller.setNow(this.#context.clock.now());
      this.#lastWrite = this.#context.clock.monotonic();
      for (let at = 0; at < records.length; ) {
        at = this.#takeAtOnce(records, at);
        if (!this.#isCommitDue && at < records.length) await this.#takeWaiting(records[at++] as LogRecord, signal);
        if (this.#isCommitDue) await this.#beginCommit(signal);
      }
    });
  }

  flush(signal: AbortSignal): Promise<Progress> {
    return this.#run(signal, async (signal) => {
      await this.#beginCommit(signal);
      await this.#commits.at(-1);
      this.#throwIfFailed();
    });
  }

  get underway(): Promise<void> | undefined {
    return this.#commits[0];
  }

  flushDueAt(): number | undefined {
    if (this.#waitingSince === undefined) return undefined;
    const { age, idle } = this.#roll;
    return Math.min(this.#waitingSince + age, idle === undefined ? Infinity : this.#lastWrite + idle);
  }

  async abandon(): Promise<void> {
    this.#ended.abort();
    await this.#call.catch(() => {});
    await this.#commits.at(-1);
    await Promise.allSettled(this.#deadLetters);
    await this.#roller.discard();
    await this.#hold.giveUp(AbortSignal.timeout(GIVE_UP_MS));
  }

  /** Runs a call; after one that failed there is nothing but `abandon`. */
  #run(signal: AbortSignal, act: (signal: AbortSignal) => Promise<void>): Promise<Progress> {
    const call = this.#call.then(async () => {
      const either = this.#orEnded(signal);
      either.throwIfAborted();
      this.#throwIfFailed();
      await act(either);
      this.#commits.splice(0, this.#settled);
      this.#settled = 0;
      const duplicates = this.#duplicates;
      this.#duplicates = 0;
      return { durableUpTo: this.resumeOffset(), duplicates };
    });
    this.#call = call;
    // The caller has the error; this one only keeps it from being reported as unhandled.
    call.catch(() => {});
    return call;
  }

  /** A signal that is aborted with the call's, and by `abandon`: made once, since the loader's calls have one signal. */
  #orEnded(given: AbortSignal): AbortSignal {
    if (this.#signal?.given !== given) {
      this.#signal = { given, orEnded: AbortSignal.any([given, this.#ended.signal]) };
    }
    return this.#signal.orEnded;
  }

  /**
   * Takes records until one has to wait for something or a commit is due, and gives the index of the next. V8 compiles
   * a loop that waits for nothing once, and one in an asynchronous function again and again.
   */
  #takeAtOnce(records: readonly LogRecord[], start: number): number {
    let at = start;
    for (; at < records.length && !this.#isCommitDue; at++) {
      const record = records[at] as LogRecord;
      if (this.#next !== undefined && record.offset < this.#next) {
        this.#duplicates++;
        continue;
      }
      if (!this.#roller.accepts(record)) break;
      const file = this.#roller.find(record);
      if (!file?.tryAppend(record.value, record.offset)) break;
      this.#took(record, file);
    }
    return at;
  }

  /** Takes a record that may have to wait, for a file or for room in one, or that is refused. */
  async #takeWaiting(record: LogRecord, signal: AbortSignal): Promise<void> {
    if (!this.#roller.accepts(record)) {
      this.#passed(record);
      await this.#refuse(record);
      return;
    }
    const file = this.#roller.find(record) ?? (await this.#openFile(record, signal));
    await file.append(record.value, record.offset, signal);
    this.#took(record, file);
  }

  /** A file has the record. */
  #took(record: LogRecord, file: DataFile): void {
    this.#passed(record);
    if (this.#recentIds.repeats(this.#partition.partition, record)) this.#repeated++;
    const { records, bytes } = this.#roll;
    this.#isCommitDue = file.records >= records || file.bytes >= bytes || this.#roller.crowded;
  }

  /** The next commit has the record, in a file or among those refused. */
  #passed(record: LogRecord): void {
    this.#resume ??= record.offset;
    this.#next = record.offset + 1;
    this.#waitingSince ??= this.#context.clock.monotonic();
  }

  async #openFile(record: LogRecord, signal: AbortSignal): Promise<DataFile> {
    if (this.#roller.full) await this.#beginCommit(signal);
    // What a store holds in memory for open files is free again once they are sent, or at the latest committed.
    if (this.#roller.full) await this.#sealed;
    if (this.#roller.full) await this.#commits.at(-1);
    this.#throwIfFailed();
    return this.#roller.open(record, signal);
  }

  async #refuse(record: LogRecord): Promise<void> {
    this.#refused++;
    const { code, message: reason } = filesErrors.RECORD_NOT_A_JSON_LINE(
      'the value is not a JSON object on one line, and would break the file for its readers',
    );
    const kept = this.#context.deadLetters.put(this.#partition, copyOf(record), { code, reason });
    kept.catch((error) => this.#context.logger.debug({ reason: messageOf(error) }, 'a dead letter was not kept'));
    this.#deadLetters.push(kept);
    if (this.#deadLetters.length >= DEAD_LETTERS_IN_FLIGHT) await this.#settleDeadLetters();
  }

  async #settleDeadLetters(): Promise<void> {
    await Promise.all(this.#deadLetters);
    this.#deadLetters = [];
  }

  /** Begins to end the open files and to commit them, once few enough commits are under way. */
  async #beginCommit(signal: AbortSignal): Promise<void> {
    if (this.#waitingSince === undefined || this.#resume === undefined || this.#next === undefined) return;
    if (this.#commits.length - this.#settled >= COMMITS_UNDER_WAY) await this.#commits[this.#settled];
    this.#throwIfFailed();
    // Encoders hold memory until all is sent: of two commits at most.
    await this.#sealed;
    await this.#settleDeadLetters();
    const kind = this.#roller.hasFiles ? 'data' : 'position';
    const { sealed: files, closed } = this.#roller.end(signal);
    this.#sealed = files;
    const settled = { resume: this.#resume, end: this.#next - 1, leaderEpoch: this.#leaderEpoch } as const;
    const plan = { kind, ...settled, refused: this.#refused, files, closed } as const;
    this.#commits.push(this.#commit(plan, this.#repeated, signal));
    this.#resume = this.#next;
    this.#waitingSince = undefined;
    this.#isCommitDue = false;
    this.#refused = 0;
    this.#repeated = 0;
  }

  /** Never rejects: whoever asks next is told. */
  async #commit(plan: CommitPlan, repeated: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#hold.commit(plan, signal);
      this.#duplicates += repeated;
    } catch (error) {
      // Those after it fail as well, only because it did.
      this.#failure ??= error ?? new Error('a commit failed');
    }
    this.#settled++;
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** A record that outlasts the batch that it came in. */
function copyOf(record: LogRecord): LogRecord {
  const { key, value } = record;
  return { ...record, value: new Uint8Array(value), ...(key && { key: new Uint8Array(key) }) };
}
