import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import swagger from '@fastify/swagger';
import type { FastifyError, FastifyInstance } from 'fastify';
import fastify from 'fastify';
import type { Address } from '../config/address.ts';
import { parseAddress, urlOf } from '../config/address.ts';
import type { Connectors } from '../connect/rest/connectors.ts';
import type { Loggers } from '../connect/rest/loggers.ts';
import { connectElsewhere, connectRoutes } from '../connect/rest/routes.ts';
import type { Assets } from '../support/assets.ts';
import { loadAssets, replyWithAsset } from '../support/assets.ts';
import type { Clock } from '../support/clock.ts';
import { MillraceError, messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import { Access, SECURITY_HEADERS } from './access.ts';
import type { OperationsConfig } from './config.ts';
import type { ErrorReply } from './errors.ts';
import { operationsErrors, toErrorReply } from './errors.ts';
import { Metrics } from './metrics.ts';
import { Questions } from './questions.ts';
import { registerControlRoutes } from './routes/control.ts';
import { registerEventRoutes } from './routes/events.ts';
import { registerLiveRoutes } from './routes/live.ts';
import type { Server } from './schemas.ts';
import type { Operations } from './sources.ts';
import { StatusStream } from './status-stream.ts';
import { TailStreams } from './tail-stream.ts';

const BODY_BYTES = 512 * 1024;
const HEADER_BYTES = 16 * 1024;
/** A few dashboards, tails and scrapes; more is a mistake or an attack. */
const MOST_CONNECTIONS = 256;
const RECEIVE_MS = 10_000;
const KEEP_ALIVE_MS = 5_000;
/** How often Node looks whose time is over; by itself it takes 30 s. */
const LOOK_MS = 2_000;
const RETRY_AFTER_S = 2;

export interface OperationsServerOptions {
  readonly config: OperationsConfig;
  readonly operations: Operations;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface OperationsServer {
  /** Starts to answer. Rejects with the system's error, such as EADDRINUSE. */
  listen(): Promise<OperationsAddress>;
  /** Ends every stream and stops answering. */
  close(): Promise<void>;
  /** Answers a request without a socket. */
  readonly inject: Server['inject'];
}

export interface OperationsAddress extends Address {
  /** Base for requests from this machine, without a slash at its end. */
  readonly url: string;
}

/** The server that operators meet: dashboard, operations API, metrics. */
export function createOperationsServer({
  config,
  operations,
  logger,
  clock,
}: OperationsServerOptions): OperationsServer {
  const server = createServer(new Access(config), logger);
  const questions = new Questions(clock);
  const statusStream = new StatusStream({ read: () => questions.ask(() => operations.status()), clock, logger });
  const tails = new TailStreams(clock);

  server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Millrace operations', version: '1', description: 'Ask and steer a running Millrace.' },
      ...(config.token === undefined
        ? {}
        : {
            components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
            security: [{ token: [] }],
          }),
    },
  });
  server.register(async () => {
    registerEventRoutes(server, { query: operations.query, questions, clock });
    registerLiveRoutes(server, { operations, questions, statusStream, tails, metrics: new Metrics() });
    registerControlRoutes(server, {
      deadLetters: operations.deadLetters,
      connectors: operations.connectors,
      questions,
    });
    server.get('/openapi.json', { schema: { hide: true } }, async () => server.swagger());
    registerPages(server, operations.connect);
  });
  server.register(async (scope) => {
    const plugin = scope as unknown as FastifyInstance;
    const loggers = guarded(operations.loggers, questions);
    if (!operations.connect) return connectElsewhere(plugin, { loggers, logger });
    const { connectors, version } = operations.connect;
    return connectRoutes(plugin, { connectors: guarded(connectors, questions), loggers, version, logger });
  });

  return {
    async listen() {
      try {
        await server.listen(parseAddress(config.listen));
      } catch (error) {
        throw operationsErrors.OPERATIONS_LISTEN_FAILED(`Cannot listen on ${config.listen}: ${messageOf(error)}.`, {
          cause: error,
        });
      }
      const { address: host, port } = server.server.address() as AddressInfo;
      return { host, port, url: urlOf({ host, port }) };
    },
    async close() {
      statusStream.close();
      tails.close();
      await server.close();
    },
    inject: server.inject.bind(server) as Server['inject'],
  };
}

