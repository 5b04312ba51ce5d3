import type { LogRecord, Position, RecordBatch, TopicPartition } from '../log/log.ts';
import type { PartitionWriter, Progress, Sink } from '../sinks/sink.ts';
import { Backoff } from '../support/backoff.ts';
import type { Clock } from '../support/clock.ts';
import { decisionOf, messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import type { LoaderConfig } from './config.ts';
import { loaderErrors } from './errors.ts';
import { slicesOf } from './slices.ts';

/** With nothing to do and nothing due, the loop sleeps until it is woken; this only bounds one sleep. */
const IDLE_MS = 60_000;
/** Why a sleep or a poll ends: without a reason each one would cost an error and its stack. */
export const AWAKE = 'awake';

/** What a partition's load asks of the connector that it belongs to. */
export interface PartitionLoadOptions {
  readonly partition: TopicPartition;
  readonly sink: Sink;
  readonly config: LoaderConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where the group is in the partition: a consumer goes on there if the store does not say otherwise. */
  committed(): Promise<number | undefined>;
  /** Makes the consumer go on at this offset; nothing read before is offered after. */
  seek(offset: number): void;
  /** Tells whether there is room for more records. */
  room(hasRoom: boolean): void;
  /** Everything below the position is in the store or in the dead letters. */
  durable(position: Position, records: number, duplicates: number): void;
  /** The writer failed and is replaced. */
  stumbled(error: unknown): void;
  /** An error that no retry mends. */
  failed(error: unknown): void;
}

/**
 * The load of one partition: a bounded queue, and a loop that gives it to the sink's writer.
 * A writer that throws is abandoned and replaced by a new one, which says where to go on; so
 * there is one way back to a good state, the same after an error as after a crash.
 */
export class PartitionLoad {
  readonly #options: PartitionLoadOptions;
  readonly #aborted = new AbortController();
  #queue: RecordBatch[] = [];
  #queuedBytes = 0;
  #full = false;
  /** Offset to go on from with a new writer whose store keeps no position: the first not durable. */
  #position: number | undefined;
  /** The next offset that the writer has not been given. */
  #next = 0;
  /** Where the group was at the start, as soon as that is known. */
  #committed: number | undefined;
  /** Of the last records that the writer was given; of what is durable it may be a later one, but none that is too early. */
  #leaderEpoch: number | undefined;
  #stopping = false;
  #wake: () => void = () => {};
  #running: Promise<void> | undefined;

  constructor(options: PartitionLoadOptions) {
    this.#options = options;
  }

  get partition(): TopicPartition {
    return this.#options.partition;
  }

  /** Opens the first writer, so that its position is known before the first record is read. */
  async start(): Promise<void> {
    const writer = await this.#options.sink.partition(this.#options.partition, this.#aborted.signal);
    this.#goOn(writer);
    this.#running = this.#run(writer);
    if (this.#position === undefined) void this.#findPlace();
  }

  /** Takes records as the consumer hands them out. */
  offer(batch: RecordBatch): void {
    const first = batch.records[0];
    if (!first || this.#stopping) return;
    this.#position ??= first.offset;
    this.#queue.push(batch);
    this.#queuedBytes += batch.bytes;
    this.#tellRoom();
    this.#wake();
  }

  /** The offset that the load waits for with nothing left to do; `undefined` while it is busy, or that is not known. */
  get awaited(): number | undefined {
    if (this.#queue.length > 0 || this.#full || this.#stopping) return undefined;
    return this.#position === undefined ? this.#committed : this.#next;
  }

  /** Makes durable what the writer has taken, then gives the partition up. */
  async finish(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    this.#wake();
    const late = new AbortController();
    const timeout = this.#options.clock.sleep(deadlineMs, late.signal).then(() => {
      if (!late.signal.aborted) this.#aborted.abort();
    });
    await this.#running;
    late.abort();
    await timeout;
  }

  /** Gives the partition up at once; nothing more is written or reported. */
  async abandon(): Promise<void> {
    this.#stopping = true;
    this.#aborted.abort();
    this.#wake();
    await this.#running;
  }

  async #run(first: PartitionWriter): Promise<void> {
    const { sink, partition, clock, config } = this.#options;
    const backoff = new Backoff({ initialMs: config.retryInitial, maxMs: config.retryMax });
    let writer: PartitionWriter | undefined = first;
    for (;;) {
      try {
        if (!writer) {
          writer = await sink.partition(partition, this.#aborted.signal);
          this.#goOn(writer);
        }
        await this.#load(writer, backoff);
        await writer.abandon();
        return;
      } catch (error) {
        await writer?.abandon();
        writer = undefined;
        this.#drop();
        if (this.#aborted.signal.aborted || this.#stopping) return;
        if (decisionOf(error) === 'stop') {
          this.#options.failed(error);
          return;
        }
        this.#options.stumbled(error);
        this.#options.logger.warn(
          { ...partition, error: messageOf(error) },
          'loading stumbled; going on from what is durable',
        );
        await clock.sleep(backoff.next(), this.#aborted.signal);
      }
    }
  }

  async #load(writer: PartitionWriter, backoff: Backoff): Promise<void> {
    const { signal } = this.#aborted;
    for (;;) {
      signal.throwIfAborted();
      const due = writer.flushDueAt();
      const batch = this.#queue[0];
      if (this.#stopping || (due !== undefined && due <= this.#options.clock.monotonic())) {
        this.#advance(await writer.flush(signal), backoff);
        if (this.#stopping) return;
      } else if (batch) {
        this.#queue.shift();
        this.#assertUncut(batch);
        for await (const slice of slicesOf(this.#wanted(batch.records))) {
          this.#advance(await writer.write(slice, signal, batch.leaderEpoch), backoff);
        }
        if (writer.copies) batch.free?.();
        this.#queuedBytes -= batch.bytes;
        this.#tellRoom();
      } else if (await this.#somethingToDo(due, writer.underway)) {
        this.#advance(await writer.write([], signal), backoff);
      }
    }
  }

  /**
   * A later leader's records below the next expected offset are others than those that were read
   * there. A new writer, whose store knows where it is, decides whether loading can go on; without
   * such a store they are loaded.
   */
  #assertUncut({ records, leaderEpoch }: RecordBatch): void {
    const first = records[0]?.offset ?? this.#next;
    const before = this.#leaderEpoch;
    this.#leaderEpoch = leaderEpoch;
    if (first >= this.#next || leaderEpoch === undefined || before === undefined || leaderEpoch <= before) return;
    this.#position = Math.min(first, this.#position ?? first);
    const { topic, partition } = this.#options.partition;
    throw loaderErrors.LOG_CUT(`${topic}-${partition} was read up to ${this.#next}, and was cut at ${first}`);
  }

  /** A fetch that was under way can bring back records from before: none below the next expected offset is taken. */
  #wanted(records: readonly LogRecord[]): readonly LogRecord[] {
    const next = this.#next;
    this.#next = Math.max(next, (records.at(-1)?.offset ?? -1) + 1);
    return next > (records[0]?.offset ?? 0) ? records.filter(({ offset }) => offset >= next) : records;
  }

  /** Waits, and says whether the writer has something to tell. */
  async #somethingToDo(due: number | undefined, underway: Promise<void> | undefined): Promise<boolean> {
    const awake = new AbortController();
    this.#wake = () => awake.abort(AWAKE);
    if (this.#queue.length > 0 || this.#stopping) return false;
    let told = false;
    void underway?.then(() => {
      told = true;
      awake.abort(AWAKE);
    });
    const waitMs = due === undefined ? IDLE_MS : Math.max(0, due - this.#options.clock.monotonic());
    await this.#options.clock.sleep(waitMs, awake.signal);
    return told;
  }

  /** Passes on what is new. Only more that is durable is progress: taking records alone is none. */
  #advance({ durableUpTo, duplicates }: Progress, backoff: Backoff): void {
    if (durableUpTo === undefined) return;
    const before = this.#position;
    const records = Math.max(0, durableUpTo - (before ?? durableUpTo));
    this.#position = durableUpTo;
    if (durableUpTo !== before || duplicates > 0) this.#tellDurable(durableUpTo, records, duplicates);
    if (records > 0) backoff.reset();
  }

  /** Goes on where the store says, else where the group's position or the last writer's durable end is. */
  #goOn(writer: PartitionWriter): void {
    const stored = writer.resumeOffset();
    const offset = stored ?? this.#position;
    this.#next = offset ?? 0;
    this.#leaderEpoch = undefined;
    if (offset === undefined) return;
    this.#position = offset;
    this.#drop();
    this.#options.seek(offset);
    // After a crash the store can be ahead of the group's position, with nothing left to load that would move it.
    if (stored !== undefined) this.#tellDurable(stored, 0, 0);
  }

  #tellDurable(offset: number, records: number, duplicates: number): void {
    const leaderEpoch = this.#leaderEpoch;
    const position = { ...this.#options.partition, offset, ...(leaderEpoch !== undefined && { leaderEpoch }) };
    this.#options.durable(position, records, duplicates);
  }

  /** Only to tell what is waited for; without it nobody is blamed. */
  async #findPlace(): Promise<void> {
    this.#committed = await this.#options.committed().catch(() => undefined);
  }

  #drop(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#tellRoom();
  }

  #tellRoom(): void {
    const { queueBytes } = this.#options.config;
    const full = this.#full ? this.#queuedBytes > queueBytes / 2 : this.#queuedBytes >= queueBytes;
    if (full === this.#full) return;
    this.#full = full;
    this.#options.room(!full);
  }
}
