/** A TCP proxy between a client and a server, that misbehaves as networks do. */
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What one direction of a connection may hold back before it stops reading. */
const HELD_BYTES = 1024 * 1024;

type Mode = 'pass' | 'swallow' | 'cut';

/** How long the way between client and server is, and how wide, in each direction. */
interface Line {
  readonly delayMs: number;
  readonly bytesPerSecond: number;
}

const LOOPBACK: Line = { delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };

/**
 * Starts with `pass`. The target may be named later: servers that advertise the proxy's address
 * start after it.
 */
export class FaultProxy {
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #target: string | undefined;
  #mode: Mode = 'pass';
  #line = LOOPBACK;

  private constructor(target: string | undefined) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  /** Listens on a free port of the loopback, or on the given one; `target` is a `host:port`. */
  static async start({
    target,
    port = 0,
  }: {
    readonly target?: string;
    readonly port?: number;
  } = {}): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(port, '127.0.0.1', resolve);
    });
    return proxy;
  }

  /** `host:port` that clients connect to. */
  get address(): string {
    const bound = this.#server.address();
    if (bound === null || typeof bound === 'string') throw new Error('the proxy is closed');
    return `127.0.0.1:${bound.port}`;
  }

  /** Open connections of clients. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Sends new connections to this `host:port`. */
  to(target: string): void {
    this.#target = target;
  }

  /** Forwards, without delay. A connection that lost bytes to {@link swallow} stays as dead as it is. */
  pass(): void {
    this.#mode = 'pass';
    this.#line = LOOPBACK;
  }

  /** Takes connections and bytes and does nothing with them, in both directions: a half-open network. */
  swallow(): void {
    this.#mode = 'swallow';
    for (const connection of this.#connections) connection.swallow();
  }

  /** Resets every connection, those to come included. */
  cut(): void {
    this.#mode = 'cut';
    for (const connection of this.#connections) connection.reset();
  }

  /** Forwards every piece this many milliseconds after it came, in order, in both directions. */
  delay(ms: number): void {
    this.#mode = 'pass';
    this.#line = { ...this.#line, delayMs: ms };
  }

  /** Forwards no more than so many bytes a second in each direction of a connection: a narrow line. */
  narrow(bytesPerSecond: number): void {
    this.#mode = 'pass';
    this.#line = { ...this.#line, bytesPerSecond };
  }

  async close(): Promise<void> {
    this.cut();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    if (this.#mode === 'cut' || this.#target === undefined) {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const target = this.#mode === 'swallow' ? undefined : this.#target;
    const connection = new Connection(client, target, () => this.#line);
    this.#connections.add(connection);
    client.once('close', () => this.#connections.delete(connection));
  }
}

/** A client's connection and, unless it was swallowed from its start, ours to the server. */
class Connection {
  readonly #client: Socket;
  readonly #server: Socket | undefined;
  #swallowing: boolean;

  constructor(client: Socket, target: string | undefined, line: () => Line) {
    this.#client = client;
    this.#swallowing = target === undefined;
    client.on('error', () => this.reset());
    // An ordinary end was forwarded already, or soon will be; any other must not leave the server waiting.
    client.once('close', (failed) => {
      if (failed || this.#swallowing) this.#server?.destroy();
    });
    if (target === undefined) {
      client.resume();
      return;
    }
    const { hostname, port } = new URL(`tcp://${target}`);
    const server = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    this.#server = server;
    server.on('error', () => {
      // The client of a swallowed connection is not told that the server is gone.
      if (!this.#swallowing) this.reset();
    });
    this.#forward(client, server, line);
    this.#forward(server, client, line);
  }

  swallow(): void {
    this.#swallowing = true;
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#server?.resetAndDestroy();
  }

  #forward(from: Socket, to: Socket, line: () => Line): void {
    let held = 0;
    let last: Promise<void> = Promise.resolve();
    /** When the line has carried all that came before. */
    let free = 0;
    /** Does it when its time has come, after all that was to come before. */
    const later = (bytes: number, action: () => void) => {
      const { delayMs, bytesPerSecond } = line();
      const carriedMs = (bytes / bytesPerSecond) * 1_000;
      const due = Math.max(performance.now() + delayMs, carriedMs > 0 ? free : 0) + carriedMs;
      free = due;
      last = last.then(async () => {
        const rest = due - performance.now();
        if (rest > 0) await sleep(rest);
        if (!this.#swallowing && to.writable) action();
      });
      return last;
    };
    from.on('data', (piece) => {
      if (this.#swallowing) return;
      held += piece.length;
      if (held + to.writableLength > HELD_BYTES) from.pause();
      void later(piece.length, () => to.write(piece)).then(() => {
        held -= piece.length;
        if (held + to.writableLength <= HELD_BYTES) from.resume();
      });
    });
    to.on('drain', () => from.resume());
    from.once('end', () => void later(0, () => to.end()));
  }
}
