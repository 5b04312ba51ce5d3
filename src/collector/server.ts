/**
 * The collector: an HTTP server that does nothing but take events.
 *
 *     listen ──▶ taking events ──▶ stopAccepting ──▶ drain ──▶ close
 *
 * It stands on bare node:http, whose parser is all of a framework that the hot path needs.
 */
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { parseAddress } from '../config/address.ts';
import type { Intake } from '../delivery/intake.ts';
import type { RoutedTopic } from '../event/routing.ts';
import { Router } from '../event/routing.ts';
import { eventHeaders } from '../log/log.ts';
import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import { http } from '../support/node-http.ts';
import { ClientAddresses } from './client-address.ts';
import type { CollectorConfig } from './config.ts';
import type { CollectorCounters } from './counters.ts';
import { countFault, createCounters } from './counters.ts';
import type { RequestFault } from './errors.ts';
import { collectorErrors } from './errors.ts';
import type { EventProgress, Page } from './handler.ts';
import { RequestHandler } from './handler.ts';
import { openapiDocument } from './openapi.ts';
import { RepliesByOrigin } from './replies.ts';
import type { JsonSchema } from './schemas.ts';
import { EventSchemas } from './schemas.ts';

export interface CollectorOptions {
  readonly config: CollectorConfig;
  /** Topics by name. */
  readonly topics: Readonly<Record<string, RoutedTopic>>;
  /** JSON Schemas by type, parsed. */
  readonly schemas?: ReadonlyMap<string, JsonSchema>;
  readonly intake: Intake;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Static pages by path, such as the demo at `/`. */
  readonly pages?: (path: string) => Page | undefined;
  /** How far an event has come; `undefined` for one that is not known. Without it the path does not exist. */
  readonly progress?: (id: string, signal: AbortSignal) => Promise<EventProgress | undefined>;
}

/** A collector. What it takes goes to its intake before the client hears of it. */
export interface Collector {
  readonly counters: CollectorCounters;
  /** Whether requests are taken: from `listen` to `stopAccepting`. */
  readonly accepting: boolean;
  /** Bytes of request bodies in memory. */
  readonly heldBytes: number;
  /** Opens the port. Throws LISTEN_FAILED. */
  listen(): Promise<{ readonly port: number }>;
  /** No new connections; idle ones are closed, the others after their reply. `/readyz` says 503. */
  stopAccepting(): void;
  /** Resolves when all connections are gone, or when `signal` is aborted. */
  drain(signal: AbortSignal): Promise<void>;
  /** Cuts whatever is left. */
  close(): Promise<void>;
}

/** How often node looks for connections that take too long; a limit is overrun by this at most. */
const CHECK_INTERVAL_MS = 500;
/** Headers of one request; node drops those beyond without a word, so far beyond any real client's. */
const MAX_HEADERS = 500;

/** A collector, not yet listening. Throws SCHEMA_INVALID or PROXY_INVALID. */
export function createCollector(options: CollectorOptions): Collector {
  return new HttpCollector(options);
}

class HttpCollector implements Collector {
  readonly counters = createCounters();
  readonly #config: CollectorConfig;
  readonly #logger: Logger;
  readonly #replies: RepliesByOrigin;
  readonly #handler: RequestHandler;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections over the limit, told so and about to go. */
  readonly #turnedAway = new WeakSet<Socket>();
  #accepting = false;
  #stopping = false;

