import { COLLECTOR_DEAD_LETTERS, toDeadLetter } from '../log/dead-letter.ts';
import type { Appended, NewRecord, Producer, TopicPartition } from '../log/log.ts';
import { partitionName } from '../log/log.ts';
import { Backoff } from '../support/backoff.ts';
import type { Clock } from '../support/clock.ts';
import { decisionOf, MillraceError, messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import type { Acknowledgement } from './acknowledgements.ts';
import { Acknowledgements } from './acknowledgements.ts';
import type { DeliveryConfig } from './config.ts';
import type { Admission, Intake, OutgoingEvent, Readiness } from './intake.ts';

export interface DeliveryOptions {
  readonly producer: Producer;
  readonly config: DeliveryConfig;
  /** `received`: an event counts as taken when it is in the buffer; `delivered`: when the log has it. */
  readonly acknowledge: 'received' | 'delivered';
  /** Longest wait for the log at `delivered`, in milliseconds. */
  readonly deliveryTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told where events now stand in the log. */
  readonly onDelivered?: (to: TopicPartition, appended: Appended, events: readonly OutgoingEvent[]) => void;
}

/** Counters since the start: `accepted = delivered + buffered + deadLettered + Σ dropped`. */
export interface DeliveryCounters {
  readonly accepted: number;
  readonly delivered: number;
  readonly buffered: number;
  readonly deadLettered: number;
  readonly dropped: Readonly<Record<string, number>>;
  /** Events refused at the door and kept in the collector's dead letters. */
  readonly keptAtDoor: number;
  readonly bufferBytes: number;
}

/** What an event costs in memory beside its value: its object, its place in a batch, its headers' reference. */
const EVENT_OVERHEAD_BYTES = 200;

/** Tells a client how long to wait: a full buffer is usually empty again within a second. */
const RETRY_AFTER_SECONDS = 1;

/** How often waiting acknowledgements are looked through for those past their deadline. */
const DEADLINE_RESOLUTION_MS = 50;

const RETRY = { initialMs: 50, maxMs: 2_000 };

/** Events that go to one partition together. */
interface Batch {
  readonly events: OutgoingEvent[];
  readonly acknowledgements: { readonly of: Acknowledgement; readonly index: number; readonly event: number }[];
  bytes: number;
}

/** The queue of one partition: at most one batch of it is on its way, so that order is kept and a retry can't double. */
interface Lane {
  readonly to: TopicPartition;
  readonly waiting: Batch[];
  sending: boolean;
}

/**
 * The way from the collector to the log: a buffer bounded in bytes, emptied in batches.
 *
 *     admit ──▶ lane (topic, partition) ──▶ batch ──▶ producer.send ──▶ settled
 *                                             ▲            │ retry: the same batch again, later
 *                                             └────────────┘ dead-letter: halves, then the dead letters
 */
export class Delivery implements Intake {
  readonly #options: DeliveryOptions;
  readonly #lanes = new Map<string, Lane>();
  /** The lane that a topic's events without a key join at present; it changes with each batch sent. */
  readonly #current = new Map<string, Lane>();
  readonly #acknowledgements: Acknowledgements;
  readonly #stopped = new AbortController();
  readonly #dropped: Record<string, number> = {};
  #accepted = 0;
  #delivered = 0;
  #deadLettered = 0;
  #keptAtDoor = 0;
  /** Accepted events in memory. */
  #buffered = 0;
  #bufferBytes = 0;
  #stopping = false;
  #lingering = false;
  /** Lanes whose last try failed: the log is known to be away while there are some. */
  #failing = 0;
  #drained: (() => void) | undefined;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#acknowledgements = new Acknowledgements(options.clock, options.deliveryTimeoutMs);
    if (options.acknowledge === 'delivered') void this.#watchDeadlines();
  }

  admit(events: readonly OutgoingEvent[]): Admission {
    const readiness = this.readiness();
    if (!readiness.ready) return { admitted: false, cause: readiness.cause, retryAfterSeconds: RETRY_AFTER_SECONDS };
    let bytes = 0;
    for (const event of events) bytes += event.value.byteLength + EVENT_OVERHEAD_BYTES;
    // An empty buffer takes anything that the collector's own limits let through.
    if (this.#bufferBytes > 0 && this.#bufferBytes + bytes > this.#options.config.bufferBytes) {
      return { admitted: false, cause: 'buffer_full', retryAfterSeconds: RETRY_AFTER_SECONDS };
    }
    const acknowledgement =
      this.#options.acknowledge === 'delivered' ? this.#acknowledgements.expect(events.length) : undefined;
    this.#bufferBytes += bytes;
    for (let index = 0; index < events.length; index++) {
      const event = events[index]!;
      if (event.deadLetter) this.#keptAtDoor++;
      else {
        this.#accepted++;
        this.#buffered++;
      }
      this.#enqueue(event, acknowledgement, index);
    }
    this.#linger();
    return acknowledgement ? { admitted: true, settled: acknowledgement.settled } : { admitted: true };
  }

  readiness(): Readiness {
    if (this.#stopping) return { ready: false, cause: 'stopping' };
    if (this.#failing > 0 && this.#options.acknowledge === 'delivered') return { ready: false, cause: 'log_away' };
    if (this.#bufferBytes >= this.#options.config.bufferBytes) return { ready: false, cause: 'buffer_full' };
    return { ready: true };
  }

  get counters(): DeliveryCounters {
    return {
      accepted: this.#accepted,
      delivered: this.#delivered,
      buffered: this.#buffered,
      deadLettered: this.#deadLettered,
      dropped: this.#dropped,
      keptAtDoor: this.#keptAtDoor,
      bufferBytes: this.#bufferBytes,
    };
  }

  /** Takes nothing more. What was taken still goes to the log. */
  stop(): void {
    this.#stopping = true;
  }

  /**
   * Sends what is left, for at most `deadlineMs`. Resolves to the number of accepted events that
   * are then not in the log.
   */
  async drain(deadlineMs: number): Promise<number> {
    this.stop();
    for (const lane of this.#lanes.values()) this.#send(lane);
    if (this.#bufferBytes > 0) {
      const empty = new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
      await Promise.race([empty, this.#options.clock.sleep(deadlineMs, this.#stopped.signal)]);
    }
    this.#stopped.abort();
    this.#acknowledgements.expireAll();
    return this.#buffered;
  }

  #enqueue(event: OutgoingEvent, acknowledgement: Acknowledgement | undefined, index: number): void {
    const lane = this.#laneFor(event);
    const { batchBytes, batchRecords } = this.#options.config;
    let batch = lane.waiting.at(-1);
    if (!batch || batch.events.length >= batchRecords || batch.bytes + event.value.byteLength > batchBytes) {
      batch = { events: [], acknowledgements: [], bytes: 0 };
      lane.waiting.push(batch);
    }
    if (acknowledgement) batch.acknowledgements.push({ of: acknowledgement, index, event: batch.events.length });
    batch.events.push(event);
    batch.bytes += event.value.byteLength;
    if (batch.bytes >= batchBytes || batch.events.length >= batchRecords) this.#send(lane);
  }

  #laneFor(event: OutgoingEvent): Lane {
    const { producer } = this.#options;
    if (event.key) return this.#lane({ topic: event.topic, partition: producer.partitionFor(event.topic, event.key) });
    let lane = this.#current.get(event.topic);
    if (!lane) {
      lane = this.#lane({ topic: event.topic, partition: producer.partitionFor(event.topic) });
      this.#current.set(event.topic, lane);
    }
    return lane;
  }

  #lane(to: TopicPartition): Lane {
    const name = partitionName(to);
    let lane = this.#lanes.get(name);
    if (!lane) {
      lane = { to, waiting: [], sending: false };
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #linger(): void {
    if (this.#lingering) return;
    this.#lingering = true;
    void this.#options.clock.sleep(this.#options.config.linger).then(() => {
      this.#lingering = false;
      for (const lane of this.#lanes.values()) this.#send(lane);
    });
  }

  /** Sends the lane's batches, one after another, until none is left. */
  #send(lane: Lane): void {
    if (lane.sending || lane.waiting.length === 0) return;
    lane.sending = true;
    if (this.#current.get(lane.to.topic) === lane) this.#current.delete(lane.to.topic);
    void this.#sendAll(lane);
  }

  async #sendAll(lane: Lane): Promise<void> {
    for (let batch = lane.waiting.shift(); batch; batch = lane.waiting.shift()) {
      await this.#sendBatch(lane, batch);
      if (this.#stopped.signal.aborted) break;
    }
    lane.sending = false;
    if (this.#bufferBytes === 0) this.#drained?.();
  }

  async #sendBatch(lane: Lane, batch: Batch): Promise<void> {
    const { producer, clock, logger, onDelivered } = this.#options;
    const backoff = new Backoff(RETRY);
    let failed = false;
    while (!this.#stopped.signal.aborted) {
      try {
        const appended = await producer.send(lane.to, batch.events);
        if (failed) this.#failing--;
        this.#settle(batch, 'delivered');
        onDelivered?.(lane.to, appended, batch.events);
        return;
      } catch (error) {
        if (decisionOf(error) === 'dead-letter') {
          if (failed) this.#failing--;
          this.#refuse(lane, batch, error);
          return;
        }
        if (!failed) {
          failed = true;
          this.#failing++;
          logger.warn(
            { ...lane.to, events: batch.events.length, error: messageOf(error) },
            'the log did not take a batch; it is kept and tried again',
          );
        }
        await clock.sleep(backoff.next(), this.#stopped.signal);
      }
    }
  }

  /** Some of these records will never be taken: halves find out which, so that none of the others is held back. */
  #refuse(lane: Lane, batch: Batch, error: unknown): void {
    if (batch.events.length > 1) {
      lane.waiting.unshift(...halves(batch));
      return;
    }
    const [event] = batch.events;
    if (!event) return;
    const code = error instanceof MillraceError ? error.code : 'REFUSED';
    this.#options.logger.warn({ ...lane.to, code, error: messageOf(error) }, 'the log refused an event');
    this.#settle(batch, 'refused');
    if (event.topic === COLLECTOR_DEAD_LETTERS) {
      this.#dropped['dead_letter_refused'] = (this.#dropped['dead_letter_refused'] ?? 0) + 1;
      return;
    }
    const record = toDeadLetter(event, {
      code,
      reason: messageOf(error),
      refusedBy: 'collector',
      at: this.#options.clock.now(),
    });
    this.#bufferBytes += event.value.byteLength + EVENT_OVERHEAD_BYTES;
    this.#enqueue(deadLetterEvent(event, record), undefined, 0);
    this.#linger();
  }

  #settle(batch: Batch, outcome: 'delivered' | 'refused'): void {
    this.#bufferBytes -= batch.bytes + batch.events.length * EVENT_OVERHEAD_BYTES;
    const accepted = batch.events.reduce((sum, event) => sum + (event.deadLetter ? 0 : 1), 0);
    this.#buffered -= accepted;
    if (outcome === 'delivered') this.#delivered += accepted;
    else this.#deadLettered += accepted;
    for (const { of, index } of batch.acknowledgements) of.settle(index, outcome);
  }

  async #watchDeadlines(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await this.#options.clock.sleep(DEADLINE_RESOLUTION_MS, this.#stopped.signal);
      this.#acknowledgements.expire();
    }
  }
}

function deadLetterEvent(event: OutgoingEvent, record: NewRecord): OutgoingEvent {
  return { ...record, id: event.id, topic: COLLECTOR_DEAD_LETTERS, headers: record.headers ?? {}, deadLetter: true };
}

function halves({ events, acknowledgements }: Batch): Batch[] {
  const middle = events.length >> 1;
  return [events.slice(0, middle), events.slice(middle)].map((half, second) => ({
    events: half,
    bytes: half.reduce((sum, event) => sum + event.value.byteLength, 0),
    acknowledgements: acknowledgements
      .filter(({ event }) => event >= middle === (second === 1))
      .map((one) => ({ ...one, event: one.event - second * middle })),
  }));
}
