import type { ServerResponse } from 'node:http';
import type { Clock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import { operationsErrors, toErrorReply } from './errors.ts';
import type { Status } from './status.ts';

const EVERY_MS = 1_000;
const MOST_WATCHERS = 32;
/** A watcher that leaves this much unread has stopped reading; it may come again. */
const MOST_UNREAD_BYTES = 256 * 1024;

/**
 * Sends the status to everyone who watches, once a second. It is read once for all of them, and
 * only while someone watches. While it can't be read, an event `unavailable` stands in for it,
 * which also serves as the heartbeat that tells a quiet connection from a dead one.
 */
export class StatusStream {
  readonly #read: () => Promise<Status>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #watchers = new Set<ServerResponse>();
  readonly #closed = new AbortController();
  #running = false;
  #last = '';

  constructor(options: { readonly read: () => Promise<Status>; readonly clock: Clock; readonly logger: Logger }) {
    this.#read = options.read;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Throws OPERATIONS_BUSY before anything is sent. */
  checkRoom(): void {
    if (this.#watchers.size < MOST_WATCHERS) return;
    throw operationsErrors.OPERATIONS_BUSY(`${MOST_WATCHERS} watchers are there already.`);
  }

  /** Takes over the response; its headers have been sent. */
  add(response: ServerResponse): void {
    this.#watchers.add(response);
    response.on('close', () => this.#watchers.delete(response));
    // The comment makes the browser's stream open at once, before the first status is there.
    response.write(': millrace status\nretry: 2000\n\n');
    if (this.#running) response.write(this.#last);
    else void this.#run();
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  close(): void {
    this.#closed.abort();
    for (const watcher of this.#watchers) watcher.end();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#watchers.size > 0 && !this.#closed.signal.aborted) {
      this.#last = await this.#next();
      this.#send(this.#last);
      await this.#clock.sleep(EVERY_MS, this.#closed.signal);
    }
    this.#running = false;
    this.#last = '';
  }

  async #next(): Promise<string> {
    try {
      return `event: status\ndata: ${JSON.stringify(await this.#read())}\n\n`;
    } catch (error) {
      this.#logger.warn({ err: error }, 'the status could not be read');
      return `event: unavailable\ndata: ${JSON.stringify(toErrorReply(error).body)}\n\n`;
    }
  }

  #send(message: string): void {
    for (const watcher of this.#watchers) {
      if (watcher.writableLength > MOST_UNREAD_BYTES) watcher.destroy();
      else watcher.write(message);
    }
  }
}