function createServer(access: Access, logger: Logger): Server {
  const server = fastify({
    bodyLimit: BODY_BYTES,
    forceCloseConnections: true,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: RECEIVE_MS,
    http: { maxHeaderSize: HEADER_BYTES, headersTimeout: RECEIVE_MS, connectionsCheckingInterval: LOOK_MS },
    // As Kafka Connect does, whose clients may end a path so.
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: true },
    // Unknown parameters are faults: a misspelled filter must not silently find everything.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: 'array' } },
    clientErrorHandler: refuseConnection,
    logger: false,
  }) as unknown as Server;
  server.server.maxConnections = MOST_CONNECTIONS;
  // The schemas describe answers; what is in an event is the sites' own business.
  server.setSerializerCompiler(() => (data) => JSON.stringify(data));
  server.removeContentTypeParser('text/plain');

  server.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    if (request.routeOptions.url !== '/*') reply.header('cache-control', 'no-store');
    // The pages hold no data, and are open; what Kafka Connect's clients ask at the same path is not.
    const route = asksConnect(request) ? '' : (request.routeOptions.url ?? '');
    access.check({ method: request.method, route, headers: request.headers });
  });
  server.setNotFoundHandler(() => {
    throw operationsErrors.NOT_FOUND('There is nothing here.');
  });
  server.setErrorHandler((error, request, reply) => {
    const { status, body } = toReply(error as FastifyError);
    if (status >= 500) {
      const { method, routeOptions } = request;
      logger.warn({ err: error, method, route: routeOptions.url, code: body.error.code }, 'a question failed');
    }
    if (status === 503) reply.header('retry-after', RETRY_AFTER_S);
    if (status === 401) reply.header('www-authenticate', 'Bearer realm="millrace"');
    return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body));
  });
  return server;
}

/** The framework's own refusals are the caller's mistakes: they get our code, and keep their status and sentence. */
function toReply(error: FastifyError): ErrorReply {
  const { statusCode = error.validation ? 400 : 500 } = error;
  if (error instanceof MillraceError || statusCode >= 500) return toErrorReply(error);
  const invalid = operationsErrors.REQUEST_INVALID(`The request is not valid: ${error.message}.`);
  return { ...toErrorReply(invalid), status: statusCode };
}

/** Refuses what is no HTTP, too long in its headers or too slow, in the form of every other error. */
function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = STATUS_OF_CONNECTION_ERROR[error.code ?? ''] ?? '400 Bad Request';
  const body = JSON.stringify(toErrorReply(operationsErrors.REQUEST_INVALID('The request can not be read.')).body);
  const headers = `content-type: application/json; charset=utf-8\r\ncontent-length: ${body.length}\r\nconnection: close`;
  socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${body}`);
}

const STATUS_OF_CONNECTION_ERROR: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** The same, each call with a deadline. */
function guarded<T extends Connectors | Loggers>(source: T, questions: Questions): T {
  const calls = Object.entries(source) as [string, (...args: never[]) => Promise<unknown>][];
  return Object.fromEntries(
    calls.map(([name, call]) => [name, (...args: never[]) => questions.ask(() => call(...args))]),
  ) as unknown as T;
}

/** Read when the first person comes: what strips the scripts' types is larger than all else in this thread. */
function registerPages(server: Server, connect: Operations['connect']): void {
  let dashboard: Assets | undefined;
  server.get('/*', { schema: { hide: true } }, async (request, reply) => {
    const pathname = pathOf(request);
    if (connect && asksConnect(request)) {
      return { version: connect.version, commit: 'unknown', kafka_cluster_id: await connect.connectors.logId() };
    }
    dashboard ??= loadDashboard();
    const asset = dashboard.get(pathname === '/' ? 'index.html' : pathname.slice(1));
    if (!asset) throw operationsErrors.NOT_FOUND('There is nothing here.');
    const { status, headers, body } = replyWithAsset(asset, request.headers['if-none-match']);
    return reply.code(status).headers(headers).send(body);
  });
}

/**
 * Whether a client of Kafka Connect asks who it talks to, rather than a browser for the dashboard: browsers alone name
 * HTML, while clients name JSON, anything or nothing.
 */
function asksConnect(request: { readonly url: string; readonly headers: IncomingHttpHeaders }): boolean {
  return pathOf(request) === '/' && !request.headers.accept?.includes('text/html');
}

function pathOf({ url }: { readonly url: string }): string {
  const [path = '/'] = url.split('?');
  return path;
}

function loadDashboard(): Assets {
  const uplot = (name: string) => fileURLToPath(import.meta.resolve(`uplot/dist/${name}`));
  return loadAssets(fileURLToPath(new URL('../../pages/dashboard', import.meta.url)), {
    extra: [
      { name: 'uplot.js', file: uplot('uPlot.esm.js'), specifier: 'uplot' },
      { name: 'uplot.css', file: uplot('uPlot.min.css') },
    ],
  });
}
