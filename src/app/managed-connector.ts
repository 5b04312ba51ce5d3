import { CONNECTOR_CLASSES, isConnectorClass } from '../connect/config/connect-keys.ts';
import type { FlatConfig } from '../connect/config/mapping.ts';
import type { StoredConnector } from '../connect/store/connector-store.ts';
import type { ConnectorSnapshot } from '../loader/connector.ts';
import { Backoff } from '../support/backoff.ts';
import type { Clock } from '../support/clock.ts';
import { decisionOf, MillraceError, messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import { settlesWithin } from '../support/within.ts';
import type { ConnectorMaker, Settings } from './connector-maker.ts';
import type { ConnectorHost } from './connector-thread.ts';

const RETRY = { initialMs: 500, maxMs: 30_000 };
const STOP_MS = 12_000;
const NOTHING_COUNTED = { loaded: 0, duplicates: 0, deadLettered: 0, restarts: 0 };

export interface ManagedConnectorOptions {
  /** Tests replace it. */
  readonly maker: Pick<ConnectorMaker, keyof ConnectorMaker>;
  /** Whether this worker is one of those that load it. */
  takesPart(stored: StoredConnector): boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A connector that was made at run time, in this process: follows what is stored of it, one step after another. */
export class ManagedConnector {
  readonly name: string;
  readonly #options: ManagedConnectorOptions;
  readonly #ended = new AbortController();
  readonly #backoff = new Backoff(RETRY);
  /** Undefined once it was deleted. */
  #wanted: StoredConnector | undefined;
  /** What was followed last. */
  #taken: StoredConnector | undefined;
  #settings: Settings | undefined;
  #host: ConnectorHost | undefined;
  /** Why there is no thread though there should be one. */
  #fault: Pick<ConnectorSnapshot, 'state' | 'lastError'> | undefined;
  /** The last reason that was logged: the same one again is no news. */
  #told = '';
  #steps: Promise<void> = Promise.resolve();
  #stepsLeft = 0;

  constructor(stored: StoredConnector, options: ManagedConnectorOptions) {
    this.name = stored.name;
    this.#options = options;
    this.#wanted = stored;
    this.#step(() => this.#take());
  }

  /** Whether it was deleted, and nothing of it runs any more. */
  get isGone(): boolean {
    return !this.#wanted && !this.#taken && !this.#host;
  }

  get stored(): StoredConnector | undefined {
    return this.#wanted;
  }

  get kind(): string {
    const name = this.#wanted?.config['connector.class'];
    return isConnectorClass(name) ? CONNECTOR_CLASSES[name] : '';
  }

  /** Whether a change of it is being taken up. */
  get isChanging(): boolean {
    return this.#stepsLeft > 0;
  }

  /** None as long as there is no thread. */
  get topics(): readonly string[] {
    return this.#host?.topics ?? [];
  }

  get host(): ConnectorHost | undefined {
    return this.#host;
  }

  /** What is stored by now; undefined if it was deleted. One made anew under its name waits for the end of it. */
  follow(stored: StoredConnector | undefined): void {
    if (stored === this.#wanted) return;
    this.#wanted = stored;
    this.#step(() => this.#take());
  }

  /** Settles when all that was to be followed by now is. */
  settled(): Promise<void> {
    return this.#steps;
  }

  /** Looks whether this worker takes part by now. */
  reconsider(): void {
    this.#step(async () => {
      const wanted = this.#wanted;
      if (!wanted || wanted.target === 'STOPPED' || wanted !== this.#taken) return;
      if (!this.#options.takesPart(wanted)) {
        this.#fault = undefined;
        await this.#end();
      } else if (!this.#host && !this.#fault) await this.#begin(wanted);
    });
  }

  /** Looks whether a pattern means other topics by now. */
  refresh(): void {
    this.#step(async () => {
      const { topics } = this.#settings ?? {};
      if (!this.#host || topics?.pattern === undefined) return;
      const now = await this.#options.maker.choose(topics);
      if (now.every((topic) => this.topics.includes(topic))) return;
      this.#options.logger.info({ connector: this.name, topics: now }, 'the pattern of a connector has new topics');
      await this.#end();
      if (this.#wanted) await this.#begin(this.#wanted);
    });
  }

  async snapshot(): Promise<ConnectorSnapshot> {
    if (this.#host) return this.#host.snapshot();
    const state = this.#wanted?.target === 'STOPPED' ? 'STOPPED' : 'UNASSIGNED';
    return { state, ...NOTHING_COUNTED, ...this.#fault };
  }

  /** Finishes what was begun, within a deadline, and follows nothing more. */
  async stop(): Promise<void> {
    this.#ended.abort();
    await settlesWithin(this.#steps, STOP_MS);
    await this.#end();
  }

  #step(work: () => Promise<void>): void {
    this.#stepsLeft++;
    this.#steps = this.#steps.then(async () => {
      try {
        if (!this.#ended.signal.aborted) await work();
      } catch (error) {
        // A thread that died at a command is started again as it should be by now.
        this.#options.logger.warn({ connector: this.name, error: messageOf(error) }, 'a connector did not follow');
      } finally {
        this.#stepsLeft--;
      }
    });
  }

  async #take(): Promise<void> {
    const [before, next] = [this.#taken, this.#wanted];
    if (before === next) return;
    const isSame = before !== undefined && before.id === next?.id && sameText(before.config, next.config);
    const isRestart = isSame && before.restart?.number !== next?.restart?.number;
    try {
      const runs = next !== undefined && next.target !== 'STOPPED' && this.#options.takesPart(next);
      if (!isSame || !runs) await this.#end();
      if (!runs) this.#fault = undefined;
      else if (!this.#host) await this.#begin(next);
      else {
        if (before?.target !== next.target) await this.#host.control(next.target === 'PAUSED' ? 'pause' : 'resume');
        if (isRestart && (await this.#isMeant(next))) await this.#host.control('restart');
      }
    } finally {
      this.#taken = next;
    }
  }

  async #isMeant({ restart }: StoredConnector): Promise<boolean> {
    return restart?.onlyFailed !== true || (await this.snapshot()).state === 'FAILED';
  }

  async #begin(stored: StoredConnector): Promise<void> {
    const { maker } = this.#options;
    this.#fault = undefined;
    try {
      const { settings, faults } = maker.map(stored.config, 'earlier');
      this.#settings = settings;
      if (!settings) {
        // It was valid where it was made: what is missing here, a file or a variable, may come.
        this.#fail('FAILED', faults.map(({ message }) => message).join(' '));
        return void this.#beginLater(stored);
      }
      const topics = await maker.choose(settings.topics);
      await maker.prepare(settings);
      // A stop does not wait for long: what it left behind must not begin after it.
      if (this.#ended.signal.aborted) return;
      this.#host = maker.host(settings, topics, () => this.#wanted?.target === 'PAUSED');
      this.#host.start();
      this.#backoff.reset();
    } catch (error) {
      if (decisionOf(error) === 'stop') return this.#fail('FAILED', messageOf(error), error);
      this.#fail('RESTARTING', messageOf(error), error);
      void this.#beginLater(stored);
    }
  }

  async #beginLater(stored: StoredConnector): Promise<void> {
    const fault = this.#fault;
    await this.#options.clock.sleep(this.#backoff.next(), this.#ended.signal);
    this.#step(async () => {
      if (this.#fault === fault) await this.#begin(stored);
    });
  }

  #fail(state: 'FAILED' | 'RESTARTING', message: string, error?: unknown): void {
    const code = error instanceof MillraceError ? { code: error.code } : {};
    this.#fault = { state, lastError: { ...code, message, at: this.#options.clock.now() } };
    if (message === this.#told) return;
    this.#told = message;
    this.#options.logger.error({ connector: this.name, state, error: message }, 'a connector can not be started');
  }

  async #end(): Promise<void> {
    const host = this.#host;
    this.#host = undefined;
    await host?.stop(STOP_MS);
  }
}

function sameText(a: FlatConfig, b: FlatConfig): boolean {
  const [one, other] = [Object.entries(a), Object.entries(b)];
  return one.length === other.length && one.every(([key, value]) => Object.hasOwn(b, key) && b[key] === value);
}
