import { Agent, request } from 'node:http';

/** What a client learned of one request. */
export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** What became of each event, in order, where the answer says it of each: some may be uncertain, others accepted. */
  readonly results?: readonly { readonly status: string }[];
}

/** A request that is not answered by then never will be: every wait of the collector is shorter. */
const ANSWER_MS = 60_000;

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
          timeout: ANSWER_MS,
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const { statusCode: status = 0, headers } = response;
            const results = status === 200 ? resultsIn(Buffer.concat(chunks)) : undefined;
            resolve({ status, retryAfter: headers['retry-after'], ...(results ? { results } : {}) });
          });
          response.on('error', () => resolve(undefined));
        },
      );
      sent.on('timeout', () => sent.destroy());
      sent.on('error', () => resolve(undefined));
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function resultsIn(body: Buffer): Answer['results'] {
  return (JSON.parse(body.toString()) as Pick<Answer, 'results'>).results;
}

/** Those of the ids, sent in this order, that the answer acknowledges. */
export function acknowledgedIn(answer: Answer | undefined, ids: readonly string[]): readonly string[] {
  if (answer?.status !== 200 && answer?.status !== 204) return [];
  const { results } = answer;
  return results ? ids.filter((_, index) => results[index]?.status === 'accepted') : ids;
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
