import type { PlainError } from '../support/errors.ts';
import { toPlainError } from '../support/errors.ts';
import { loaderErrors } from './errors.ts';
import type { Replayed } from './replay.ts';

/** How far the last replay of a connector is; plain data, so that it crosses threads. */
export interface ReplayState {
  readonly state: 'NONE' | 'RUNNING' | 'DONE' | 'FAILED';
  /** Records looked at, and how many there are to look at. */
  readonly done: number;
  readonly all: number;
  /** Once it is DONE. */
  readonly replayed?: Replayed;
  /** Once it is FAILED. */
  readonly error?: PlainError;
}

/** The work of a replay, as {@link ReplayJob} starts it. */
export type ReplayWork = (onProgress: (done: number, all: number) => void, signal: AbortSignal) => Promise<Replayed>;

/** The replays of one connector, one at a time, for whoever looks at them now and then. */
export class ReplayJob {
  #state: ReplayState = { state: 'NONE', done: 0, all: 0 };
  #stop = new AbortController();
  #running: Promise<void> | undefined;

  get state(): ReplayState {
    return this.#state;
  }

  /** @throws REPLAY_UNDER_WAY */
  start(work: ReplayWork): void {
    if (this.#running) throw loaderErrors.REPLAY_UNDER_WAY('Another replay of this connector is under way.');
    this.#stop = new AbortController();
    this.#state = { state: 'RUNNING', done: 0, all: 0 };
    this.#running = this.#run(work, this.#stop.signal).finally(() => {
      this.#running = undefined;
    });
  }

  /** Ends the one under way, if there is one. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(work: ReplayWork, signal: AbortSignal): Promise<void> {
    const onProgress = (done: number, all: number) => {
      this.#state = { state: 'RUNNING', done, all };
    };
    try {
      const replayed = await work(onProgress, signal);
      this.#state = { ...this.#state, state: 'DONE', replayed };
    } catch (error) {
      this.#state = { ...this.#state, state: 'FAILED', error: toPlainError(error) };
    }
  }
}
