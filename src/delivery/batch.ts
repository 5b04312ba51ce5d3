import type { Acknowledgement } from './acknowledgements.ts';
import type { Outcome, OutgoingEvent } from './intake.ts';

/** What an event costs in memory beside its value: its object, its place in a batch, its headers' reference. */
export const EVENT_OVERHEAD_BYTES = 200;

/** Someone who waits for one event of a batch. */
interface Waiter {
  readonly of: Acknowledgement;
  /** The event's place in its request. */
  readonly index: number;
  /** The event's place in the batch. */
  readonly event: number;
}

/** Events that go to one partition together. They are settled from the front. */
export class Batch {
  readonly events: OutgoingEvent[] = [];
  readonly #waiters: Waiter[] = [];
  /** Bytes of the values. */
  bytes = 0;
  #settled = 0;
  #answered = 0;

  add(event: OutgoingEvent, acknowledgement: Acknowledgement | undefined, index: number): void {
    if (acknowledgement) this.#waiters.push({ of: acknowledgement, index, event: this.events.length });
    this.events.push(event);
    this.bytes += event.value.byteLength;
  }

  get left(): number {
    return this.events.length - this.#settled;
  }

  /** All events that are not settled. */
  get rest(): readonly OutgoingEvent[] {
    return this.next(this.left);
  }

  /** The next events, at most so many; without a copy when it is all of a fresh batch. */
  next(most: number): readonly OutgoingEvent[] {
    if (this.#settled === 0 && most >= this.events.length) return this.events;
    return this.events.slice(this.#settled, this.#settled + most);
  }

  /** The next `count` events have this outcome. Returns the bytes of memory that they held. */
  settle(count: number, outcome: Outcome): number {
    const all = count === this.events.length;
    const end = this.#settled + count;
    let bytes = all ? this.bytes : 0;
    if (!all) for (let i = this.#settled; i < end; i++) bytes += this.events[i]!.value.byteLength;
    this.#settled = end;
    for (; this.#answered < this.#waiters.length; this.#answered++) {
      const { of, index, event } = this.#waiters[this.#answered]!;
      if (event >= end) break;
      of.settle(index, outcome);
    }
    return bytes + count * EVENT_OVERHEAD_BYTES;
  }
}
