import { COLLECTOR_DEAD_LETTERS } from '../log/dead-letter.ts';
import type { NewRecord, RecordBatch, TopicPartition } from '../log/log.ts';
import { wasAccepted } from './dead-letters.ts';
import type { Source } from './source.ts';

/** What the lane asks of its spool. */
export interface SpoolLaneHost {
  read(lane: SpoolLane): Promise<RecordBatch>;
  /** Some records were settled: their space can be given back. */
  trim(): void;
  /** Resolves when the dead letters of these records are in the spool. Rejects when it is closed before that. */
  keepDeadLetters(records: readonly NewRecord[], error: unknown): Promise<void>;
}

/** What became of records that still lie in the spool. */
export interface Settled {
  readonly delivered: number;
  readonly deadLettered: number;
  /** Dead letters of accepted events that the log refused too. */
  readonly refused: number;
}

const NOTHING: Settled = { delivered: 0, deadLettered: 0, refused: 0 };

/**
 * The records of one partition in a spool, first in, first out.
 *
 *     start ──── settled, to be removed ──── position ──── to be sent ──── end
 */
export class SpoolLane implements Source {
  readonly to: TopicPartition;
  /** Whether its records are accepted events; dead letters are not. */
  readonly counted: boolean;
  readonly #host: SpoolLaneHost;
  #start: number;
  #position: number;
  #end: number;
  #bytes: number;
  #settled: Settled = NOTHING;
  #ahead: RecordBatch | undefined;
  #broken = false;

  constructor(to: TopicPartition, host: SpoolLaneHost, held: { start: number; end: number; bytes: number }) {
    this.to = to;
    this.counted = to.topic !== COLLECTOR_DEAD_LETTERS;
    this.#host = host;
    this.#start = held.start;
    this.#position = held.start;
    this.#end = held.end;
    this.#bytes = held.bytes;
  }

  /** Whether there is something to send. */
  get ready(): boolean {
    return this.#position < this.#end && !this.#broken;
  }

  /** Records that lie in the spool. */
  get records(): number {
    return this.#end - this.#start;
  }

  /** The next record to be sent. */
  get position(): number {
    return this.#position;
  }

  /** Records were written at the end. */
  appended(records: number, bytes: number): void {
    this.#end += records;
    this.#bytes += bytes;
  }

  async peek(most: number): Promise<readonly NewRecord[]> {
    // What was read ahead serves the halves of a batch that was refused, and a second try.
    const ahead = this.#ahead?.records.filter(({ offset }) => offset >= this.#position) ?? [];
    if (ahead.length > 0) return ahead.slice(0, most);
    this.#ahead = await this.#host.read(this);
    return this.#ahead.records.slice(0, most);
  }

  release(): void {}

  delivered(count: number): void {
    this.#settle(count, { ...this.#settled, delivered: this.#settled.delivered + count });
  }

  async refused(records: readonly NewRecord[], error: unknown): Promise<void> {
    if (this.counted) {
      await this.#host.keepDeadLetters(records, error);
      this.#settle(records.length, { ...this.#settled, deadLettered: this.#settled.deadLettered + records.length });
    } else {
      const accepted = records.filter(wasAccepted).length;
      this.#settle(records.length, { ...this.#settled, refused: this.#settled.refused + accepted });
    }
  }

  /** Its records can't be read: they stay where they are, and hold nothing else back. */
  giveUp(): void {
    this.#broken = true;
  }

  /** What is to be removed, if there is something. */
  get trimmable(): number | undefined {
    return this.#position > this.#start ? this.#position : undefined;
  }

  /** What became of the records below the position; the caller removes them. */
  takeSettled(): Settled {
    const settled = this.#settled;
    this.#settled = NOTHING;
    return settled;
  }

  /** The records could not be removed, so nothing is counted yet. */
  putBack({ delivered, deadLettered, refused }: Settled): void {
    this.#settled = {
      delivered: this.#settled.delivered + delivered,
      deadLettered: this.#settled.deadLettered + deadLettered,
      refused: this.#settled.refused + refused,
    };
  }

  /** Everything below this offset has been removed; returns the bytes that it took. */
  trimmed(start: number): number {
    const bytes = (this.#bytes * (start - this.#start)) / this.records;
    this.#bytes -= bytes;
    this.#start = start;
    return bytes;
  }

  #settle(count: number, settled: Settled): void {
    this.#position += count;
    this.#settled = settled;
    if (this.#position >= (this.#ahead?.records.at(-1)?.offset ?? -1) + 1) this.#ahead = undefined;
    this.#host.trim();
  }
}
