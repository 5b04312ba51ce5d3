import { replayTopic } from '../log/dead-letter.ts';
import { logErrors } from '../log/errors.ts';
import type { Log, LogRecord, TopicPartition } from '../log/log.ts';
import { partitionName } from '../log/log.ts';
import type { DeadLetters, PartitionWriter, Refusal, Sink } from '../sinks/sink.ts';
import { deadLetterOffsets } from '../sinks/verification.ts';
import { Backoff } from '../support/backoff.ts';
import type { Clock } from '../support/clock.ts';
import { decisionOf } from '../support/errors.ts';
import type { LoaderConfig } from './config.ts';
import { groupOf } from './connector.ts';
import { ConnectorDeadLetters } from './dead-letters.ts';
import { loaderErrors } from './errors.ts';
import { slicesOf } from './slices.ts';

/** Times of events, as the log's records carry them: milliseconds since the epoch, from `from` to before `to`. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

export interface ReplayOptions extends TimeRange {
  readonly log: Log;
  readonly connector: string;
  /** Topics of events; the connector's own topic of replayed dead letters belongs to them without being named. */
  readonly topics: readonly string[];
  readonly config: Pick<LoaderConfig, 'retryInitial' | 'retryMax'>;
  readonly clock: Clock;
  createSink(deadLetters: DeadLetters): Sink;
  /** Told how many records of how many have been looked at. */
  readonly onProgress?: (done: number, all: number) => void;
  readonly signal: AbortSignal;
}

/** What became of the records of a range: `read` is the sum of `written`, `present` and `refused`. */
export interface Replayed {
  /** Records whose time is in the range, and that the connector had loaded before. */
  readonly read: number;
  /** Events that were missing in the store. */
  readonly written: number;
  /** Events that were there already. */
  readonly present: number;
  /** Records in the dead letters, put there now or by the load before. */
  readonly refused: number;
}

/** Errors in a row, with nothing stored in between, after which a person should know. */
const TRIES = 5;

/** A part of the log that is looked through. */
interface Span extends TopicPartition {
  readonly from: number;
  readonly to: number;
}

/**
 * Loads records of a time range into the store of a connector once more, through the sink's own
 * writer: what is there stays, what is missing is written. Nobody's position moves, and what
 * the connector has not loaded yet is left to it. To be called again after anything that went wrong.
 *
 * Events come into the log in the order of their arrival, and not of their times; so everything
 * is looked at from the first record of the range on.
 *
 * @throws REPLAY_WOULD_DOUBLE, and what keeps the store from taking records
 */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  const { log, connector, clock, createSink, signal } = options;
  const producer = log.producer();
  const deadLetters = new ReplayDeadLetters(new ConnectorDeadLetters(producer, connector, clock));
  const sink = createSink(deadLetters);
  try {
    if (!sink.reload) {
      throw loaderErrors.REPLAY_WOULD_DOUBLE(`The store of ${connector} can't tell which events it holds already.`);
    }
    const spans = await spansOf(options);
    deadLetters.known = await deadLetterOffsets(log, connector);
    await sink.open(signal);
    const work = new Replay(options, sink, spans);
    for (const span of spans) await work.run(span);
    const { read } = work;
    const { refused } = deadLetters;
    // A store that answers out of order may tell of a copy a second time after an error.
    const present = Math.min(work.present, read - refused);
    return { read, written: read - present - refused, present, refused };
  } finally {
    await sink.close();
    await producer.close();
  }
}

