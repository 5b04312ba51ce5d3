import type { Collector } from '../collector/server.ts';
import { createCollector } from '../collector/server.ts';
import { Bookkeeper } from '../delivery/bookkeeper.ts';
import { Delivery } from '../delivery/delivery.ts';
import type { Log } from '../log/log.ts';
import type { Accounting, CollectorStatus } from '../operations/status.ts';
import { systemClock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import type { LoadedConfiguration } from './configuration.ts';
import { eventSchemas, eventTopics } from './configuration.ts';
import { spoolRoot } from './data-directory.ts';
import { demoPages } from './demo-pages.ts';
import type { ProgressTracker } from './progress.ts';

/** How long each step of a stop may take, in milliseconds. */
const STOP = { drainHttp: 5_000, flush: 10_000 };

/** What the collecting half says of itself; plain data, so that it crosses processes. */
export interface CollectingSnapshot {
  readonly collector: CollectorStatus;
  /** Of the whole data directory. */
  readonly accounting: Accounting;
}

/** The half of the program that takes events and delivers them to the log: in this process, or in several. */
export interface Collecting {
  /** Opens the port and takes events; resolves to the port that was really taken. */
  listen(): Promise<number>;
  snapshot(): Promise<CollectingSnapshot>;
  /** Not ready → no new connections → drain → flush; resolves to the acknowledged events that are not safe. */
  stop(): Promise<number>;
}

export interface CollectorProcessOptions {
  readonly loaded: LoadedConfiguration;
  readonly log: Log;
  readonly logger: Logger;
  /** Where there is one, the demo page is served, and follows its events. */
  readonly progress?: ProgressTracker | undefined;
  /** The spool has failed for good: the program should stop. */
  readonly onFailure: (error: Error) => void;
}

/** Collector and delivery in this process. */
export class CollectorProcess implements Collecting {
  readonly #limits: { readonly bufferLimitBytes: number; readonly spoolLimitBytes: number };
  readonly #books: Bookkeeper;
  readonly #delivery: Delivery;
  readonly #collector: Collector;
  readonly #logger: Logger;

  private constructor(options: CollectorProcessOptions, books: Bookkeeper) {
    const { loaded, log, logger, progress } = options;
    const { collector: config, delivery } = loaded.configuration;
    const { spool, ledger } = books;
    this.#limits = { bufferLimitBytes: delivery.bufferBytes, spoolLimitBytes: spool?.maxBytes ?? 0 };
    this.#books = books;
    this.#logger = logger;
    this.#delivery = new Delivery({
      producer: log.producer(),
      config: delivery,
      acknowledge: config.acknowledge,
      deliveryTimeoutMs: config.deliveryTimeout,
      clock: systemClock,
      logger: logger.child({ part: 'delivery' }),
      ledger,
      ...(spool ? { spool } : {}),
      ...(progress ? { onDelivered: (to, { baseOffset }, events) => progress.delivered(to, baseOffset, events) } : {}),
    });
    this.#collector = createCollector({
      config,
      topics: Object.fromEntries(eventTopics(loaded.configuration).map((topic) => [topic.name, topic])),
      schemas: eventSchemas(loaded),
      intake: this.#delivery,
      clock: systemClock,
      logger: logger.child({ part: 'collector' }),
      ...(progress ? { pages: demoPages(), progress: (id) => progress.of(id) } : {}),
    });
    books.start(this.#delivery);
  }

  /** Claims a place of its own below the data directory, with what was left there. */
  static async open(options: CollectorProcessOptions): Promise<CollectorProcess> {
    const { loaded, logger, onFailure } = options;
    const { data, delivery, log, logging } = loaded.configuration;
    const books = await Bookkeeper.open({
      root: spoolRoot(data),
      // The embedded log is as near, and as safe, as a spool would be.
      withSpool: log.kafka !== undefined,
      maxBytes: delivery.spool.bytes,
      clock: systemClock,
      logger: logger.child({ part: 'spool' }),
      logging,
      onFailure,
    });
    return new CollectorProcess(options, books);
  }

  async listen(): Promise<number> {
    return (await this.#collector.listen()).port;
  }

  async snapshot(): Promise<CollectingSnapshot> {
    const { requests, acceptedEvents, rejectedEvents, shedRequests } = this.#collector.counters;
    const { bufferBytes, spoolBytes } = this.#delivery.counters;
    return {
      collector: {
        ready: this.#collector.accepting && this.#delivery.readiness().ready,
        requests,
        acceptedEvents,
        rejectedEvents: met(rejectedEvents),
        shedRequests: met(shedRequests),
        bufferBytes,
        spoolBytes,
        ...this.#limits,
      },
      accounting: this.#books.totals(),
    };
  }

  async stop(): Promise<number> {
    this.#collector.stopAccepting();
    await this.#collector.drain(AbortSignal.timeout(STOP.drainHttp));
    await this.#collector.close();
    const unsafe = await this.#delivery.drain(STOP.flush);
    try {
      await this.#books.close();
    } catch (error) {
      // How many are not safe is known all the same.
      this.#logger.error({ error: messageOf(error) }, 'the books could not be closed');
    }
    return unsafe;
  }
}

/** The counters of what has happened at all: a reader has no use for a list of noughts. */
function met(counters: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counters).filter(([, count]) => count > 0));
}
