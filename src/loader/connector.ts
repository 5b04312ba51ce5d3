import type { Log } from '../log/log.ts';
import type { DeadLetters, Sink } from '../sinks/sink.ts';
import { Backoff } from '../support/backoff.ts';
import type { Clock } from '../support/clock.ts';
import { decisionOf, MillraceError, messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import { whenAborted } from '../support/within.ts';
import type { LoaderConfig } from './config.ts';
import { ConnectorDeadLetters, noDeadLetters } from './dead-letters.ts';
import type { ConnectorState, LifecycleEvent } from './lifecycle.ts';
import { nextState } from './lifecycle.ts';
import { Run } from './run.ts';
import { StallWatch } from './stall-watch.ts';

export interface ConnectorOptions {
  readonly name: string;
  readonly topics: readonly string[];
  readonly log: Log;
  readonly config: LoaderConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Makes the sink, anew for each run. */
  createSink(deadLetters: DeadLetters): Sink;
}

/** What a connector says of itself; plain data, so that it crosses threads. */
export interface ConnectorSnapshot {
  readonly state: ConnectorState;
  /** Records made durable since the start, counted by their offsets. */
  readonly loaded: number;
  readonly duplicates: number;
  readonly deadLettered: number;
  readonly restarts: number;
  readonly lastError?: { readonly code?: string; readonly message: string; readonly at: number };
}

/** Longest wait before a log that was away is asked again: a question costs it nothing, and it may be back. */
const LOG_RETRY_MAX_MS = 5_000;

/** The consumer group of a connector. */
export function groupOf(connector: string): string {
  return `connect-${connector}`;
}

/**
 * A named, running load: topics → one sink. It lives through runs, one after another: a run
 * ends by a command or an error, and what follows on that is in the table of the lifecycle.
 */
export class Connector {
  readonly #options: ConnectorOptions;
  readonly #deadLetters: ConnectorDeadLetters;
  readonly #stallWatch: StallWatch;
  #state: ConnectorState = 'UNASSIGNED';
  #life: Promise<void> = Promise.resolve();
  #changed = new AbortController();
  #loaded = 0;
  #duplicates = 0;
  #restarts = 0;
  #lastError: ConnectorSnapshot['lastError'];

  constructor(options: ConnectorOptions) {
    this.#options = options;
    this.#deadLetters = new ConnectorDeadLetters(options.log.producer(), options.name, options.clock);
    const { log, clock, config } = options;
    this.#stallWatch = new StallWatch({ admin: log.admin, clock, timeoutMs: config.stallTimeout });
  }

  get snapshot(): ConnectorSnapshot {
    return {
      state: this.#state,
      loaded: this.#loaded,
      duplicates: this.#duplicates,
      deadLettered: this.#deadLetters.count,
      restarts: this.#restarts,
      ...(this.#lastError ? { lastError: this.#lastError } : {}),
    };
  }

  /** Starts loading. Never throws: what goes wrong is in the snapshot, and tried again where that can help. */
  start(): void {
    this.#follow('start');
    this.#life = this.#live();
  }

  pause(): void {
    this.#follow('pause');
  }

  resume(): void {
    this.#follow('resume');
  }

  /** Ends the run, politely, and begins a new one; also out of FAILED. */
  restart(): void {
    this.#follow('restart');
  }

  /** Ends the run, finishing what was begun, and stays stopped. */
  async stop(): Promise<void> {
    this.#follow('stop');
    await this.#life;
  }

  #follow(event: LifecycleEvent): void {
    const state = nextState(this.#state, event);
    if (state === this.#state) return;
    this.#state = state;
    this.#options.logger.info({ state }, `connector ${event}`);
    this.#changed.abort();
    this.#changed = new AbortController();
  }

  async #live(): Promise<void> {
    const { clock, config, logger } = this.#options;
    const initialMs = config.retryInitial;
    const backoffs = {
      store: new Backoff({ initialMs, maxMs: config.retryMax }),
      log: new Backoff({ initialMs, maxMs: Math.min(config.retryMax, LOG_RETRY_MAX_MS) }),
    };
    let failed: keyof typeof backoffs = 'store';
    while (this.#state !== 'STOPPED') {
      if (this.#state === 'RESTARTING') {
        const before = this.#changed.signal;
        await clock.sleep(backoffs[failed].next(), before);
        if (!before.aborted) this.#follow('retried');
      } else if (this.#state === 'RUNNING') {
        const { signal } = this.#changed;
        try {
          await this.#runUntil(signal, () => {
            backoffs.store.reset();
            backoffs.log.reset();
          });
        } catch (error) {
          // A command that came while the sink was opening is followed, and no failure.
          if (signal.aborted && (error as Error).name === 'AbortError') continue;
          this.#restarts++;
          this.#note(error);
          failed = error instanceof MillraceError && error.code === 'LOG_UNAVAILABLE' ? 'log' : 'store';
          if (decisionOf(error) === 'stop') {
            logger.error({ error: messageOf(error) }, 'the connector has failed; a person must act');
            this.#follow('failed');
          } else {
            logger.warn({ error: messageOf(error) }, 'the connector ended its run; it starts anew by itself');
            this.#follow('stumbled');
          }
        }
      } else {
        await whenAborted(this.#changed.signal);
      }
    }
  }

  async #runUntil(signal: AbortSignal, progressed: () => void): Promise<void> {
    const { name, config, createSink } = this.#options;
    const run = new Run(
      {
        ...this.#options,
        group: groupOf(name),
        sink: createSink(config.tolerance === 'all' ? this.#deadLetters : noDeadLetters),
        stallWatch: this.#stallWatch,
      },
      {
        durable: (records, duplicates) => {
          this.#loaded += records;
          this.#duplicates += duplicates;
          // A position that the store told at the start is no progress.
          if (records > 0) progressed();
        },
        stumbled: (error) => {
          this.#restarts++;
          this.#note(error);
        },
      },
    );
    await run.untilAborted(signal);
  }

  #note(error: unknown): void {
    this.#lastError = {
      ...(error instanceof MillraceError ? { code: error.code } : {}),
      message: messageOf(error),
      at: this.#options.clock.now(),
    };
  }
}
