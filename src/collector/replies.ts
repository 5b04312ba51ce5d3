/**
 * Replies, made ahead: a reply on the hot path is one lookup. What a client is told never holds
 * what it sent, apart from the ids of its events.
 */
import type { ServerResponse } from 'node:http';
import { http } from '../support/node-http.ts';
import type { Fault } from './errors.ts';
import { ALL_FAULTS, faultError, statusOf } from './errors.ts';

/** Seconds a client is told to wait where nothing better is known. */
const RETRY_AFTER_SECONDS = 1;

const JSON_TYPE = ['Content-Type', 'application/json; charset=utf-8', 'X-Content-Type-Options', 'nosniff'] as const;

/** How long a browser may remember a preflight: two hours, the most that Chromium takes. */
const PREFLIGHT_SECONDS = '7200';

/** What became of one event of a batch. */
export type EventResult =
  | { readonly status: 'accepted'; readonly id: string }
  | { readonly status: 'rejected'; readonly code: Fault; readonly reason: string }
  /** Only at `acknowledge: delivered`: it may still arrive; to be sent again with this id. */
  | { readonly status: 'uncertain'; readonly id: string; readonly code: Fault; readonly reason: string };

interface FaultReply {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** The replies that pages of one origin get. */
export class Replies {
  readonly #accepted: readonly string[];
  readonly #common: readonly string[];
  readonly #faults: ReadonlyMap<Fault, FaultReply>;

  /** `cors`: header names and values that let the page read the reply. */
  constructor(cors: readonly string[]) {
    this.#accepted = [...cors, 'Cache-Control', 'no-store'];
    this.#common = [...cors, 'Access-Control-Expose-Headers', 'Retry-After', 'Cache-Control', 'no-store'];
    this.#faults = new Map(ALL_FAULTS.map((fault) => [fault, this.#faultReply(fault)]));
  }

  /** 204: taken. */
  accepted(response: ServerResponse): void {
    response.writeHead(204, this.#accepted as string[]);
    response.end();
  }

  /** The reply of a fault. `retryAfterSeconds` only where the fault is one of load. */
  fault(response: ServerResponse, fault: Fault, retryAfterSeconds?: number): void {
    const { status, headers, body } = this.#faults.get(fault)!;
    response.writeHead(status, withRetryAfter(headers, retryAfterSeconds));
    response.end(body);
  }

  /** Says the fault at once, and leaves it to the caller to end the reply once the client has had time to read it. */
  beginFault(response: ServerResponse, fault: Fault): void {
    const { status, headers, body } = this.#faults.get(fault)!;
    response.writeHead(status, [...headers, 'Connection', 'close']);
    response.write(body);
  }

  /** 405, with the methods there are. */
  methodNotAllowed(response: ServerResponse, allow: string): void {
    const { status, headers, body } = this.#faults.get('METHOD_NOT_ALLOWED')!;
    response.writeHead(status, [...headers, 'Allow', allow]);
    response.end(body);
  }

  results(response: ServerResponse, status: number, results: readonly EventResult[]): void {
    this.json(response, status, Buffer.from(JSON.stringify({ results })));
  }

  json(response: ServerResponse, status: number, body: Buffer): void {
    response.writeHead(status, [...this.#common, ...JSON_TYPE, 'Content-Length', String(body.length)]);
    response.end(body);
  }

  /** A static page: `headers` are its own. */
  page(response: ServerResponse, body: Uint8Array, headers: Readonly<Record<string, string>>): void {
    response.writeHead(200, [...Object.entries(headers).flat(), 'Content-Length', String(body.length)]);
    response.end(body);
  }

  /** The answer to OPTIONS, and so to a preflight. */
  options(response: ServerResponse, allow: string): void {
    response.writeHead(204, [
      ...this.#accepted,
      ...['Allow', allow, 'Access-Control-Allow-Methods', allow],
      ...['Access-Control-Allow-Headers', 'Content-Type, Content-Encoding'],
      ...['Access-Control-Max-Age', PREFLIGHT_SECONDS],
    ]);
    response.end();
  }

  /** A whole reply as bytes, for a socket whose request never became one. */
  raw(fault: Fault): Buffer {
    const { status, headers, body } = this.#faults.get(fault)!;
    let head = `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n`;
    for (let index = 0; index < headers.length; index += 2) head += `${headers[index]}: ${headers[index + 1]}\r\n`;
    return Buffer.concat([Buffer.from(`${head}Connection: close\r\n\r\n`, 'latin1'), body]);
  }

  #faultReply(fault: Fault): FaultReply {
    const status = statusOf(fault);
    const { code, message, help } = faultError(fault);
    const body = Buffer.from(JSON.stringify({ error: { code, message, help } }));
    const headers = [...this.#common, ...JSON_TYPE, 'Content-Length', String(body.length)];
    const busy = status === 429 || status === 503;
    return { status, headers: busy ? [...headers, 'Retry-After', String(RETRY_AFTER_SECONDS)] : headers, body };
  }
}

function withRetryAfter(headers: readonly string[], seconds: number | undefined): string[] {
  if (seconds === undefined || headers.at(-2) !== 'Retry-After') return headers as string[];
  return [...headers.slice(0, -1), String(Math.max(1, Math.ceil(seconds)))];
}

/** One set of replies an allowed origin. */
export class RepliesByOrigin {
  readonly #any: Replies | undefined;
  readonly #allowed: ReadonlyMap<string, Replies>;
  readonly #other: Replies;

  constructor(origins: readonly string[]) {
    this.#any = origins.includes('*') ? new Replies(['Access-Control-Allow-Origin', '*']) : undefined;
    this.#allowed = new Map(
      origins.map((origin) => [origin, new Replies(['Access-Control-Allow-Origin', origin, 'Vary', 'Origin'])]),
    );
    this.#other = new Replies(['Vary', 'Origin']);
  }

  /** The replies for a request, by its header Origin. */
  of(request: { readonly headers: { readonly origin?: string | undefined } }): Replies {
    return this.#any ?? this.#allowed.get(request.headers.origin ?? '') ?? this.#other;
  }

  /** The replies for a client whose origin is not known. */
  get unknown(): Replies {
    return this.#any ?? this.#other;
  }
}
