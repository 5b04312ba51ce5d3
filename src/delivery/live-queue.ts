import type { NewRecord, TopicPartition } from '../log/log.ts';
import type { Acknowledgement } from './acknowledgements.ts';
import { Batch } from './batch.ts';
import type { DeliveryConfig } from './config.ts';
import type { Outcome, OutgoingEvent } from './intake.ts';
import type { Source } from './source.ts';

/** What the queue tells of the events that leave it. */
export interface LiveQueueEvents {
  /** `bytes` of memory are free again. */
  left(place: 'delivered' | 'spooled' | 'deadLettered', events: number, bytes: number): void;
  /** A dead letter has to be made of this event. */
  refused(event: OutgoingEvent, error: unknown): void;
}

/** The events of one partition that are in memory, in batches. */
export class LiveQueue implements Source {
  readonly to: TopicPartition;
  readonly #limits: DeliveryConfig;
  readonly #events: LiveQueueEvents;
  readonly #waiting: Batch[] = [];
  /** The batch that is being tried. */
  #head: Batch | undefined;
  #inFlight = false;

  constructor(to: TopicPartition, limits: DeliveryConfig, events: LiveQueueEvents) {
    this.to = to;
    this.#limits = limits;
    this.#events = events;
  }

  get ready(): boolean {
    return this.#head !== undefined || this.#waiting.length > 0;
  }

  /** Whether there is a batch that is not on its way to the log this moment. */
  get spillable(): boolean {
    return this.#waiting.length > 0 || (this.#head !== undefined && !this.#inFlight);
  }

  /** Adds an event; says whether its batch is full. */
  add(event: OutgoingEvent, acknowledgement: Acknowledgement | undefined, index: number): boolean {
    const { batchBytes, batchRecords } = this.#limits;
    let batch = this.#waiting.at(-1);
    if (!batch || batch.events.length >= batchRecords || batch.bytes + event.value.byteLength > batchBytes) {
      batch = new Batch();
      this.#waiting.push(batch);
    }
    batch.add(event, acknowledgement, index);
    return batch.bytes >= batchBytes || batch.events.length >= batchRecords;
  }

  peek(most: number): readonly OutgoingEvent[] {
    this.#head ??= this.#waiting.shift();
    this.#inFlight = this.#head !== undefined;
    return this.#head?.next(most) ?? [];
  }

  release(): void {
    this.#inFlight = false;
  }

  delivered(count: number): void {
    this.#settle(count, 'delivered', 'delivered');
  }

  async refused(records: readonly NewRecord[], error: unknown): Promise<void> {
    this.#settle(records.length, 'refused', 'deadLettered');
    for (const record of records) this.#events.refused(record as OutgoingEvent, error);
  }

  /** Takes batches out for the spool, oldest first: at least one, and others up to so many bytes. */
  takeForSpool(maxBytes: number): readonly Batch[] {
    const taken: Batch[] = [];
    let bytes = 0;
    if (this.#head && !this.#inFlight) {
      taken.push(this.#head);
      bytes = this.#head.bytes;
      this.#head = undefined;
    }
    let end = 0;
    for (; end < this.#waiting.length; end++) {
      bytes += this.#waiting[end]!.bytes;
      if (bytes > maxBytes && taken.length + end > 0) break;
    }
    taken.push(...this.#waiting.splice(0, end));
    return taken;
  }

  /** The spool has these batches. */
  spooled(batches: readonly Batch[]): void {
    for (const batch of batches) {
      const { left } = batch;
      this.#events.left('spooled', left, batch.settle(left, 'delivered'));
    }
  }

  /** The spool could not take these batches: they are the oldest again. */
  putBack(batches: readonly Batch[]): void {
    this.#waiting.unshift(...batches);
  }

  #settle(count: number, outcome: Outcome, place: 'delivered' | 'deadLettered'): void {
    this.#inFlight = false;
    const head = this.#head!;
    const bytes = head.settle(count, outcome);
    if (head.left === 0) this.#head = undefined;
    this.#events.left(place, count, bytes);
  }
}
