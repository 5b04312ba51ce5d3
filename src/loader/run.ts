import type { AssignmentListener, Consumer, Log, Position, TopicPartition } from '../log/log.ts';
import { partitionName } from '../log/log.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import { whenAborted } from '../support/within.ts';
import type { LoaderConfig } from './config.ts';
import { loaderErrors } from './errors.ts';
import { AWAKE, PartitionLoad } from './partition-load.ts';
import type { StallWatch } from './stall-watch.ts';

/** Bounds one wait for records; everything that matters interrupts it. */
const POLL_MS = 5_000;

/** How often within the time that a stall may last it is looked for. */
const STALL_CHECKS = 4;

/** What a run works with. */
export interface RunOptions {
  readonly group: string;
  readonly topics: readonly string[];
  readonly log: Log;
  readonly sink: Sink;
  readonly config: LoaderConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Outlives the run, since it must not complain of the same thing again and again. */
  readonly stallWatch: StallWatch;
}

/** What a run tells its connector. */
export interface RunReports {
  durable(records: number, duplicates: number): void;
  stumbled(error: unknown): void;
}

/**
 * One run of a connector, from opening the sink to closing it. It reads as a member of its
 * consumer group, gives each partition to a load of its own, and commits what those say is durable.
 *
 * The poll loop alone touches the consumer's positions, so that a seek can't cross a poll.
 */
