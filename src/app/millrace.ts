import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Collector } from '../collector/server.ts';
import { createCollector } from '../collector/server.ts';
import { Delivery } from '../delivery/delivery.ts';
import { groupOf } from '../loader/connector.ts';
import { replayTopic } from '../log/dead-letter.ts';
import type { EmbeddedLog } from '../log/embedded/open.ts';
import { openEmbeddedLog } from '../log/embedded/open.ts';
import { sqliteTablePath } from '../sinks/table/index.ts';
import { systemClock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import { createLogger } from '../support/logger.ts';
import type { LoadedConfiguration } from './configuration.ts';
import { eventSchemas, eventTopics, sinkKind } from './configuration.ts';
import { ConnectorHost } from './connector-thread.ts';
import type { Configuration } from './definition.ts';
import { demoPages } from './demo-pages.ts';
import { OperationsHost } from './operations-thread.ts';
import { ProgressTracker } from './progress.ts';
import { announce, withdraw } from './running.ts';
import { StatusSource } from './status-source.ts';
import { createTopics } from './topics.ts';

/** How long each step of a stop may take, in milliseconds. */
const STOP = { drainHttp: 5_000, flush: 10_000, connectors: 12_000, operations: 3_000 };

/** The running program. */
export interface Millrace {
  /** Base addresses, with the ports that were really taken. */
  readonly collector: string;
  readonly operations: string;
  /** Settles when a part failed beyond repair: the program then has to stop. */
  readonly failed: Promise<Error>;
  /** Stops in order; resolves to the number of acknowledged events that are not safe. */
  stop(): Promise<number>;
}

/**
 * Everything in one process: collector, embedded log, a thread a connector, operations.
 * Starts from the stores up, so that nothing is taken that can't be kept; stops the other way.
 */
export async function startMillrace(loaded: LoadedConfiguration, logger?: Logger): Promise<Millrace> {
  const program = new Program(loaded, logger ?? createLogger(loaded.configuration.logging));
  try {
    return await program.start();
  } catch (error) {
    await program.stop();
    throw error;
  }
}

class Program {
  readonly #loaded: LoadedConfiguration;
  readonly #configuration: Configuration;
  readonly #logger: Logger;
  readonly #data: string;
  #log: EmbeddedLog | undefined;
  #connectors: readonly ConnectorHost[] = [];
  #delivery: Delivery | undefined;
  #collector: Collector | undefined;
  #operations: OperationsHost | undefined;

  constructor(loaded: LoadedConfiguration, logger: Logger) {
    this.#loaded = loaded;
    this.#configuration = loaded.configuration;
    this.#logger = logger;
    this.#data = path.resolve(loaded.configuration.data);
  }

  async start(): Promise<Millrace> {
    mkdirSync(this.#data, { recursive: true });
    const failure = Promise.withResolvers<Error>();
    const log = await this.#openLog(failure.resolve);
    this.#connectors = this.#startConnectors(log);
    const progress = new ProgressTracker(
      log.admin,
      this.#connectors.map(({ name, kind, topics }) => ({
        name,
        topics,
        store: kind === 'files' ? 'files' : 'search',
      })),
    );
    this.#delivery = this.#createDelivery(log, progress);
    this.#collector = this.#createCollector(this.#delivery, progress);
    const { port } = await this.#collector.listen();
    const operations = await this.#startOperations(log, this.#collector, this.#delivery);
    announce(this.#data, { pid: process.pid, operations });
    return {
      collector: addressOf(this.#configuration.collector.listen, port),
      operations,
      failed: failure.promise,
      stop: () => this.stop(),
    };
  }

  async stop(): Promise<number> {
    const step = async <T>(name: string, work: (() => Promise<T>) | undefined): Promise<T | undefined> => {
      try {
        return await work?.();
      } catch (error) {
        this.#logger.error({ step: name, error: messageOf(error) }, 'a step of the stop failed');
        return undefined;
      }
    };
    const [collector, delivery, operations, log] = [this.#collector, this.#delivery, this.#operations, this.#log];
    await step('collector', collector && (() => stopCollector(collector)));
    const unsafe = await step('delivery', delivery && (() => delivery.drain(STOP.flush)));
    // Readers go before writers: SQLite empties a write-ahead log only when a writer closes last.
    await step('operations', operations && (() => operations.close(STOP.operations)));
    await step('connectors', () => Promise.all(this.#connectors.map((one) => one.stop(STOP.connectors))));
    await step('log', log && (() => log.close()));
    if (log) withdraw(this.#data);
    return unsafe ?? 0;
  }

  async #openLog(onFailure: (error: Error) => void): Promise<EmbeddedLog> {
    const log = await openEmbeddedLog({
      directory: path.join(this.#data, 'log'),
      config: this.#configuration.log.embedded,
      logger: this.#configuration.logging,
      onFailure,
    });
    this.#log = log;
    await createTopics(log.admin, this.#configuration);
    log.protect(Object.keys(this.#configuration.connectors).map(groupOf));
    return log;
  }

  #startConnectors(log: EmbeddedLog): ConnectorHost[] {
    const topics = eventTopics(this.#configuration);
    const named = topics.flatMap(({ types }) => types);
    return Object.entries(this.#configuration.connectors).map(([name, connector]) => {
      const kind = sinkKind(connector);
      const data = {
        name,
        kind,
        sinkConfig: connector[kind],
        loaderConfig: connector.loader,
        topics: [...(connector.topics ?? topics.map((topic) => topic.name)), replayTopic(name)],
        namedTypes: named,
        dataDirectory: this.#data,
        logging: this.#configuration.logging,
      };
      return new ConnectorHost({
        name,
        kind,
        topics: data.topics,
        data: () => ({ ...data, log: log.share() }),
        logger: this.#logger,
      });
    });
  }

  #createDelivery(log: EmbeddedLog, progress: ProgressTracker): Delivery {
    const { collector, delivery } = this.#configuration;
    return new Delivery({
      producer: log.producer(),
      config: delivery,
      acknowledge: collector.acknowledge,
      deliveryTimeoutMs: collector.deliveryTimeout,
      clock: systemClock,
      logger: this.#logger.child({ part: 'delivery' }),
      ...(this.#hasDemo
        ? { onDelivered: (to, { baseOffset }, events) => progress.delivered(to, baseOffset, events) }
        : {}),
    });
  }

  get #hasDemo(): boolean {
    return this.#configuration.collector.demo ?? true;
  }

  #createCollector(delivery: Delivery, progress: ProgressTracker): Collector {
    return createCollector({
      config: this.#configuration.collector,
      topics: Object.fromEntries(eventTopics(this.#configuration).map(({ name, types }) => [name, { types }])),
      schemas: eventSchemas(this.#loaded),
      intake: delivery,
      clock: systemClock,
      logger: this.#logger.child({ part: 'collector' }),
      ...(this.#hasDemo ? { pages: demoPages(), progress: (id) => progress.of(id) } : {}),
    });
  }

  #startOperations(log: EmbeddedLog, collector: Collector, delivery: Delivery): Promise<string> {
    const { connectors, operations, delivery: buffer, logging } = this.#configuration;
    const table = Object.values(connectors).find((connector) => connector.table)?.table;
    const status = new StatusSource({
      log,
      collector,
      delivery,
      connectors: this.#connectors,
      topics: eventTopics(this.#configuration),
      bufferLimitBytes: buffer.bufferBytes,
    });
    this.#operations = new OperationsHost({
      data: () => ({
        config: operations,
        connectors: Object.keys(connectors),
        searchFile: table && sqliteTablePath(table.sqlite, this.#data),
        log: log.share(),
        logging,
      }),
      calls: {
        status: () => status.read(),
        control: (connector, action) => status.connector(connector).control(action),
      },
      logger: this.#logger,
    });
    return this.#operations.listen();
  }
}

async function stopCollector(collector: Collector): Promise<void> {
  collector.stopAccepting();
  await collector.drain(AbortSignal.timeout(STOP.drainHttp));
  await collector.close();
}

/** Where a person reaches the collector from this machine. */
function addressOf(listen: string, port: number): string {
  const host = listen.slice(0, listen.lastIndexOf(':'));
  return `http://${host === '0.0.0.0' || host === '[::]' ? 'localhost' : host}:${port}`;
}
