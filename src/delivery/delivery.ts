import { COLLECTOR_DEAD_LETTERS } from '../log/dead-letter.ts';
import type { Appended, NewRecord, Producer, TopicPartition } from '../log/log.ts';
import { partitionName } from '../log/log.ts';
import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import type { Acknowledgement } from './acknowledgements.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { EVENT_OVERHEAD_BYTES } from './batch.ts';
import type { DeliveryConfig } from './config.ts';
import { deadLetterEvent, wasAccepted } from './dead-letters.ts';
import type { Admission, Intake, OutgoingEvent, Readiness, RefusalCause } from './intake.ts';
import type { LaneHost } from './lane.ts';
import { Lane } from './lane.ts';
import type { Totals } from './ledger.ts';
import { Ledger } from './ledger.ts';
import type { LiveQueueEvents } from './live-queue.ts';
import { LiveQueue } from './live-queue.ts';
import { Spiller } from './spiller.ts';
import type { Spool } from './spool.ts';
import { SPOOLED_OVERHEAD_BYTES } from './spool.ts';

/** `received`: in the buffer; `spooled`: on this machine's disk, fsynced; `delivered`: acknowledged by the log. */
export type AcknowledgeLevel = 'received' | 'spooled' | 'delivered';

export interface DeliveryOptions {
  readonly producer: Producer;
  readonly config: DeliveryConfig;
  /** When an event counts as taken. Without a spool, `spooled` is `delivered`. */
  readonly acknowledge: AcknowledgeLevel;
  /** Longest wait at `spooled` and `delivered`, in milliseconds. */
  readonly deliveryTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where events wait while the log is away; left out, they wait in memory. */
  readonly spool?: Spool;
  /** Where events are counted; that of the spool if there is one. */
  readonly ledger?: Ledger;
  /** Told where events now stand in the log; not of those that come from a spool. */
  readonly onDelivered?: (to: TopicPartition, appended: Appended, events: readonly OutgoingEvent[]) => void;
}

export interface DeliveryCounters extends Totals {
  /** Events refused at the door and kept in the collector's dead letters: not among the accepted. */
  readonly keptAtDoor: number;
  readonly bufferBytes: number;
  /** Bytes that events take in the spool, about. */
  readonly spoolBytes: number;
}

/** Tells a client how long to wait: a full buffer is usually empty again within a second, a full spool is not. */
const RETRY_AFTER_SECONDS: Readonly<Record<RefusalCause, number>> = {
  buffer_full: 1,
  stopping: 1,
  log_away: 1,
  spool_full: 5,
  disk_unwritable: 5,
};

/** How long books that could not be written down are left alone: each try holds up the thread that answers requests. */
const BOOKS_RETRY_MS = 1_000;

/** How often deadlines are looked after: of waiting acknowledgements, and of sends without an answer. */
const DEADLINE_RESOLUTION_MS = 50;

/** The part of the buffer that may wait in memory for a log that is merely slow; the rest absorbs what comes meanwhile. */
const SPILL_SHARE = 1 / 2;

/** Of a stop, the part in which the log still has its chance before the rest goes to the spool. */
const DRAIN_SHARE = 1 / 2;

/**
 * The way from the collector to the log: a buffer bounded in bytes, emptied in batches, with a
 * spool beside it for when the log is slow or away.
 *
 *     admit ──▶ lane: batches in memory ──────────────▶ producer.send, in turns
 *                       │ log away, buffer half full,       ▲
 *                       ▼ or level `spooled`                │
 *                     spool (fsynced) ──────────────────────┘
 */
export class Delivery implements Intake, LaneHost, LiveQueueEvents {
  readonly #options: DeliveryOptions;
  readonly #level: AcknowledgeLevel;
  readonly #ledger: Ledger;
  readonly #spiller: Spiller | undefined;
  readonly #lanes = new Map<string, Lane>();
  /** The lane that a topic's events without a key join at present; it changes with each batch sent. */
  readonly #current = new Map<string, Lane>();
  readonly #acknowledgements: Acknowledgements;
  readonly #stopped = new AbortController();
  #keptAtDoor = 0;
  #bufferBytes = 0;
  /** On the monotonic clock. */
  #booksClosedUntil = Number.NEGATIVE_INFINITY;
  #stopping = false;
  /** Whatever is still in memory goes to the spool: the program is about to end. */
  #flushing = false;
  #lingering = false;
  #logAway = false;
  #drained: (() => void) | undefined;

