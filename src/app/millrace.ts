import { randomUUID } from 'node:crypto';
import { hostname as machineName } from 'node:os';
import path from 'node:path';
import { isLoopback, parseAddress, urlOf } from '../config/address.ts';
import { groupOf } from '../loader/connector.ts';
import type { OpenLog } from '../log/open.ts';
import { openLog } from '../log/open.ts';
import { operationsErrors } from '../operations/errors.ts';
import { tableFile } from '../sinks/table/sqlite/file.ts';
import { systemClock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import { shrinkHeap } from '../support/heap.ts';
import type { LogLevels } from '../support/log-levels.ts';
import { ROOT_LOGGER } from '../support/log-levels.ts';
import type { Logger } from '../support/logger.ts';
import { createLogger } from '../support/logger.ts';
import type { Collecting } from './collecting.ts';
import type { LoadedConfiguration } from './configuration.ts';
import { eventTopics } from './configuration.ts';
import type { ConnectorHost } from './connector-thread.ts';
import { connectorHosts } from './connector-thread.ts';
import { prepareDataDirectory } from './data-directory.ts';
import type { Configuration } from './definition.ts';
import type { OperationsHost, OperationsHostOptions } from './operations-host.ts';
import { OperationsInline, OperationsThread } from './operations-host.ts';
import type { SearchedStore } from './operations-part.ts';
import { ProgressTracker } from './progress.ts';
import { announce, withdraw } from './running.ts';
import { StatusSource } from './status-source.ts';
import { callOf, Supervisor } from './supervisor.ts';
import { sizeThreadsApart } from './thread-host.ts';
import { configuredPartitions, createTopicsOnceReached } from './topics.ts';

/** How long each step of a stop may take, in milliseconds. */
const STOP = { connectors: 12_000, operations: 3_000 };

/** How long a start waits for the log before it goes on without: events are then kept until the log is there. */
const FIRST_CONTACT_MS = 2_000;

/** Which halves of the program this process is. */
export interface Halves {
  readonly collect: boolean;
  readonly load: boolean;
}

/** The running program. */
export interface Millrace {
  /** Base addresses, with the ports that were really taken. */
  readonly collector: string | undefined;
  readonly operations: string;
  /** Settles when a part failed beyond repair: the program then has to stop. */
  readonly failed: Promise<Error>;
  /** Stops in order; resolves to the number of acknowledged events that are not safe. */
  stop(): Promise<number>;
}

/**
 * The program in this process: collector, log, a thread a connector, operations, or a part of
 * these. Starts from the stores up, so that nothing is taken that can't be kept; stops the other way.
 */
export async function startMillrace(loaded: LoadedConfiguration, halves: Halves, levels: LogLevels): Promise<Millrace> {
  const program = new Program(loaded, halves, levels);
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
  readonly #halves: Halves;
  readonly #levels: LogLevels;
  readonly #logger: Logger;
  readonly #data: string;
  readonly #instance = randomUUID();
  readonly #stopping = new AbortController();
  #log: OpenLog | undefined;
  #connectors: readonly ConnectorHost[] = [];
  #supervisor: Supervisor | undefined;
  #collecting: Collecting | undefined;
  #operations: OperationsHost | undefined;
  /** `host:port` of the operations server, once it listens. */
  #workerId = '';

  constructor(loaded: LoadedConfiguration, halves: Halves, levels: LogLevels) {
    this.#loaded = loaded;
    this.#configuration = loaded.configuration;
    this.#halves = halves;
    this.#levels = levels;
    this.#logger = createLogger(levels.optionsFor(ROOT_LOGGER));
    this.#data = path.resolve(loaded.configuration.data);
  }

  async start(): Promise<Millrace> {
    prepareDataDirectory(this.#data);
    // All in one process has to be small: there the flags hold for every thread.
    if (!(this.#halves.collect && this.#halves.load)) sizeThreadsApart();
    const failure = Promise.withResolvers<Error>();
    const log = await this.#openLog(failure.resolve);
    const topics = createTopicsOnceReached(log.admin, this.#configuration, {
      logger: this.#logger,
      clock: systemClock,
      signal: this.#stopping.signal,
    });
    // Whoever waits for it hears of its failure: now, or once everything else is started.
    topics.catch(() => {});
    await Promise.race([topics, systemClock.sleep(FIRST_CONTACT_MS, this.#stopping.signal)]);
    const { load, collect } = this.#halves;
    if (load) this.#supervisor = this.#supervise(log);
    const collector = collect ? await this.#startCollecting(log, failure.resolve) : undefined;
    const operations = await this.#startOperations(log);
    topics.then(
      () => {
        if (this.#stopping.signal.aborted) return;
        for (const connector of this.#connectors) connector.start();
        this.#supervisor?.start();
      },
      (error: unknown) => failure.resolve(error as Error),
    );
    announce(this.#data, {
      ...{ pid: process.pid, instance: this.#instance, operations },
      ...{ collects: collect, loads: load },
    });
    shrinkHeap();
    return { collector, operations, failed: failure.promise, stop: () => this.stop() };
  }

  async stop(): Promise<number> {
    this.#stopping.abort();
    const step = async <T>(name: string, work: (() => Promise<T>) | undefined): Promise<T | undefined> => {
      try {
        return await work?.();
      } catch (error) {
        this.#logger.error({ step: name, error: messageOf(error) }, 'a step of the stop failed');
        return undefined;
      }
    };
    const [collecting, operations, log] = [this.#collecting, this.#operations, this.#log];
    const unsafe = await step('collecting', collecting && (() => collecting.stop()));
    // Readers go before writers: SQLite empties a write-ahead log only when a writer closes last.
    await step('operations', operations && (() => operations.close(STOP.operations)));
    await step('connectors', () =>
      Promise.all([this.#supervisor?.stop(), ...this.#connectors.map((one) => one.stop(STOP.connectors))]),
    );
    await step('log', log && (() => log.close()));
    if (log) withdraw(this.#data, process.pid);
    // A collector that could not tell may have lost something.
    return unsafe ?? (collecting ? 1 : 0);
  }

  async #openLog(onFailure: (error: Error) => void): Promise<OpenLog> {
    const { log: config, connectors } = this.#configuration;
    const log = await openLog({
      config,
      directory: path.join(this.#data, 'log'),
      partitions: configuredPartitions(this.#configuration),
      logging: this.#levels.optionsFor('log'),
      onFailure,
    });
    this.#log = log;
    // Until the connectors made at run time are known, nothing may go: a group that nobody has seen holds all.
    log.protect([...Object.keys(connectors), ''].map(groupOf));
    return log;
  }

  #supervise(log: OpenLog): Supervisor {
    const [configuration, levels, logger] = [this.#configuration, this.#levels, this.#logger];
    this.#connectors = connectorHosts(configuration, log, levels, logger);
    const workerId = () => this.#workerId;
    const instance = this.#instance;
    return new Supervisor({ configuration, log, declared: this.#connectors, levels, logger, workerId, instance });
  }

  /**
   * Resolves to the address at which a person reaches it from this machine. A process that only
   * loads does without all the modules that this needs.
   */
  async #startCollecting(log: OpenLog, onFailure: (error: Error) => void): Promise<string> {
    const { listen, demo, processes } = this.#configuration.collector;
    if (processes > 1) {
      const { CollectorProcesses } = await import('./collector-processes.ts');
      this.#collecting = new CollectorProcesses(this.#loaded, this.#logger);
    } else {
      const { CollectorProcess } = await import('./collecting.ts');
      const hasDemo = demo ?? this.#halves.load;
      const progress = hasDemo ? new ProgressTracker(log.admin, this.#connectors) : undefined;
      const [loaded, logger] = [this.#loaded, this.#logger];
      this.#collecting = await CollectorProcess.open({ loaded, log, logger, progress, onFailure });
    }
    return urlOf({ ...parseAddress(listen), port: await this.#collecting.listen() }, 'localhost');
  }

  async #startOperations(log: OpenLog): Promise<string> {
    const { connectors, operations, log: logConfig } = this.#configuration;
    const status = new StatusSource({
      log: { kind: logConfig.kafka ? 'kafka' : 'embedded', admin: log.admin },
      collecting: this.#collecting,
      dataDirectory: this.#data,
      connectors: () => this.#supervisor?.connectors ?? [],
      topics: eventTopics(this.#configuration),
    });
    const options: OperationsHostOptions = {
      data: () => ({
        config: operations,
        instance: this.#instance,
        connects: this.#halves.load,
        search: searchedStore(this.#configuration, this.#data),
        log: log.share(),
        logging: this.#levels.optionsFor('operations'),
      }),
      calls: {
        status: () => status.read(),
        control: async (connector, action) => this.#supervised(connector).control(connector, action),
        replay: async (connector, range) => this.#supervised(connector).host(connector).replay(range),
        replayState: async (connector) => this.#supervised(connector).host(connector).replayState(),
        stopReplay: async (connector) => this.#supervised(connector).host(connector).stopReplay(),
        connectorNames: async () => this.#supervisor?.connectors.map(({ name }) => name) ?? Object.keys(connectors),
        loggers: async () => this.#levels.all(),
        setLogLevel: async (name, level) => this.#levels.set(name, level, systemClock.now()),
        setLogLevelEverywhere: async (logger, level) => this.#supervised().setLevelEverywhere({ logger, level }),
        connect: async (method, args) => callOf(this.#supervised(), method, args),
      },
      logger: this.#logger,
    };
    this.#operations = this.#halves.collect ? new OperationsThread(options) : await OperationsInline.start(options);
    const url = await this.#operations.listen();
    this.#workerId = workerIdOf(url);
    return url;
  }

  /** Whoever has the connectors; throws CONNECTOR_UNKNOWN in a process that loads nothing. */
  #supervised(connector = ''): Supervisor {
    if (this.#supervisor) return this.#supervisor;
    throw operationsErrors.CONNECTOR_UNKNOWN(`This process loads nothing, so not ${JSON.stringify(connector)} either.`);
  }
}

/** By which people tell workers apart: an address that means each machine itself says nothing. */
function workerIdOf(url: string): string {
  const { hostname, port, host } = new URL(url);
  return isLoopback(hostname.replace(/^\[|\]$/g, '')) ? `${machineName()}:${port}` : host;
}

/** Of the first connector whose store can be searched. */
function searchedStore({ connectors }: Configuration, dataDirectory: string): SearchedStore | undefined {
  const { table, search } = Object.values(connectors).find((connector) => connector.table ?? connector.search) ?? {};
  const file = table && tableFile(table, dataDirectory);
  if (file !== undefined) return { file };
  if (table?.postgres) return { table: table.postgres };
  return search && { indices: search };
}
