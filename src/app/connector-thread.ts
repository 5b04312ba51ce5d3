import { Worker } from 'node:worker_threads';
import type { ConnectorSnapshot } from '../loader/connector.ts';
import { Backoff } from '../support/backoff.ts';
import { Channel } from '../support/channel.ts';
import { systemClock } from '../support/clock.ts';
import { defineErrors, messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import type { ConnectorThread, ConnectorThreadData } from './connector-worker.ts';

export const threadErrors = defineErrors({
  CONNECTOR_CRASHED: {
    decision: 'retry',
    help: 'The thread is started again by itself; if this repeats, the log lines before it say why.',
  },
});

const RESTART = { initialMs: 200, maxMs: 30_000 };
/** Longest wait for a snapshot: a sink that computes for long must not hold up the status. */
const SNAPSHOT_MS = 500;

/**
 * A connector in a thread of its own, from the outside. A thread that dies is started again; the
 * connector then goes on from what is durable, like after a crash of the whole process.
 */
export class ConnectorHost {
  readonly name: string;
  readonly kind: string;
  readonly topics: readonly string[];
  readonly #data: () => ConnectorThreadData;
  readonly #logger: Logger;
  readonly #backoff = new Backoff(RESTART);
  readonly #stopped = new AbortController();
  #worker: Worker | undefined;
  #channel: Channel<ConnectorThread> | undefined;
  #last: ConnectorSnapshot = { state: 'UNASSIGNED', loaded: 0, duplicates: 0, deadLettered: 0, restarts: 0 };
  /** What earlier threads of this connector had counted. */
  #before = { loaded: 0, duplicates: 0, deadLettered: 0, restarts: 0 };

  /** `data` is asked for anew at each start, since a share of the log belongs to one thread. */
  constructor(data: () => ConnectorThreadData, logger: Logger) {
    this.#data = data;
    this.#logger = logger;
    const { name, kind, topics } = this.#start();
    this.name = name;
    this.kind = kind;
    this.topics = topics;
  }

  async snapshot(): Promise<ConnectorSnapshot> {
    const asked = this.#channel?.call('snapshot', []).catch(() => undefined);
    const late = new AbortController();
    const snapshot = await Promise.race([asked, systemClock.sleep(SNAPSHOT_MS, late.signal).then(() => undefined)]);
    late.abort();
    if (snapshot) this.#last = this.#sum(snapshot);
    return this.#last;
  }

  async pause(): Promise<void> {
    await this.#channel?.call('pause', []);
  }

  async resume(): Promise<void> {
    await this.#channel?.call('resume', []);
  }

  async restart(): Promise<void> {
    await this.#channel?.call('restart', []);
  }

  /** Finishes what was begun, within the deadline, and ends the thread. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopped.abort();
    const late = new AbortController();
    const stopped = this.#channel?.call('stop', []).then(
      (snapshot) => {
        this.#last = this.#sum(snapshot);
      },
      (error: unknown) => this.#logger.warn({ error: messageOf(error) }, 'the connector did not stop politely'),
    );
    await Promise.race([stopped, systemClock.sleep(deadlineMs, late.signal)]);
    late.abort();
    await this.#worker?.terminate();
  }

  #start(): ConnectorThreadData {
    const data = this.#data();
    const worker = new Worker(new URL('./connector-worker.ts', import.meta.url), {
      workerData: data,
      transferList: [data.log.port],
      name: `connector ${data.name}`,
    });
    const channel = new Channel<ConnectorThread>(worker);
    this.#worker = worker;
    this.#channel = channel;
    let reason = 'it ended by itself';
    worker.on('error', (error) => {
      reason = messageOf(error);
    });
    worker.on('exit', () => {
      channel.fail(threadErrors.CONNECTOR_CRASHED(`The thread of the connector ended: ${reason}.`));
      if (!this.#stopped.signal.aborted) void this.#revive(reason);
    });
    return data;
  }

  async #revive(reason: string): Promise<void> {
    const { loaded, duplicates, deadLettered, restarts } = this.#last;
    this.#before = { loaded, duplicates, deadLettered, restarts: restarts + 1 };
    const error = { code: 'CONNECTOR_CRASHED', message: reason, at: systemClock.now() };
    this.#last = { ...this.#last, state: 'RESTARTING', lastError: error };
    this.#logger.error({ connector: this.name, error: reason }, 'a connector crashed; it is started again');
    await systemClock.sleep(this.#backoff.next(), this.#stopped.signal);
    if (!this.#stopped.signal.aborted) this.#start();
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
