import { Agent, request } from 'node:http';

/** What a client learned of one request. */
export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

/** A client from outside: events by plain HTTP, each with an id of its own, as a page would send them. */
export class Client {
  readonly #url: URL;
  readonly #agent: Agent;

  constructor(collector: string, connections: number) {
    this.#url = new URL('/v1/events', collector);
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** Resolves to the answer, or to `undefined` when there was none: the connection broke. */
  send(body: string): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      const sent = request(
        this.#url,
        {
          method: 'POST',
          agent: this.#agent,
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        },
        (response) => {
          response.resume();
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] }),
          );
          response.on('error', () => resolve(undefined));
        },
      );
      sent.on('error', () => resolve(undefined));
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

const COLORS = ['red', 'green', 'blue', 'teal', 'orange', 'violet', 'black', 'white'];

/** An event of about 300 bytes with distinct values. */
export function sampleEvent(id: string, number: number): Record<string, unknown> {
  return {
    id,
    type: number % 3 === 0 ? 'page-view' : 'select-color',
    timestamp: new Date().toISOString(),
    userName: `user ${number} ${(number * 2654435761) % 100_000}`,
    colorName: COLORS[number % COLORS.length],
    page: `/products/${number % 977}`,
  };
}
