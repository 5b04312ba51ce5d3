import type { ConnectorSnapshot } from '../loader/connector.ts';
import type { TimeRange } from '../loader/replay.ts';
import type { ReplayState } from '../loader/replay-job.ts';
import { replayTopic } from '../log/dead-letter.ts';
import type { OpenLog } from '../log/open.ts';
import { transferOf } from '../log/open.ts';
import { cautionsOfFiles } from '../sinks/files/config.ts';
import { cautionsOfTable } from '../sinks/table/config.ts';
import { systemClock } from '../support/clock.ts';
import { defineErrors } from '../support/errors.ts';
import type { LogLevels } from '../support/log-levels.ts';
import type { Logger } from '../support/logger.ts';
import { settlesWithin } from '../support/within.ts';
import { eventTopics } from './configuration.ts';
import type { ConnectorThread, ConnectorThreadData } from './connector-worker.ts';
import type { Configuration } from './definition.ts';
import { sinkPlan } from './sink-plan.ts';
import type { ThreadOptions } from './thread-host.ts';
import { ThreadHost } from './thread-host.ts';

/**
 * Records live from a fetch to their encoding, and what outlasts two collections of the young costs the most. But a
 * collection is also what frees the answers of Kafka, which lie outside: into HDFS they took 20 MiB more with 12, with
 * 24 yet another 20, and no less time.
 */
const YOUNG_MIB = 6;
const OLD_MIB = 1024;

/** Longest wait for a snapshot: a sink that computes for long must not hold up the status. */
const SNAPSHOT_MS = 500;

const NOTHING_COUNTED = { loaded: 0, duplicates: 0, deadLettered: 0, restarts: 0 };

export interface ConnectorHostOptions {
  readonly name: string;
  readonly kind: string;
  readonly topics: readonly string[];
  /** What the thread is started with; asked for at each start, since a share of the log belongs to one thread. */
  readonly data: () => ConnectorThreadData;
  readonly logger: Logger;
}

export const connectorErrors = defineErrors({
  CONNECTOR_NOT_STARTED: {
    decision: 'retry',
    help: 'Connectors start once the log is reached; see "millrace status", and the log lines of the program.',
  },
});

/** A connector in a thread of its own, from the outside; its counters outlive a thread that dies. */
export class ConnectorHost {
  readonly name: string;
  readonly kind: string;
  readonly topics: readonly string[];
  readonly #threadOptions: ThreadOptions;
  #thread: ThreadHost<ConnectorThread> | undefined;
  #last: ConnectorSnapshot = { state: 'UNASSIGNED', ...NOTHING_COUNTED };
  /** What earlier threads of this connector had counted. */
  #before = NOTHING_COUNTED;

  constructor({ name, kind, topics, data, logger }: ConnectorHostOptions) {
    this.name = name;
    this.kind = kind;
    this.topics = topics;
    this.#threadOptions = {
      entry: new URL('./connector-worker.ts', import.meta.url),
      name: `connector ${name}`,
      youngMiB: YOUNG_MIB,
      oldMiB: OLD_MIB,
      data: () => {
        const workerData = data();
        return { workerData, transfer: transferOf(workerData.log) };
      },
      logger,
      onCrash: (reason) => this.#crashed(reason),
    };
  }

  /** Begins; until then the connector is UNASSIGNED. */
  start(): void {
    this.#thread ??= new ThreadHost(this.#threadOptions);
  }

  async snapshot(): Promise<ConnectorSnapshot> {
    if (!this.#thread) return this.#last;
    const asked = this.#thread.channel.call('snapshot', []).catch(() => undefined);
    const snapshot = (await settlesWithin(asked, SNAPSHOT_MS)) ? await asked : undefined;
    if (snapshot) this.#last = this.#sum(snapshot);
    return this.#last;
  }

  /** Resolves when the command is taken up; the state shows what became of it. */
  async control(action: 'pause' | 'resume' | 'restart'): Promise<void> {
    await this.#started().channel.call(action, []);
  }

  /** Begins to load a time range once more. */
  async replay(range: TimeRange): Promise<void> {
    await this.#started().channel.call('replay', [range]);
  }

  replayState(): Promise<ReplayState> {
    return this.#started().channel.call('replayState', []);
  }

  async stopReplay(): Promise<void> {
    await this.#started().channel.call('stopReplay', []);
  }

  /** Finishes what was begun, within the deadline, and ends the thread. */
  async stop(deadlineMs: number): Promise<void> {
    await this.#thread?.stop((channel) => channel.call('stop', []), deadlineMs);
  }

  #started(): ThreadHost<ConnectorThread> {
    if (this.#thread) return this.#thread;
    throw connectorErrors.CONNECTOR_NOT_STARTED(`The connector ${this.name} waits for the log.`);
  }

  #crashed(reason: string): void {
    const { loaded, duplicates, deadLettered, restarts } = this.#last;
    this.#before = { loaded, duplicates, deadLettered, restarts: restarts + 1 };
    const lastError = { code: 'THREAD_CRASHED', message: reason, at: systemClock.now() };
    this.#last = { state: 'RESTARTING', ...this.#before, lastError };
  }

  #sum(snapshot: ConnectorSnapshot): ConnectorSnapshot {
    return {
      ...snapshot,
      loaded: this.#before.loaded + snapshot.loaded,
      duplicates: this.#before.duplicates + snapshot.duplicates,
      deadLettered: this.#before.deadLettered + snapshot.deadLettered,
      restarts: this.#before.restarts + snapshot.restarts,
    };
  }
}

/** The name of a connector's logger. */
export function loggerOf(connector: string): string {
  return `connectors.${connector}`;
}

/** A host for each connector of the configuration, not yet started. */
export function connectorHosts(
  configuration: Configuration,
  log: OpenLog,
  levels: LogLevels,
  logger: Logger,
): ConnectorHost[] {
  const topics = eventTopics(configuration);
  return Object.entries(configuration.connectors).map(([name, connector]) => {
    const plan = sinkPlan(configuration, name);
    const { files, table } = connector;
    for (const caution of [...(files ? cautionsOfFiles(files) : []), ...(table ? cautionsOfTable(table) : [])]) {
      logger.warn({ connector: name, caution }, 'the connector is not safe as it is configured');
    }
    const data = {
      ...plan,
      loaderConfig: connector.loader,
      topics: [...(connector.topics ?? topics.map((topic) => topic.name)), replayTopic(name)],
      logging: levels.optionsFor(loggerOf(name)),
    };
    return new ConnectorHost({
      name,
      kind: plan.kind,
      topics: data.topics,
      data: () => ({ ...data, log: log.share() }),
      logger,
    });
  });
}