  constructor(options: CollectorOptions) {
    const { config, topics, schemas, intake, clock, logger, pages, progress } = options;
    const { limits, time } = config;
    this.#config = config;
    this.#logger = logger;
    this.#replies = new RepliesByOrigin(config.origins);
    this.#handler = new RequestHandler({
      ...{ config, clock, logger, pages, progress },
      replies: this.#replies,
      addresses: new ClientAddresses(config.trustedProxies),
      openapi: Buffer.from(JSON.stringify(openapiDocument())),
      stopping: () => this.#stopping,
      pipeline: {
        intake,
        counters: this.counters,
        schemas: new EventSchemas(schemas ?? new Map()),
        router: new Router({ topics, unknownTypes: config.unknownTypes, headersOf: eventHeaders }),
        rules: {
          ...{ bytes: limits.eventBytes, depth: limits.depth, fields: limits.fields },
          ...{ pastMs: time.past, futureMs: time.future },
        },
      },
    });
    this.#server = http.createServer({
      maxHeaderSize: limits.urlBytes + limits.headerBytes,
      headersTimeout: Math.min(limits.headerTime, limits.requestTime),
      requestTimeout: limits.requestTime,
      keepAliveTimeout: limits.keepAlive,
      connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, limits.headerTime),
      noDelay: true,
    });
    this.#server.maxHeadersCount = MAX_HEADERS;
    // Cuts whoever does not read replies; longer than anything else may take.
    this.#server.timeout = limits.requestTime + config.deliveryTimeout + CHECK_INTERVAL_MS;
    this.#listenForRequests();
  }

  get accepting(): boolean {
    return this.#accepting;
  }

  get heldBytes(): number {
    return this.#handler.heldBytes;
  }

  async listen(): Promise<{ readonly port: number }> {
    try {
      this.#server.listen(parseAddress(this.#config.listen));
      await once(this.#server, 'listening');
    } catch (error) {
      throw collectorErrors.LISTEN_FAILED(`Cannot listen on ${this.#config.listen}: ${messageOf(error)}.`, {
        cause: error,
      });
    }
    this.#server.on('error', (error) =>
      this.#logger.error({ error: error.message }, 'the HTTP server reports an error'),
    );
    this.#accepting = true;
    return { port: (this.#server.address() as AddressInfo).port };
  }

  stopAccepting(): void {
    this.#accepting = false;
    this.#stopping = true;
    if (this.#server.listening) this.#server.close();
    this.#server.closeIdleConnections();
  }

  async drain(signal: AbortSignal): Promise<void> {
    while (this.#sockets.size > 0 && !signal.aborted) {
      const [socket] = this.#sockets;
      await once(socket!, 'close', { signal }).catch(() => {});
    }
  }

  async close(): Promise<void> {
    this.stopAccepting();
    const closed = [...this.#sockets].map((socket) => once(socket, 'close'));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.allSettled(closed);
  }

  #listenForRequests(): void {
    const server = this.#server;
    const handle = (request: IncomingMessage, response: ServerResponse) => {
      if (this.#sockets.has(request.socket)) this.#handler.handle(request, response);
    };
    server.on('request', handle);
    // The handler itself says "100 Continue", once the headers have passed.
    server.on('checkContinue', handle);
    server.on('checkExpectation', (request, response) => this.#handler.refuseExpectation(request, response));
    server.on('connection', (socket) => this.#connected(socket));
    server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) => {
      this.#clientFailed(error, socket as Socket);
    });
    // CONNECT comes without a response; node would cut it without a word.
    server.on('connect', (_request, socket) => this.#refuseSocket(socket as Socket, 'METHOD_NOT_ALLOWED'));
  }

  #connected(socket: Socket): void {
    if (this.#sockets.size >= this.#config.limits.connections) {
      this.#turnedAway.add(socket);
      countFault(this.counters, 'CONNECTIONS_FULL');
      socket.end(this.#replies.unknown.raw('CONNECTIONS_FULL'));
      socket.destroySoon();
      return;
    }
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  /** What node's parser or its clock found wrong, answered in our own words. */
  #clientFailed(error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Socket): void {
    if (this.#turnedAway.has(socket)) return;
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || !socket.writable) {
      socket.destroy();
      return;
    }
    const fault = faultOfClientError(error, this.#config.limits.urlBytes);
    if (this.#handler.connectionFailed(socket, fault)) return;
    this.#refuseSocket(socket, fault);
  }

  /** Answers on a connection whose request never became one, and closes it. */
  #refuseSocket(socket: Socket, fault: RequestFault): void {
    this.counters.requests++;
    countFault(this.counters, fault);
    socket.on('error', () => {});
    socket.end(this.#replies.unknown.raw(fault));
    socket.destroySoon();
  }
}

const METHOD_AND_SPACE = /^[A-Z]+ /;

function faultOfClientError(error: NodeJS.ErrnoException & { rawPacket?: Buffer }, urlBytes: number): RequestFault {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'REQUEST_TIMEOUT';
  if (error.code !== 'HPE_HEADER_OVERFLOW') return 'HTTP_INVALID';
  // The parser counts request line and headers together; a first line without an end in sight is the URL's fault.
  const packet = error.rawPacket?.toString('latin1') ?? '';
  const lineEnd = packet.indexOf('\r\n');
  const longLine = lineEnd === -1 || lineEnd > urlBytes;
  return METHOD_AND_SPACE.test(packet) && longLine ? 'URL_TOO_LONG' : 'HEADERS_TOO_LARGE';
}