export class Run implements AssignmentListener {
  readonly #options: RunOptions;
  readonly #reports: RunReports;
  readonly #consumer: Consumer;
  readonly #loads = new Map<string, PartitionLoad>();
  readonly #ended = new AbortController();
  /** What the loads asked of the consumer, done between two polls. */
  readonly #seeks = new Map<string, Position>();
  readonly #rooms = new Map<string, { readonly partition: TopicPartition; readonly hasRoom: boolean }>();
  #interruptPoll = new AbortController();
  #positions = new Map<string, Position>();
  #committing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: RunOptions, reports: RunReports) {
    this.#options = options;
    this.#reports = reports;
    this.#consumer = options.log.consumer(options.group, options.topics);
  }

  async untilAborted(signal: AbortSignal): Promise<void> {
    const end = () => this.#end();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      await this.#options.sink.open(this.#ended.signal);
      // Joining may take as long as the slowest member; whoever stops does not wait for it.
      await Promise.race([this.#consumer.subscribe(this), whenAborted(this.#ended.signal)]);
      void this.#watch();
      while (!this.#ended.signal.aborted) await this.#pollOnce();
    } finally {
      signal.removeEventListener('abort', end);
      this.#end();
      // Leaving the group revokes the partitions, which finishes their loads.
      await this.#consumer.close().catch((error: unknown) => this.#fail(error));
      await this.#options.sink.close();
    }
    if (this.#failure && !signal.aborted) throw this.#failure.error;
  }

  async assigned(partitions: readonly TopicPartition[]): Promise<void> {
    const { log, group } = this.#options;
    let asked: Promise<readonly Position[]> | undefined;
    const committed = () => {
      asked ??= log.admin.committed(group);
      return asked;
    };
    const started = partitions.map((partition) => {
      const load = this.#loadOf(partition, committed);
      this.#loads.set(partitionName(partition), load);
      return load.start();
    });
    try {
      await Promise.all(started);
      // Positions that the stores know are taken before the first record is handed out.
      this.#doAsked();
    } catch (error) {
      this.#fail(error);
    }
  }

  async revoked(partitions: readonly TopicPartition[]): Promise<void> {
    const loads = this.#take(partitions);
    await Promise.all(loads.map((load) => load.finish(this.#options.config.stopTimeout)));
    await this.#commit().catch((error: unknown) => this.#fail(error));
  }

  lost(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#positions.delete(partitionName(partition));
    for (const load of this.#take(partitions)) void load.abandon();
  }

  async #pollOnce(): Promise<void> {
    this.#interruptPoll = new AbortController();
    this.#doAsked();
    if (this.#positions.size > 0) this.#commitSoon();
    const batches = await this.#consumer.poll({ maxWaitMs: POLL_MS, signal: this.#interruptPoll.signal });
    for (const batch of batches) {
      const name = partitionName(batch);
      // A load that asked for another position meanwhile must not get records from the old one.
      if (!this.#seeks.has(name)) this.#loads.get(name)?.offer(batch);
    }
  }

  /** Beside the poll loop, since that may be what hangs. */
  async #watch(): Promise<void> {
    const { clock, config, stallWatch } = this.#options;
    while (!this.#ended.signal.aborted) {
      await clock.sleep(config.stallTimeout / STALL_CHECKS, this.#ended.signal);
      const waiting = [...this.#loads.values()].flatMap(({ partition, awaited }) =>
        awaited === undefined ? [] : [{ ...partition, offset: awaited }],
      );
      // A log that does not answer is away, which the consumer hears of by itself.
      const stalled = await stallWatch.check(waiting).catch(() => undefined);
      if (stalled && !this.#ended.signal.aborted) {
        const { topic, partition, offset } = stalled;
        this.#fail(
          loaderErrors.CONSUMER_STALLED(`Nothing was read from ${topic}-${partition} at ${offset} for too long.`),
        );
      }
    }
  }

  #doAsked(): void {
    for (const position of this.#seeks.values()) this.#consumer.seek(position, position.offset);
    for (const { partition, hasRoom } of this.#rooms.values()) {
      if (hasRoom) this.#consumer.resume(partition);
      else this.#consumer.pause(partition);
    }
    this.#seeks.clear();
    this.#rooms.clear();
  }

  #loadOf(partition: TopicPartition, committed: () => Promise<readonly Position[]>): PartitionLoad {
    const name = partitionName(partition);
    return new PartitionLoad({
      partition,
      sink: this.#options.sink,
      config: this.#options.config,
      clock: this.#options.clock,
      logger: this.#options.logger,
      committed: async () => (await committed()).find((of) => partitionName(of) === name)?.offset,
      seek: (offset) => {
        this.#seeks.set(name, { ...partition, offset });
        this.#interruptPoll.abort(AWAKE);
      },
      room: (hasRoom) => {
        this.#rooms.set(name, { partition, hasRoom });
        this.#interruptPoll.abort(AWAKE);
      },
      durable: (position, records, duplicates) => {
        this.#reports.durable(records, duplicates);
        this.#positions.set(name, position);
        this.#commitSoon();
      },
      stumbled: (error) => this.#reports.stumbled(error),
      failed: (error) => this.#fail(error),
    });
  }

  #take(partitions: readonly TopicPartition[]): PartitionLoad[] {
    return partitions.flatMap((partition) => {
      const name = partitionName(partition);
      const load = this.#loads.get(name);
      this.#loads.delete(name);
      this.#seeks.delete(name);
      this.#rooms.delete(name);
      return load ? [load] : [];
    });
  }

  /** A commit that fails is made up for by the next one, or by the next turn of the poll loop. */
  #commitSoon(): void {
    void this.#commit().catch((error: unknown) => {
      this.#options.logger.warn(
        { error: messageOf(error) },
        'positions were not committed; they are with the next ones',
      );
    });
  }

  /** Commits what is durable by now. One commit is under way at a time, so that positions never go back. */
  async #commit(): Promise<void> {
    while (this.#committing) await this.#committing.catch(() => {});
    const positions = [...this.#positions.values()];
    if (positions.length === 0) return;
    this.#positions = new Map();
    this.#committing = this.#consumer.commit(positions);
    try {
      await this.#committing;
    } catch (error) {
      for (const position of positions) {
        const name = partitionName(position);
        if (this.#loads.has(name) && !this.#positions.has(name)) this.#positions.set(name, position);
      }
      throw error;
    } finally {
      this.#committing = undefined;
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#end();
  }

  #end(): void {
    this.#ended.abort();
    this.#interruptPoll.abort();
  }
}