/** From the first record of the range on, up to what the connector has loaded. */
async function spansOf({ log, connector, topics, from }: ReplayOptions): Promise<Span[]> {
  const committed = await log.admin.committed(groupOf(connector));
  const positions = new Map(committed.map((position) => [partitionName(position), position.offset]));
  const known = new Set((await log.admin.topics()).map(({ name }) => name));
  const wanted = [...new Set([...topics, replayTopic(connector)])].filter((topic) => known.has(topic));
  const starts = await Promise.all(wanted.map((topic) => log.admin.offsetsAt(topic, from)));
  return starts.flat().flatMap(({ topic, partition, offset }) => {
    const to = positions.get(partitionName({ topic, partition })) ?? 0;
    return offset < to ? [{ topic, partition, from: offset, to }] : [];
  });
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #sink: Sink;
  readonly #all: number;
  #done = 0;
  read = 0;
  present = 0;

  constructor(options: ReplayOptions, sink: Sink, spans: readonly Span[]) {
    this.#options = options;
    this.#sink = sink;
    this.#all = spans.reduce((sum, { from, to }) => sum + to - from, 0);
  }

  /** A writer that fails is replaced, and the next one goes on after what is durable, as in the loader. */
  async run(span: Span): Promise<void> {
    const { config, clock, signal } = this.#options;
    const backoff = new Backoff({ initialMs: config.retryInitial, maxMs: config.retryMax });
    const walk = new Walk(span);
    for (let tries = 1; ; tries++) {
      const before = walk.durable;
      let writer: PartitionWriter | undefined;
      try {
        writer = await this.#sink.reload?.({ topic: span.topic, partition: span.partition }, signal);
        if (writer) await this.#load(walk, writer);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (walk.durable > before) {
          tries = 1;
          backoff.reset();
        }
        if (decisionOf(error) !== 'retry' || tries >= TRIES) throw error;
      } finally {
        await writer?.abandon();
      }
      await clock.sleep(backoff.next(), signal);
      signal.throwIfAborted();
    }
  }

  async #load(walk: Walk, writer: PartitionWriter): Promise<void> {
    const { log, from, to, signal, onProgress } = this.#options;
    const { span } = walk;
    let offset = walk.durable;
    while (offset < span.to) {
      signal.throwIfAborted();
      const { records, endOffset } = await log.read({ topic: span.topic, partition: span.partition, offset });
      const last = records.at(-1);
      if (!last) {
        if (endOffset >= span.to) break;
        // A new leader may not know yet how far records are safe to be read.
        throw logErrors.LOG_UNAVAILABLE(`the log ends at ${endOffset}, before ${span.to}`);
      }
      const ours = records.filter((record) => record.offset >= offset && record.offset < span.to);
      const chosen = ours.filter(({ timestamp }) => timestamp >= from && timestamp < to);
      offset = last.offset + 1;
      for await (const slice of slicesOf(chosen)) this.#take(walk, await writer.write(slice, signal));
      this.read += walk.unread(chosen);
      this.#done += walk.advance(Math.min(offset, span.to));
      onProgress?.(this.#done, this.#all);
    }
    this.#take(walk, await writer.flush(signal));
    this.#done += walk.advance(span.to);
    onProgress?.(this.#done, this.#all);
  }

  #take(walk: Walk, { durableUpTo, duplicates }: { durableUpTo: number | undefined; duplicates: number }): void {
    walk.durable = Math.max(walk.durable, durableUpTo ?? 0);
    this.present += duplicates;
  }
}

/** How far one span is, over the writers that work on it. */
class Walk {
  readonly span: Span;
  /** Where a new writer goes on. */
  durable: number;
  #seen: number;
  #counted: number;

  constructor(span: Span) {
    this.span = span;
    this.durable = this.#seen = this.#counted = span.from;
  }

  /** How many of these were not counted before. */
  unread(records: readonly LogRecord[]): number {
    const fresh = records.filter(({ offset }) => offset >= this.#counted);
    this.#counted = Math.max(this.#counted, (records.at(-1)?.offset ?? 0) + 1);
    return fresh.length;
  }

  /** Offsets that were passed for the first time. */
  advance(to: number): number {
    const passed = Math.max(0, to - this.#seen);
    this.#seen += passed;
    return passed;
  }
}

/** A record that is in the dead letters already is not put there a second time. */
class ReplayDeadLetters implements DeadLetters {
  readonly #kept: DeadLetters;
  readonly #refused = new Map<string, Set<number>>();
  /** Offsets by partition. */
  known = new Map<string, Set<number>>();

  constructor(kept: DeadLetters) {
    this.#kept = kept;
  }

  get refused(): number {
    return [...this.#refused.values()].reduce((sum, offsets) => sum + offsets.size, 0);
  }

  async put(partition: TopicPartition, record: LogRecord, refusal: Refusal): Promise<void> {
    if (!this.known.get(partitionName(partition))?.has(record.offset)) {
      await this.#kept.put(partition, record, refusal);
      add(this.known, partition, record.offset);
    }
    add(this.#refused, partition, record.offset);
  }
}

function add(sets: Map<string, Set<number>>, partition: TopicPartition, offset: number): void {
  const name = partitionName(partition);
  sets.set(name, (sets.get(name) ?? new Set<number>()).add(offset));
}
