import type { ConnectorSnapshot } from '../loader/connector.ts';
import { systemClock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import { settlesWithin } from '../support/within.ts';
import type { ConnectorThread, ConnectorThreadData } from './connector-worker.ts';
import { ThreadHost } from './thread-host.ts';

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

/** A connector in a thread of its own, from the outside; its counters outlive a thread that dies. */
export class ConnectorHost {
  readonly name: string;
  readonly kind: string;
  readonly topics: readonly string[];
  readonly #thread: ThreadHost<ConnectorThread>;
  #last: ConnectorSnapshot = { state: 'UNASSIGNED', ...NOTHING_COUNTED };
  /** What earlier threads of this connector had counted. */
  #before = NOTHING_COUNTED;

  constructor({ name, kind, topics, data, logger }: ConnectorHostOptions) {
    this.name = name;
    this.kind = kind;
    this.topics = topics;
    this.#thread = new ThreadHost({
      entry: new URL('./connector-worker.ts', import.meta.url),
      name: `connector ${name}`,
      data: () => {
        const workerData = data();
        return { workerData, transfer: [workerData.log.port] };
      },
      logger,
      onCrash: (reason) => this.#crashed(reason),
    });
  }

  async snapshot(): Promise<ConnectorSnapshot> {
    const asked = this.#thread.channel.call('snapshot', []).catch(() => undefined);
    const snapshot = (await settlesWithin(asked, SNAPSHOT_MS)) ? await asked : undefined;
    if (snapshot) this.#last = this.#sum(snapshot);
    return this.#last;
  }

  /** Resolves when the command is taken up; the state shows what became of it. */
  async control(action: 'pause' | 'resume' | 'restart'): Promise<void> {
    await this.#thread.channel.call(action, []);
  }

  /** Finishes what was begun, within the deadline, and ends the thread. */
  async stop(deadlineMs: number): Promise<void> {
    await this.#thread.stop((channel) => channel.call('stop', []), deadlineMs);
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
