import type { AssignmentListener, Consumer, Log, Position, TopicPartition } from '../log/log.ts';
import { partitionName } from '../log/log.ts';
import type { DeadLetters, Sink } from '../sinks/sink.ts';
import { Backoff } from '../support/backoff.ts';
import type { Clock } from '../support/clock.ts';
import { decisionOf, MillraceError, messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import type { LoaderConfig } from './config.ts';
import { ConnectorDeadLetters } from './dead-letters.ts';
import type { ConnectorState, LifecycleEvent } from './lifecycle.ts';
import { nextState } from './lifecycle.ts';
import { PartitionLoad } from './partition-load.ts';

export interface ConnectorOptions {
  readonly name: string;
  readonly topics: readonly string[];
  readonly log: Log;
  readonly config: LoaderConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Makes the sink, anew for each run. */
  createSink(deadLetters: DeadLetters): Sink;
  /** Told when the state has changed. */
  onState?: (state: ConnectorState) => void;
}

/** What a connector says of itself; plain data, so that it crosses threads. */
export interface ConnectorSnapshot {
  readonly state: ConnectorState;
  /** Records made durable since the start, counted by their offsets. */
  readonly loaded: number;
  readonly duplicates: number;
  readonly deadLettered: number;
  readonly restarts: number;
  readonly lastError?: { readonly code?: string; readonly message: string; readonly at: number };
}

/** The consumer group of a connector. */
export function groupOf(connector: string): string {
  return `connect-${connector}`;
}

/** Bounds one wait for records; everything that matters interrupts it. */
const POLL_MS = 5_000;

/**
 * A named, running load: topics → one sink. It reads as a member of its consumer group, gives
 * each partition to a load of its own, and commits what those say is durable.
 *
 * The poll loop alone touches the consumer's positions, so that a seek can't cross a poll.
 */
export class Connector {
  readonly #options: ConnectorOptions;
  readonly #deadLetters: ConnectorDeadLetters;
  #state: ConnectorState = 'UNASSIGNED';
  #life: Promise<void> = Promise.resolve();
  #changed = new AbortController();
  #loaded = 0;
  #duplicates = 0;
  #restarts = 0;
  #lastError: ConnectorSnapshot['lastError'];

  constructor(options: ConnectorOptions) {
    this.#options = options;
    this.#deadLetters = new ConnectorDeadLetters(options.log.producer(), options.name, options.clock);
  }

  get snapshot(): ConnectorSnapshot {
    return {
      state: this.#state,
      loaded: this.#loaded,
      duplicates: this.#duplicates,
      deadLettered: this.#deadLetters.count,
      restarts: this.#restarts,
      ...(this.#lastError ? { lastError: this.#lastError } : {}),
    };
  }

  /** Starts loading. Never throws: what goes wrong is in the snapshot, and tried again where that can help. */
  start(): void {
    this.#follow('start');
    this.#life = this.#live();
  }

  pause(): void {
    this.#follow('pause');
  }

  resume(): void {
    this.#follow('resume');
  }

  /** Ends the run, politely, and begins a new one; also out of FAILED. */
  restart(): void {
    this.#follow('restart');
  }

  /** Ends the run, finishing what was begun, and stays stopped. */
  async stop(): Promise<void> {
    this.#follow('stop');
    await this.#life;
  }

  #follow(event: LifecycleEvent): void {
    const state = nextState(this.#state, event);
    if (state === this.#state) return;
    this.#state = state;
    this.#options.logger.info({ state }, `connector ${event}`);
    this.#options.onState?.(state);
    this.#changed.abort();
    this.#changed = new AbortController();
  }

  async #live(): Promise<void> {
    const { clock, config, logger } = this.#options;
    const backoff = new Backoff({ initialMs: config.retryInitial, maxMs: config.retryMax });
    while (this.#state !== 'STOPPED') {
      if (this.#state === 'RESTARTING') {
        const before = this.#changed.signal;
        await clock.sleep(backoff.next(), before);
        if (!before.aborted) this.#follow('retried');
      } else if (this.#state === 'RUNNING') {
        const { signal } = this.#changed;
        try {
          await this.#runUntil(signal, () => backoff.reset());
        } catch (error) {
          this.#restarts++;
          this.#note(error);
          logger.error({ error: messageOf(error) }, 'the connector ended its run');
          this.#follow(decisionOf(error) === 'stop' ? 'failed' : 'stumbled');
        }
      } else {
        const { signal } = this.#changed;
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      }
    }
  }

  async #runUntil(signal: AbortSignal, progressed: () => void): Promise<void> {
    const run = new Run(this.#options, this.#options.createSink(this.#deadLetters), {
      durable: (records, duplicates) => {
        this.#loaded += records;
        this.#duplicates += duplicates;
        progressed();
      },
      stumbled: (error) => {
        this.#restarts++;
        this.#note(error);
      },
    });
    await run.untilAborted(signal);
  }

  #note(error: unknown): void {
    this.#lastError = {
      ...(error instanceof MillraceError ? { code: error.code } : {}),
      message: messageOf(error),
      at: this.#options.clock.now(),
    };
  }
}

interface RunReports {
  durable(records: number, duplicates: number): void;
  stumbled(error: unknown): void;
}

/** One run of a connector: from opening the sink to closing it. */
class Run implements AssignmentListener {
  readonly #options: ConnectorOptions;
  readonly #sink: Sink;
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

  constructor(options: ConnectorOptions, sink: Sink, reports: RunReports) {
    this.#options = options;
    this.#sink = sink;
    this.#reports = reports;
    this.#consumer = options.log.consumer(groupOf(options.name), options.topics);
  }

  async untilAborted(signal: AbortSignal): Promise<void> {
    const end = () => this.#end();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      await this.#sink.open(this.#ended.signal);
      await this.#consumer.subscribe(this);
      while (!this.#ended.signal.aborted) await this.#pollOnce();
    } finally {
      signal.removeEventListener('abort', end);
      // Leaving the group revokes the partitions, which finishes their loads.
      await this.#consumer.close().catch((error: unknown) => this.#fail(error));
      await this.#sink.close();
    }
    if (this.#failure && !signal.aborted) throw this.#failure.error;
  }

  async assigned(partitions: readonly TopicPartition[]): Promise<void> {
    const started = partitions.map((partition) => {
      const load = this.#loadOf(partition);
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

  #doAsked(): void {
    for (const position of this.#seeks.values()) this.#consumer.seek(position, position.offset);
    for (const { partition, hasRoom } of this.#rooms.values()) {
      if (hasRoom) this.#consumer.resume(partition);
      else this.#consumer.pause(partition);
    }
    this.#seeks.clear();
    this.#rooms.clear();
  }

  #loadOf(partition: TopicPartition): PartitionLoad {
    const name = partitionName(partition);
    return new PartitionLoad({
      partition,
      sink: this.#sink,
      config: this.#options.config,
      clock: this.#options.clock,
      logger: this.#options.logger,
      seek: (offset) => {
        this.#seeks.set(name, { ...partition, offset });
        this.#interruptPoll.abort();
      },
      room: (hasRoom) => {
        this.#rooms.set(name, { partition, hasRoom });
        this.#interruptPoll.abort();
      },
      durable: (offset, records, duplicates) => {
        this.#reports.durable(records, duplicates);
        this.#positions.set(name, { ...partition, offset });
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