  constructor(options: DeliveryOptions) {
    const { clock, logger, spool, acknowledge, deliveryTimeoutMs } = options;
    this.#options = options;
    this.#level = acknowledge === 'spooled' && !spool ? 'delivered' : acknowledge;
    this.#ledger = options.ledger ?? spool?.ledger ?? new Ledger();
    this.#acknowledgements = new Acknowledgements(clock, deliveryTimeoutMs);
    if (spool) {
      const isDue = (lane: Lane) => this.#isSpillDue(lane);
      this.#spiller = new Spiller({ spool, clock, logger, stopped: this.stopped, isDue });
      this.replay(spool);
    }
    if (spool || this.#level !== 'received') void this.#watchDeadlines();
  }

  get producer(): Producer {
    return this.#options.producer;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  get logger(): Logger {
    return this.#options.logger;
  }

  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  admit(events: readonly OutgoingEvent[]): Admission {
    if (this.#stopping) return refusal('stopping');
    let bytes = 0;
    let accepted = 0;
    for (const event of events) {
      bytes += event.value.byteLength + EVENT_OVERHEAD_BYTES;
      if (!event.deadLetter) accepted++;
    }
    const cause = this.#obstacle(bytes) ?? this.#enter(accepted);
    if (cause) return refusal(cause);
    const acknowledgement = this.#level === 'received' ? undefined : this.#acknowledgements.expect(events.length);
    this.#bufferBytes += bytes;
    this.#keptAtDoor += events.length - accepted;
    for (let index = 0; index < events.length; index++) this.#enqueue(events[index]!, acknowledgement, index);
    this.#linger();
    return acknowledgement ? { admitted: true, settled: acknowledgement.settled } : { admitted: true };
  }

  readiness(bytes = 0): Readiness {
    const cause = this.#stopping ? 'stopping' : this.#obstacle(bytes);
    return cause ? { ready: false, cause } : { ready: true };
  }

  get counters(): DeliveryCounters {
    return {
      ...this.#ledger.totals,
      keptAtDoor: this.#keptAtDoor,
      bufferBytes: this.#bufferBytes,
      spoolBytes: this.#options.spool?.bytes ?? 0,
    };
  }

  /** Takes what a spool holds to the log: its own, or one that another process left behind. */
  replay(spool: Spool, onEmpty?: () => void): void {
    spool.attach({
      onLane: (spooled) => {
        const lane = this.#lane(spooled.to);
        lane.addSpool(spooled);
        lane.wake();
      },
      onEmpty: () => {
        if (spool === this.#options.spool) return;
        for (const spooled of spool.lanes) this.#lane(spooled.to).removeSpool(spooled);
        onEmpty?.();
      },
    });
  }

  /** Takes nothing more. What was taken still goes to the log. */
  stop(): void {
    this.#stopping = true;
  }

  /**
   * Sends what is left in memory, for at most `deadlineMs`, or spools it. Resolves to the number of
   * accepted events that are then neither in the log nor in the spool.
   */
  async drain(deadlineMs: number): Promise<number> {
    const end = this.clock.monotonic() + deadlineMs;
    this.stop();
    this.#flush();
    if (this.#bufferBytes > 0) {
      const { promise: empty, resolve } = Promise.withResolvers<void>();
      this.#drained = resolve;
      const patienceMs = this.#spiller ? deadlineMs * DRAIN_SHARE : deadlineMs;
      await Promise.race([empty, this.clock.sleep(patienceMs, this.stopped)]);
      if (this.#spiller && this.#bufferBytes > 0) {
        this.#flushing = true;
        this.#spill();
        await Promise.race([empty, this.clock.sleep(deadlineMs - patienceMs, this.stopped)]);
      }
    }
    this.#stopped.abort();
    await this.#settle(end - this.clock.monotonic());
    this.#acknowledgements.expireAll();
    return this.#ledger.in('buffered');
  }

  /** Waits for what is on its way: of a spool, what the log has and is not known to have would go there once more. */
  async #settle(withinMs: number): Promise<void> {
    if (this.#logAway || withinMs <= 0) return;
    const over = new AbortController();
    const idle = Promise.all(Array.from(this.#lanes.values(), (lane) => lane.idle));
    await Promise.race([idle, this.clock.sleep(withinMs, over.signal)]);
    over.abort();
  }

  isDirect(lane: Lane): boolean {
    return this.#level !== 'spooled' || !this.canSpill(lane);
  }

  canSpill(lane: Lane): boolean {
    const { spool } = this.#options;
    // A client at `delivered` waits for the log itself; dead letters wait for nobody.
    const fits = this.#level !== 'delivered' || lane.to.topic === COLLECTOR_DEAD_LETTERS;
    return fits && spool?.hasRoom(0) === true;
  }

  stuck(lane: Lane): void {
    this.#logAway = true;
    this.#spiller?.spill(lane);
  }

  reached(): void {
    this.#logAway = [...this.#lanes.values()].some(({ failing, away }) => failing || away);
  }

  delivered(lane: Lane, appended: Appended, records: readonly NewRecord[]): void {
    if ('id' in records[0]!) this.#options.onDelivered?.(lane.to, appended, records as readonly OutgoingEvent[]);
  }

  left(place: 'delivered' | 'spooled' | 'deadLettered', accepted: number, bytes: number): void {
    this.#bufferBytes -= bytes;
    this.#ledger.move('buffered', place, accepted);
    if (this.#bufferBytes === 0) this.#drained?.();
  }

  refused(event: OutgoingEvent, error: unknown): void {
    if (!event.deadLetter) {
      this.#bufferBytes += event.value.byteLength + EVENT_OVERHEAD_BYTES;
      this.#enqueue(deadLetterEvent(event, error, this.clock.now()), undefined, 0);
      this.#linger();
    } else if (wasAccepted(event)) this.#ledger.drop('deadLettered', 'dead_letter_refused', 1);
    else this.#keptAtDoor--;
  }

  /** Why so many bytes more can't be taken now. An empty buffer takes anything that the collector's limits let through. */
  #obstacle(bytes: number): RefusalCause | undefined {
    const { spool, config } = this.#options;
    if (this.#level === 'delivered' && this.#logAway) return 'log_away';
    if (this.#level === 'spooled' && !spool!.hasRoom(this.#bufferBytes + bytes)) return 'spool_full';
    const full = this.#bufferBytes > 0 && this.#bufferBytes + Math.max(bytes, 1) > config.bufferBytes;
    if (!full) return undefined;
    return this.#logAway && spool && !spool.hasRoom(SPOOLED_OVERHEAD_BYTES) ? 'spool_full' : 'buffer_full';
  }

  /** Enters events in the books, or tells why they can't be. It must come last: what is entered has to be taken. */
  #enter(accepted: number): RefusalCause | undefined {
    if (this.clock.monotonic() < this.#booksClosedUntil) return 'disk_unwritable';
    try {
      this.#ledger.accept(accepted);
      return undefined;
    } catch (error) {
      this.#booksClosedUntil = this.clock.monotonic() + BOOKS_RETRY_MS;
      this.logger.error(
        { error: messageOf(error) },
        'the books could not be written; events are refused until they are',
      );
      return 'disk_unwritable';
    }
  }

  #isSpillDue(lane: Lane): boolean {
    if (!this.canSpill(lane)) return false;
    if (this.#level === 'spooled' || this.#flushing || lane.away) return true;
    return this.#bufferBytes > this.#options.config.bufferBytes * SPILL_SHARE;
  }

  #enqueue(event: OutgoingEvent, acknowledgement: Acknowledgement | undefined, index: number): void {
    const lane = this.#laneFor(event);
    if (lane.live.add(event, acknowledgement, index)) this.#send(lane);
  }

  #laneFor(event: OutgoingEvent): Lane {
    const { topic, key } = event;
    if (key) return this.#lane({ topic, partition: this.producer.partitionFor(topic, key) });
    let lane = this.#current.get(topic);
    if (!lane) {
      lane = this.#lane({ topic, partition: this.producer.partitionFor(topic) });
      this.#current.set(topic, lane);
    }
    return lane;
  }

  #lane(to: TopicPartition): Lane {
    const name = partitionName(to);
    let lane = this.#lanes.get(name);
    if (!lane) {
      const counted = to.topic !== COLLECTOR_DEAD_LETTERS;
      const events: LiveQueueEvents = {
        left: (place, count, bytes) => this.left(place, counted ? count : 0, bytes),
        refused: (event, error) => this.refused(event, error),
      };
      lane = new Lane(to, new LiveQueue(to, this.#options.config, events), this);
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #linger(): void {
    if (this.#lingering) return;
    this.#lingering = true;
    void this.clock.sleep(this.#options.config.linger).then(() => {
      this.#lingering = false;
      this.#flush();
    });
  }

  #flush(): void {
    for (const lane of this.#lanes.values()) this.#send(lane);
  }

  /** What the lane has in memory goes on its way. */
  #send(lane: Lane): void {
    if (!lane.live.ready) return;
    if (this.#current.get(lane.to.topic) === lane) this.#current.delete(lane.to.topic);
    lane.wake();
    this.#spiller?.spill(lane);
  }

  #spill(): void {
    for (const lane of this.#lanes.values()) this.#spiller?.spill(lane);
  }

  async #watchDeadlines(): Promise<void> {
    const { acknowledge, config, deliveryTimeoutMs } = this.#options;
    const awayAfterMs = acknowledge === 'delivered' ? deliveryTimeoutMs : config.spool.after;
    while (!this.stopped.aborted) {
      await this.clock.sleep(DEADLINE_RESOLUTION_MS, this.stopped);
      this.#acknowledgements.expire();
      const now = this.clock.monotonic();
      for (const lane of this.#lanes.values()) lane.check(now, awayAfterMs);
      this.#spill();
    }
  }
}

function refusal(cause: RefusalCause): Admission {
  return { admitted: false, cause, retryAfterSeconds: RETRY_AFTER_SECONDS[cause] };
}
