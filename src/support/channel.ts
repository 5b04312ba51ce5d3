import type { Transferable } from 'node:worker_threads';
import type { PlainError } from './errors.ts';
import { fromPlainError, toPlainError } from './errors.ts';

/** What one end of a channel can be asked: names to functions, awaited if they are asynchronous. */
// biome-ignore lint/suspicious/noExplicitAny: the arguments are typed at each use by the handlers' own types
export type Handlers = Record<string, (...args: any[]) => unknown>;

type Message =
  | { readonly kind: 'call'; readonly id: number; readonly name: string; readonly args: readonly unknown[] }
  | { readonly kind: 'tell'; readonly name: string; readonly args: readonly unknown[] }
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: PlainError };

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** The part of MessagePort, Worker and parentPort that a channel needs. */
export interface Port {
  postMessage(message: unknown, transfer?: readonly Transferable[]): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
}

/**
 * Calls between threads: either end calls the other's handlers by name and gets a promise.
 * Errors keep their codes. Messages arrive in the order they were sent.
 */
export class Channel<Theirs extends Handlers> {
  readonly #port: Port;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #closed: Error | undefined;

  constructor(port: Port, mine: Handlers = {}) {
    this.#port = port;
    port.on('message', (message) => void this.#receive(message as Message, mine));
  }

  /** Calls the other end. Rejects with its error, or when the channel closes first. */
  call<K extends keyof Theirs & string>(
    name: K,
    args: Parameters<Theirs[K]>,
    transfer: readonly Transferable[] = [],
  ): Promise<Awaited<ReturnType<Theirs[K]>>> {
    if (this.#closed) return Promise.reject(this.#closed);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#port.postMessage({ kind: 'call', id, name, args } satisfies Message, transfer);
    });
  }

  /** Calls the other end without waiting for, or hearing of, the outcome. */
  tell<K extends keyof Theirs & string>(name: K, ...args: Parameters<Theirs[K]>): void {
    if (!this.#closed) this.#port.postMessage({ kind: 'tell', name, args } satisfies Message);
  }

  /** The other end is gone: every call under way, and every later one, rejects with `reason`. */
  fail(reason: Error): void {
    this.#closed ??= reason;
    for (const waiting of this.#waiting.values()) waiting.reject(reason);
    this.#waiting.clear();
  }

  async #receive(message: Message, mine: Handlers): Promise<void> {
    if (message.kind === 'answer') {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error) waiting?.reject(fromPlainError(message.error));
      else waiting?.resolve(message.value);
      return;
    }
    const handler = mine[message.name];
    if (message.kind === 'tell') {
      await handler?.(...message.args);
      return;
    }
    try {
      if (!handler) throw new Error(`no handler ${message.name}`);
      const value = await handler(...message.args);
      this.#port.postMessage({ kind: 'answer', id: message.id, value } satisfies Message);
    } catch (error) {
      this.#port.postMessage({ kind: 'answer', id: message.id, error: toPlainError(error) } satisfies Message);
    }
  }
}
