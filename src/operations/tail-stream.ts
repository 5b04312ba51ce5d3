import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Clock } from '../support/clock.ts';
import { operationsErrors, toErrorReply } from './errors.ts';
import type { TailedRecord } from './sources.ts';

const MOST_TAILS = 16;
/** An empty line tells the reader, and everything on the way, that the connection lives. */
const HEARTBEAT_MS = 15_000;
/** Longest a reader may leave our bytes unread; a tail holds a reader of the log. */
const STALLED_MS = 30_000;
/** How long a start may take before its failure can only be told within the stream. */
const START_MS = 500;

type Step = IteratorResult<TailedRecord>;

/** Streams of records for readers that want every one of them, each at its reader's pace. */
export class TailStreams {
  readonly #clock: Clock;
  readonly #open = new Set<AbortController>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Starts a tail. A failure that shows at once, such as an unknown topic, is thrown before
   * anything is sent; a later one becomes the last line, `{"error": …}`.
   */
  async start(tail: (signal: AbortSignal) => AsyncIterable<TailedRecord>): Promise<Tail> {
    if (this.#open.size >= MOST_TAILS) throw operationsErrors.OPERATIONS_BUSY(`${MOST_TAILS} tails are open already.`);
    const stop = new AbortController();
    this.#open.add(stop);
    try {
      const records = tail(stop.signal)[Symbol.asyncIterator]();
      const first = records.next();
      const started = new AbortController();
      await Promise.race([first, this.#clock.sleep(START_MS, started.signal)]);
      started.abort();
      return new Tail({ clock: this.#clock, stop, records, first, ended: () => this.#open.delete(stop) });
    } catch (error) {
      stop.abort();
      this.#open.delete(stop);
      throw error;
    }
  }

  close(): void {
    for (const stop of this.#open) stop.abort();
  }
}

interface TailParts {
  readonly clock: Clock;
  readonly stop: AbortController;
  readonly records: AsyncIterator<TailedRecord>;
  readonly first: Promise<Step>;
  readonly ended: () => void;
}

/** One reader's stream of newline-delimited JSON. */
export class Tail {
  readonly #parts: TailParts;

  constructor(parts: TailParts) {
    this.#parts = parts;
  }

  /** Sends records until the reader, the records or the program ends; never throws. */
  async sendTo(response: ServerResponse): Promise<void> {
    const { stop, records, first, ended } = this.#parts;
    response.on('close', () => stop.abort());
    const heartbeat = this.#heartbeat(response);
    try {
      let step = await untilStopped(first, stop.signal);
      while (step && !step.done) {
        if (!response.write(`${JSON.stringify(toLine(step.value))}\n`)) await this.#drained(response);
        step = await untilStopped(records.next(), stop.signal);
      }
    } catch (error) {
      if (!stop.signal.aborted) response.write(`${JSON.stringify(toErrorReply(error).body)}\n`);
    } finally {
      stop.abort();
      ended();
      response.end();
      await heartbeat;
      // A source that waits for a record sees the signal; its end is nothing to wait for.
      records.return?.().catch(() => {});
    }
  }

  async #heartbeat(response: ServerResponse): Promise<void> {
    const { clock, stop } = this.#parts;
    for (;;) {
      await clock.sleep(HEARTBEAT_MS, stop.signal);
      if (stop.signal.aborted) return;
      if (response.writableLength === 0) response.write('\n');
    }
  }

  async #drained(response: ServerResponse): Promise<void> {
    const { clock, stop } = this.#parts;
    const drained = new AbortController();
    const signal = AbortSignal.any([stop.signal, drained.signal]);
    const stalled = clock.sleep(STALLED_MS, signal).then(() => {
      if (!signal.aborted) response.destroy();
    });
    await once(response, 'drain', { signal: stop.signal });
    drained.abort();
    await stalled;
  }
}

async function untilStopped(step: Promise<Step>, signal: AbortSignal): Promise<Step | undefined> {
  if (signal.aborted) return undefined;
  const { promise: stopped, resolve } = Promise.withResolvers<undefined>();
  const onAbort = () => resolve(undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([step, stopped]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Values and keys are UTF-8 JSON and text: shown as text, invalid bytes replaced. */
function toLine({ value, key, ...place }: TailedRecord) {
  return {
    ...place,
    ...(key === undefined ? {} : { key: Buffer.from(key).toString('utf8') }),
    value: Buffer.from(value).toString('utf8'),
  };
}
