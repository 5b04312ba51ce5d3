/** What happens to a request once its headers are there. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Stamp } from '../event/event.ts';
import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import type { Judged, Pipeline } from './admission.ts';
import { faultOfCause } from './admission.ts';
import type { BodyResult } from './body.ts';
import { BodyReader, HeldBytes, isKnownEncoding } from './body.ts';
import type { ClientAddresses } from './client-address.ts';
import { truncateAddress } from './client-address.ts';
import type { CollectorConfig } from './config.ts';
import { countFault } from './counters.ts';
import type { BodyFormat } from './decode.ts';
import { decodeBody, formatOf } from './decode.ts';
import type { Fault, RequestFault } from './errors.ts';
import { hasBody, linger } from './linger.ts';
import type { EventsReply } from './protocols/events.ts';
import { admitJudged, takeEvents } from './protocols/events.ts';
import { judgeSelect } from './protocols/select.ts';
import { RateLimit } from './rate-limit.ts';
import type { Replies, RepliesByOrigin } from './replies.ts';
import type { RoutePath } from './routes.ts';
import { allowedMethods, PROGRESS_PATH, routePaths } from './routes.ts';
import { rawHeader, UserAgents } from './user-agent.ts';

/** How far an event has come: whether each place has it. */
export interface EventProgress {
  readonly log: boolean;
  readonly files: boolean;
  readonly search: boolean;
}

/** A static page or a part of one. */
export interface Page {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export interface HandlerOptions {
  readonly config: CollectorConfig;
  readonly pipeline: Pipeline;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly replies: RepliesByOrigin;
  readonly addresses: ClientAddresses;
  readonly openapi: Buffer;
  readonly pages?: ((path: string) => Page | undefined) | undefined;
  readonly progress?: ((id: string, signal: AbortSignal) => Promise<EventProgress | undefined>) | undefined;
  readonly stopping: () => boolean;
}

const SELECT_PATH: RoutePath = '/api/select';
/** How long the answer to a question after progress may take, in milliseconds. */
const PROGRESS_DEADLINE_MS = 2000;
export class RequestHandler {
  readonly #options: HandlerOptions;
  readonly #pipeline: Pipeline;
  readonly #replies: RepliesByOrigin;
  readonly #userAgents = new UserAgents();
  readonly #held: HeldBytes;
  readonly #progressLimit: RateLimit;
  readonly #urlBytes: number;
  /** Whose body is being read; a connection reads one at a time. */
  readonly #reading = new Map<Socket, BodyReader>();
  /** Connections with a request that waits for the log. */
  readonly #waiting = new Set<Socket>();

  constructor(options: HandlerOptions) {
    this.#options = options;
    this.#pipeline = options.pipeline;
    this.#replies = options.replies;
    const { limits } = options.config;
    this.#held = new HeldBytes(limits.heldBytes);
    this.#progressLimit = new RateLimit(limits.progressPerSecond, options.clock);
    this.#urlBytes = limits.urlBytes;
  }

  /** Bytes of bodies in memory. */
  get heldBytes(): number {
    return this.#held.held;
  }

  /** Answers a request. Never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#pipeline.counters.requests++;
    if (this.#options.stopping()) response.shouldKeepAlive = false;
    try {
      const url = request.url ?? '/';
      const mark = url.indexOf('?');
      const path = mark === -1 ? url : url.slice(0, mark);
      if (url.length > this.#urlBytes) this.#refuse(request, response, 'URL_TOO_LONG');
      else if (path === SELECT_PATH && request.method === 'GET')
        this.#select(request, response, mark === -1 ? '' : url.slice(mark));
      else this.#route(request, response, path);
    } catch (error) {
      this.#failed(request, response, error);
    }
  }

  /** Answers 417: node found an Expect that is not 100-continue. */
  refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
    this.#pipeline.counters.requests++;
    this.#refuse(request, response, 'EXPECTATION_UNSUPPORTED');
  }

