import { connectorsTopic } from '../connect/config/config.ts';
import type { Standing } from '../connect/rest/connectors.ts';
import type { StoredConnector } from '../connect/store/connector-store.ts';
import { takingPart } from '../connect/store/taking-part.ts';
import { WorkerBoard } from '../connect/store/worker-board.ts';
import { WORKERS_TOPIC } from '../log/dead-letter.ts';
import type { OpenLog } from '../log/open.ts';
import { systemClock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import type { Configuration } from './definition.ts';
import type { ManagedConnector } from './managed-connector.ts';
import type { Standings } from './standings.ts';
import { taskOf } from './standings.ts';

export interface WorkersOptions {
  readonly configuration: Configuration;
  readonly log: OpenLog;
  readonly logger: Logger;
  /** `host:port` of this process's operations API. */
  readonly workerId: () => string;
  /** This start of this process. */
  readonly instance: string;
  /** Those made at run time, as they stand in this process. */
  readonly connectors: () => Iterable<ManagedConnector>;
}

/** The processes that run connectors made at run time: who takes part in which, and what each tells of its tasks. */
export class Workers {
  readonly #options: WorkersOptions;
  /** The embedded log has one worker. */
  #board: WorkerBoard | undefined;

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  /** Begins to tell the others, and to hear of them. Throws the log's errors; it may be called again then. */
  async open(): Promise<void> {
    const { configuration, log, logger, instance, connectors } = this.#options;
    if (!configuration.log.kafka) return;
    this.#board ??= await WorkerBoard.open({
      ...{ log, logger, instance, clock: systemClock },
      topic: connectorsTopic(WORKERS_TOPIC, configuration.connect.group),
      report: async () => {
        const running = [...connectors()].filter((managed) => this.takesPart(managed.stored));
        const tasks = running.map(async (managed) => [managed.name, taskOf(await managed.snapshot())] as const);
        return { worker: this.#options.workerId(), connectors: Object.fromEntries(await Promise.all(tasks)) };
      },
      onChange: () => {
        for (const managed of connectors()) managed.reconsider();
      },
    });
  }

  /** Whether this process loads a connector. */
  takesPart(stored: StoredConnector | undefined): boolean {
    return stored !== undefined && this.#parts(stored).includes(this.#options.instance);
  }

  /** As REST shows a connector with the tasks of all workers. */
  async standings(stored: StoredConnector, managed: ManagedConnector): Promise<Standings> {
    const { instance, workerId } = this.#options;
    const own = taskOf(await managed.snapshot());
    const tasks = this.#parts(stored).map((part): Standing => {
      if (part === instance) return { workerId: workerId(), ...own };
      const { worker = '', connectors = {} } = this.#board?.reportOf(part) ?? {};
      return { workerId: worker, ...(connectors[stored.name] ?? { state: 'UNASSIGNED' }) };
    });
    const first = tasks[0]?.workerId ?? workerId();
    if (stored.target === 'STOPPED') return { connector: { state: 'STOPPED', workerId: first }, tasks: [] };
    // What it can't be started with is the connector's trouble, and not only a task's.
    const cannotStart = this.takesPart(stored) && !managed.host && own.trace !== undefined;
    if (cannotStart) return { connector: { workerId: workerId(), ...own }, tasks };
    return { connector: { state: stored.target === 'PAUSED' ? 'PAUSED' : 'RUNNING', workerId: first }, tasks };
  }

  async close(): Promise<void> {
    await this.#board?.close();
  }

  /** The instances that load a connector, of which there is one a task. */
  #parts(stored: StoredConnector): readonly string[] {
    const instances = this.#board?.instances ?? [this.#options.instance];
    return takingPart(stored.id, instances, Number(stored.config['tasks.max'] ?? 1));
  }
}
