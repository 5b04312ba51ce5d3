import type { FastifyReply } from 'fastify';
import type { Health } from '../../connect/rest/connectors.ts';
import type { Metrics } from '../metrics.ts';
import type { Questions } from '../questions.ts';
import type { Server } from '../schemas.ts';
import { errorReply, errors, healthReply, statusReply, tailParams, tailQuery, text } from '../schemas.ts';
import type { Operations, TailStart } from '../sources.ts';
import type { StatusStream } from '../status-stream.ts';
import type { TailStreams } from '../tail-stream.ts';
import { parseTime } from '../times.ts';

export interface LiveRoutes {
  readonly operations: Pick<Operations, 'instance' | 'status' | 'tail' | 'connect'>;
  readonly questions: Questions;
  readonly statusStream: StatusStream;
  readonly tails: TailStreams;
  readonly metrics: Metrics;
}

/** How a state of health is told, with the status codes of Kafka Connect (KIP-1017). */
const HEALTH = {
  healthy: { code: 200, message: 'This process is ready.' },
  starting: { code: 503, message: 'This process has not read yet which connectors there are.' },
  unhealthy: { code: 500, message: 'This process does not hear of changes of connectors; its log lines say why.' },
} as const satisfies Record<Health, object>;

/** What the program is doing now. */
export function registerLiveRoutes(server: Server, routes: LiveRoutes): void {
  const { operations, questions, statusStream, tails, metrics } = routes;
  const tags = ['status'];

  server.get(
    '/health',
    {
      schema: {
        tags,
        summary: 'Whether this process is ready: knows its connectors, if it loads',
        response: { 200: healthReply, 500: healthReply, 503: healthReply, '4xx': errorReply },
      },
    },
    async (_request, reply) => {
      const { connect, instance } = operations;
      const status = connect
        ? await questions.ask(() => connect.connectors.health()).catch((): Health => 'unhealthy')
        : 'healthy';
      const { code, message } = HEALTH[status];
      return reply.code(code).send({ status, message, instance });
    },
  );

  server.get(
    '/api/status',
    { schema: { tags, summary: 'Counters, lag, accounting', response: { 200: statusReply, ...errors } } },
    () => questions.ask(() => operations.status()),
  );

  server.get(
    '/api/status/stream',
    {
      schema: {
        tags,
        summary: 'The status once a second, as server-sent events',
        description: 'Events `status` carry the status; `unavailable` carry an error and stand in for it.',
        response: {
          200: { description: 'Server-sent events', content: { 'text/event-stream': { schema: text } } },
          ...errors,
        },
      },
    },
    (_request, reply) => {
      statusStream.checkRoom();
      takeOver(reply, 'text/event-stream');
      statusStream.add(reply.raw);
    },
  );

  server.get(
    '/api/tail/:topic',
    {
      schema: {
        tags: ['topics'],
        summary: 'Records of a topic as they come',
        description:
          'One JSON object a line: topic, partition, offset, timestamp, headers, key, value (text). Empty lines are heartbeats; a failure is the last line, `{"error": …}`.',
        params: tailParams,
        querystring: tailQuery,
        response: { 200: { description: 'Records', content: { 'application/x-ndjson': { schema: text } } }, ...errors },
      },
    },
    async ({ params: { topic }, query: { from } }, reply) => {
      const start = parseStart(from);
      const tail = await tails.start((signal) => operations.tail(topic, start, signal));
      takeOver(reply, 'application/x-ndjson');
      void tail.sendTo(reply.raw);
    },
  );

  server.get(
    '/metrics',
    {
      schema: {
        tags,
        summary: 'Metrics for Prometheus',
        response: { 200: { description: 'Text exposition', content: { 'text/plain': { schema: text } } }, ...errors },
      },
    },
    async (_request, reply) => {
      const exposition = await questions.ask(async () => metrics.text(await operations.status()));
      return reply.type(metrics.contentType).serializer(String).send(exposition);
    },
  );
}

/** From here on the stream writes the response itself. */
function takeOver(reply: FastifyReply, contentType: string): void {
  reply.hijack();
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': contentType,
    'cache-control': 'no-store',
    // Else a proxy such as nginx would hold the events back.
    'x-accel-buffering': 'no',
  });
  reply.raw.flushHeaders();
}

function parseStart(from: string | undefined): TailStart {
  if (from === undefined || from === 'latest') return 'latest';
  return from === 'earliest' ? 'earliest' : parseTime('from', from);
}