  /**
   * A connection went wrong. Whoever still sends a body is answered through its response; one
   * that waits for the log is not, since replies must keep their order. Returns whether the
   * connection is dealt with.
   */
  connectionFailed(socket: Socket, fault: RequestFault): boolean {
    const reader = this.#reading.get(socket);
    if (reader) reader.settle(fault);
    return reader !== undefined || this.#waiting.has(socket);
  }

  #select(request: IncomingMessage, response: ServerResponse, query: string): void {
    const judged = judgeSelect(query, this.#stamp(request), this.#pipeline);
    this.#answer(request, response, this.#admitOne(judged));
  }

  /** Admission of one event without the work that a batch takes. */
  #admitOne(judged: Judged): EventsReply | Promise<EventsReply> {
    return admitJudged([judged], true, this.#pipeline);
  }

  #route(request: IncomingMessage, response: ServerResponse, path: string): void {
    const replies = this.#replies.of(request);
    const method = request.method ?? '';
    const route = this.#routeOf(path);
    if (route !== undefined) {
      const allow = allowedMethods(route);
      if (method === 'OPTIONS') replies.options(response, allow);
      else if (!allow.split(', ').includes(method)) {
        countFault(this.#pipeline.counters, 'METHOD_NOT_ALLOWED');
        replies.methodNotAllowed(response, allow);
      } else this.#dispatch(route, request, response, replies, path);
      return;
    }
    const page = method === 'GET' || method === 'HEAD' ? this.#options.pages?.(path) : undefined;
    if (page) replies.page(response, page.body, page.headers);
    else if (method === 'OPTIONS') replies.options(response, 'OPTIONS');
    else this.#refuse(request, response, 'NOT_FOUND');
  }

