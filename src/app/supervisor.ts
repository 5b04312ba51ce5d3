import type { ConnectorClass } from '../connect/config/connect-keys.ts';
import { CONNECTOR_CLASSES } from '../connect/config/connect-keys.ts';
import type { FlatConfig, Mapping } from '../connect/config/mapping.ts';
import type { Validation } from '../connect/config/validation.ts';
import { validateConfig } from '../connect/config/validation.ts';
import type { Connectors, Health, ShownConnector } from '../connect/rest/connectors.ts';
import type {
  ConnectorStore,
  LevelSetting,
  RestartCommand,
  StoredConnector,
  TargetState,
} from '../connect/store/connector-store.ts';
import { connectorStoreErrors } from '../connect/store/connector-store.ts';
import { openConnectorStore } from '../connect/store/log-connector-store.ts';
import { groupOf } from '../loader/connector.ts';
import { replayTopic } from '../log/dead-letter.ts';
import type { Position } from '../log/log.ts';
import type { OpenLog } from '../log/open.ts';
import { operationsErrors } from '../operations/errors.ts';
import { Backoff } from '../support/backoff.ts';
import { systemClock } from '../support/clock.ts';
import { defineErrors, messageOf } from '../support/errors.ts';
import type { LogLevels } from '../support/log-levels.ts';
import type { Logger } from '../support/logger.ts';
import { settlesWithin } from '../support/within.ts';
import { ConnectorMaker } from './connector-maker.ts';
import type { PositionChange } from './connector-positions.ts';
import { activeTopics, heldOf, positionsOf, reachedByTopic } from './connector-positions.ts';
import type { ConnectorHost } from './connector-thread.ts';
import { loggerOf } from './connector-thread.ts';
import type { Configuration } from './definition.ts';
import { topicOfConnectors } from './made-connectors.ts';
import { ManagedConnector } from './managed-connector.ts';
import { standingAlone, taskOf } from './standings.ts';
import type { WatchedConnector } from './status-source.ts';
import { Workers } from './workers.ts';

const RETRY = { initialMs: 500, maxMs: 10_000 };
/** Longest wait at a stop for a question that is put to the log. */
const STOP_MS = 5_000;
/** For all partitions of one change of positions. */
const ALTER_MS = 60_000;
/** How often patterns of topics are looked at. */
const REFRESH_MS = 10_000;
/** A connector of the file is shown by these keys alone; the rest stands there. */
const CLASS_OF = Object.fromEntries(Object.entries(CONNECTOR_CLASSES).map(([name, kind]) => [kind, name]));

export const supervisorErrors = defineErrors({
  CONNECTOR_CHANGING: { decision: 'refuse', help: 'Ask again in a moment.' },
  CONNECTOR_NOT_STARTABLE: {
    decision: 'refuse',
    help: 'Its position can be altered only where it could be started; see its status.',
  },
});

export interface SupervisorOptions {
  readonly configuration: Configuration;
  readonly log: OpenLog;
  /** Those of the configuration file, which nobody changes here. */
  readonly declared: readonly ConnectorHost[];
  readonly levels: LogLevels;
  readonly logger: Logger;
  /** `host:port` of this process's operations API. */
  readonly workerId: () => string;
  /** This start of this process. */
  readonly instance: string;
}

/**
 * All connectors of this process: those of the file, and those that were made at run time, which it
 * runs as they are stored. It hinders nobody: while the log is away it tries again.
 */