  #routeOf(path: string): RoutePath | undefined {
    if (path.startsWith('/v1/events/') && path.endsWith('/progress')) {
      return this.#options.progress === undefined ? undefined : PROGRESS_PATH;
    }
    return path !== PROGRESS_PATH && routePaths.has(path) ? (path as RoutePath) : undefined;
  }

  #dispatch(
    route: RoutePath,
    request: IncomingMessage,
    response: ServerResponse,
    replies: Replies,
    path: string,
  ): void {
    if (route === '/v1/events') this.#events(request, response);
    else if (route === '/healthz') replies.json(response, 200, ALIVE);
    else if (route === '/readyz') this.#ready(request, response, replies);
    else if (route === '/openapi.json') replies.json(response, 200, this.#options.openapi);
    else this.#progress(request, response, replies, path);
  }

  #ready(request: IncomingMessage, response: ServerResponse, replies: Replies): void {
    const readiness = this.#options.stopping() ? STOPPING : this.#pipeline.intake.readiness();
    if (readiness.ready) replies.json(response, 200, READY);
    else this.#replies.of(request).fault(response, faultOfCause(readiness.cause));
  }

  #events(request: IncomingMessage, response: ServerResponse): void {
    const { headers } = request;
    const { limits } = this.#options.config;
    const length = Number(headers['content-length'] ?? 0);
    const readiness = this.#pipeline.intake.readiness(Math.min(length, limits.bodyBytes));
    const format = formatOf(headers['content-type']);
    const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
    if (!readiness.ready) this.#refuse(request, response, faultOfCause(readiness.cause));
    else if (format === undefined) this.#refuse(request, response, 'TYPE_UNSUPPORTED');
    else if (!isKnownEncoding(encoding)) this.#refuse(request, response, 'ENCODING_UNSUPPORTED');
    else if (length > limits.bodyBytes) this.#refuse(request, response, 'BODY_TOO_LARGE');
    else {
      if (headers.expect !== undefined) response.writeContinue();
      const { socket } = request;
      const done = (result: BodyResult) => {
        this.#reading.delete(socket);
        if (result !== 'aborted') this.#bodyRead(request, response, result, format);
      };
      this.#reading.set(socket, new BodyReader(request, { encoding, limits, held: this.#held, done }));
    }
  }

  /** Never throws: it is called by streams. */
  #bodyRead(
    request: IncomingMessage,
    response: ServerResponse,
    result: Buffer | RequestFault,
    format: BodyFormat,
  ): void {
    try {
      const body =
        typeof result === 'string' ? result : decodeBody(result, format, this.#options.config.limits.batchEvents);
      if (typeof body === 'string') this.#refuse(request, response, body);
      else this.#answer(request, response, takeEvents(body, this.#stamp(request), this.#pipeline));
    } catch (error) {
      this.#failed(request, response, error);
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse, reply: EventsReply | Promise<EventsReply>): void {
    if (!(reply instanceof Promise)) {
      this.#send(request, response, reply);
      return;
    }
    const { socket } = request;
    this.#waiting.add(socket);
    reply
      .then((settled) => this.#send(request, response, settled))
      .catch((error: unknown) => this.#failed(request, response, error))
      .finally(() => this.#waiting.delete(socket));
  }

  #send(request: IncomingMessage, response: ServerResponse, reply: EventsReply): void {
    const replies = this.#replies.of(request);
    if (reply.kind === 'accepted') replies.accepted(response);
    else if (reply.kind === 'results') replies.results(response, reply.status, reply.results);
    else replies.fault(response, reply.fault, reply.retryAfterSeconds);
  }

  #progress(request: IncomingMessage, response: ServerResponse, replies: Replies, path: string): void {
    const { progress, addresses } = this.#options;
    const id = eventIdOf(path);
    if (!this.#progressLimit.allows(addresses.of(request) ?? '')) this.#refuse(request, response, 'TOO_MANY_REQUESTS');
    else if (progress === undefined || id === undefined) this.#refuse(request, response, 'EVENT_UNKNOWN');
    else {
      progress(id, AbortSignal.timeout(PROGRESS_DEADLINE_MS))
        .then((found) => {
          if (found) replies.json(response, 200, Buffer.from(JSON.stringify(found)));
          else this.#refuse(request, response, 'EVENT_UNKNOWN');
        })
        .catch((error: unknown) => this.#failed(request, response, error));
    }
  }

  #stamp(request: IncomingMessage): Stamp {
    const { config, clock, addresses } = this.#options;
    const address = config.clientAddress ? addresses.of(request) : undefined;
    return {
      receivedAt: clock.now(),
      userAgentJson: this.#userAgents.toJson(rawHeader(request.rawHeaders, 'user-agent')),
      clientAddress: address === undefined ? undefined : truncateAddress(address),
    };
  }

  /**
   * Refuses a request whole. One whose body has not come to its end gets the reply at once, and a
   * moment to read it: a connection closed over unread bytes is reset, which can take the reply along.
   */
  #refuse(request: IncomingMessage, response: ServerResponse, fault: Fault): void {
    if (response.headersSent || response.destroyed) return;
    countFault(this.#pipeline.counters, fault);
    const replies = this.#replies.of(request);
    if (request.complete || !hasBody(request)) replies.fault(response, fault);
    else {
      replies.beginFault(response, fault);
      linger(request, () => response.end());
    }
  }

  /** A fault of ours. The log line holds nothing of the request. */
  #failed(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    this.#options.logger.error({ error: messageOf(error) }, 'a request could not be answered');
    if (response.headersSent) response.destroy();
    else this.#refuse(request, response, 'INTERNAL');
  }
}

const ALIVE = Buffer.from('{"alive":true}');
const READY = Buffer.from('{"ready":true}');
const STOPPING = { ready: false, cause: 'stopping' } as const;

/** `/v1/events/{id}/progress` → id; `undefined` where it is none. */
function eventIdOf(path: string): string | undefined {
  try {
    const id = decodeURIComponent(path.slice('/v1/events/'.length, -'/progress'.length));
    return /^[ -~]{1,128}$/.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