export class Supervisor implements Connectors {
  readonly #options: SupervisorOptions;
  readonly #maker: ConnectorMaker;
  readonly #managed = new Map<string, ManagedConnector>();
  readonly #stopped = new AbortController();
  #store: ConnectorStore | undefined;
  readonly #workers: Workers;
  #away = 'the log is not reached yet';
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#maker = new ConnectorMaker({ ...options, stored: () => this.#store?.all().values() ?? [] });
    this.#workers = new Workers({ ...options, connectors: () => this.#managed.values() });
  }

  /** Begins to follow what is stored. */
  start(): void {
    this.#work = Promise.all([this.#open(), this.#refresh()]);
  }

  /** Every connector that there is by now. */
  get connectors(): readonly WatchedConnector[] {
    return [...this.#options.declared, ...this.#managed.values()];
  }

  /** The thread of a connector; throws CONNECTOR_UNKNOWN if there is none. */
  host(name: string): ConnectorHost {
    const found = this.#declared(name) ?? this.#managed.get(name)?.host;
    if (!found) throw operationsErrors.CONNECTOR_UNKNOWN(`There is no connector ${JSON.stringify(name)} that runs.`);
    return found;
  }

  /** A command to one connector, for all workers if it is one of all. */
  async control(name: string, action: 'pause' | 'resume' | 'restart'): Promise<void> {
    if (!this.#managed.has(name)) return this.host(name).control(action);
    if (action === 'restart') await this.restart(name, { includeTasks: true, onlyFailed: false });
    else await this.setTarget(name, action === 'pause' ? 'PAUSED' : 'STARTED');
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await settlesWithin(this.#work, STOP_MS);
    await Promise.all(Array.from(this.#managed.values(), (one) => one.stop()));
    await settlesWithin(Promise.all([this.#workers.close(), this.#store?.close()]), STOP_MS);
  }

  async health(): Promise<Health> {
    if (!this.#store) return 'starting';
    return this.#store.isBehind ? 'unhealthy' : 'healthy';
  }

  async all(): Promise<ReadonlyMap<string, ShownConnector>> {
    const store = this.#opened();
    const workerId = this.#options.workerId();
    const declared = this.#options.declared.map(async (host): Promise<ShownConnector> => {
      const { name, kind } = host;
      const topics = host.topics.filter((topic) => topic !== replayTopic(name)).join(',');
      const config = { name, 'connector.class': CLASS_OF[kind] ?? kind, topics };
      const standing = standingAlone(taskOf(await host.snapshot()), workerId);
      return { name, config, isFromFile: true, ...standing };
    });
    const stored = [...store.all().values()].map(async (connector): Promise<ShownConnector[]> => {
      const { name, config } = connector;
      const managed = this.#managed.get(name);
      if (!managed) return [];
      const standing = await this.#workers.standings(connector, managed);
      return [{ name, config, isFromFile: false, ...standing }];
    });
    const all = [...(await Promise.all(declared)), ...(await Promise.all(stored)).flat()];
    return new Map(all.map((one) => [one.name, one]));
  }

  async check(config: FlatConfig): Promise<Mapping> {
    return this.#maker.map(config, 'all');
  }

  async validate(connectorClass: ConnectorClass, config: FlatConfig): Promise<Validation> {
    return validateConfig(connectorClass, config, (flat) => this.#maker.map(flat, 'all')).answer;
  }

  async create(name: string, config: FlatConfig, target: TargetState): Promise<void> {
    await this.#opened().create({ name, config, target });
  }

  async configure(name: string, config: FlatConfig): Promise<void> {
    await this.#opened().configure(name, config);
  }

  async setTarget(name: string, target: TargetState): Promise<void> {
    await this.#opened().setTarget(name, target);
  }

  async restart(name: string, command: RestartCommand): Promise<void> {
    if (this.#managed.get(name)?.isChanging) {
      throw supervisorErrors.CONNECTOR_CHANGING(`A change of ${name} is being taken up.`);
    }
    await this.#opened().restart(name, command);
  }

  async remove(name: string): Promise<void> {
    const managed = this.#managed.get(name);
    await this.#opened().remove(name);
    await managed?.settled();
  }

  /** Sets a logger of all workers. */
  async setLevelEverywhere(setting: LevelSetting): Promise<void> {
    await this.#opened().setLevel(setting);
  }

  offsets(name: string): Promise<readonly Position[]> {
    return positionsOf(this.#options.log.admin, name);
  }

  async topics(name: string): Promise<readonly string[]> {
    return activeTopics(await this.offsets(name), this.#store?.all().get(name)?.topicsReset ?? {});
  }

  async resetTopics(name: string): Promise<void> {
    await this.#opened().resetTopics(name, reachedByTopic(await this.offsets(name)));
  }

  async alterOffsets(name: string, changes: readonly PositionChange[]): Promise<void> {
    const { admin } = this.#options.log;
    const held = await heldOf(admin, changes);
    const stored = this.#opened().all().get(name);
    const { settings, faults } = this.#maker.map(stored?.config ?? {}, 'earlier');
    if (!settings) {
      throw supervisorErrors.CONNECTOR_NOT_STARTABLE(faults.map(({ message }) => message).join(' '));
    }
    await this.#maker.prepare(settings);
    // The store first: its position rules. Both can be done again.
    await this.#maker.alterPositions(settings, held, AbortSignal.timeout(ALTER_MS));
    await admin.alterPositions(groupOf(name), changes);
  }

  logId(): Promise<string> {
    return this.#options.log.admin.logId();
  }

  #opened(): ConnectorStore {
    if (this.#store) return this.#store;
    throw connectorStoreErrors.CONNECTORS_AWAY(`The connectors are not known: ${this.#away}.`);
  }

  #declared(name: string): ConnectorHost | undefined {
    return this.#options.declared.find((one) => one.name === name);
  }

  async #open(): Promise<void> {
    const { log, logger, configuration } = this.#options;
    const topic = topicOfConnectors(configuration);
    const backoff = new Backoff(RETRY);
    while (!this.#stopped.signal.aborted && !this.#store) {
      try {
        // Who else is there decides what runs here.
        await this.#workers.open();
        this.#store = await openConnectorStore({ log, clock: systemClock, logger, topic });
      } catch (error) {
        const reason = messageOf(error);
        if (reason !== this.#away)
          logger.warn({ topic, error: reason }, 'connectors made at run time wait for the log');
        this.#away = reason;
        await systemClock.sleep(backoff.next(), this.#stopped.signal);
      }
    }
    this.#store?.watch(() => this.#follow());
    this.#store?.watchLevels(({ logger: name, level }) => {
      if (this.#options.levels.has(name)) this.#options.levels.set(name, level, systemClock.now());
    });
    this.#follow();
  }

  async #refresh(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await systemClock.sleep(REFRESH_MS, this.#stopped.signal);
      for (const managed of this.#managed.values()) managed.refresh();
    }
  }

  /** Brings what runs here to what is stored. */
  #follow(): void {
    if (this.#stopped.signal.aborted || !this.#store) return;
    const stored = this.#store.all();
    for (const connector of stored.values()) this.#followOne(connector);
    for (const [name, managed] of this.#managed) if (!stored.has(name)) void this.#retire(name, managed);
    const { log, declared } = this.#options;
    log.protect([...declared.map(({ name }) => name), ...stored.keys()].map(groupOf));
  }

  #manage(connector: StoredConnector): ManagedConnector {
    const takesPart = (stored: StoredConnector) => this.#workers.takesPart(stored);
    const { logger } = this.#options;
    return new ManagedConnector(connector, { maker: this.#maker, takesPart, clock: systemClock, logger });
  }

  /** Forgets a connector once nothing of it runs, unless it was made anew by then. */
  async #retire(name: string, managed: ManagedConnector): Promise<void> {
    managed.follow(undefined);
    await managed.settled();
    if (!managed.isGone || this.#managed.get(name) !== managed) return;
    this.#managed.delete(name);
    this.#options.levels.forget(loggerOf(name));
  }

  #followOne(connector: StoredConnector): void {
    const { name } = connector;
    const { logger } = this.#options;
    if (this.#declared(name)) {
      logger.warn(
        { connector: name },
        'a connector made at run time has the name of one of the file, and does not run',
      );
      return;
    }
    const managed = this.#managed.get(name);
    if (managed) managed.follow(connector);
    else this.#managed.set(name, this.#manage(connector));
  }
}

/** A call that came from another thread. */
export function callOf<K extends keyof Connectors>(
  connectors: Connectors,
  method: K,
  args: Parameters<Connectors[K]>,
): ReturnType<Connectors[K]> {
  const call = connectors[method] as (...given: Parameters<Connectors[K]>) => ReturnType<Connectors[K]>;
  return call.apply(connectors, args);
}
