/** The paths there are, each with what OpenAPI says of it. */
import { Type } from '../config/json-schema.ts';
import { eventSchema } from '../event/schema.ts';
import { ALL_FAULTS } from './errors.ts';
import { selectQuery } from './protocols/select.ts';

const code = Type.Unsafe<string>({ type: 'string', enum: ALL_FAULTS });

/** The body of every error. */
export const errorSchema = Type.Object(
  { error: Type.Object({ code, message: Type.String(), help: Type.String() }, { additionalProperties: false }) },
  { additionalProperties: false, description: 'What is wrong, and what to do about it.' },
);

export const resultsSchema = Type.Object(
  {
    results: Type.Array(
      Type.Union([
        Type.Object({ status: Type.Literal('accepted'), id: Type.String() }, { additionalProperties: false }),
        Type.Object({ status: Type.Literal('rejected'), code, reason: Type.String() }, { additionalProperties: false }),
        Type.Object(
          { status: Type.Literal('uncertain'), id: Type.String(), code, reason: Type.String() },
          { additionalProperties: false, description: 'Not confirmed in time: send it again with this id.' },
        ),
      ]),
      { description: 'What became of each event, in the order sent.' },
    ),
  },
  { additionalProperties: false },
);

export const progressSchema = Type.Object(
  { log: Type.Boolean(), files: Type.Boolean(), search: Type.Boolean() },
  { additionalProperties: false, description: 'Which places have the event.' },
);

const aliveSchema = Type.Object({ alive: Type.Literal(true) }, { additionalProperties: false });
const readySchema = Type.Object({ ready: Type.Literal(true) }, { additionalProperties: false });
const openapiSchema = Type.Object({ openapi: Type.String() }, { additionalProperties: true });
const batchSchema = Type.Union([eventSchema, Type.Array(eventSchema, { minItems: 1 })]);

/** A reply: what it means, and the schema of its body if it has one. */
interface ReplyDescription {
  readonly description: string;
  readonly schemas?: readonly object[];
  readonly retryAfter?: true;
}

interface Operation {
  readonly summary: string;
  readonly query?: { readonly properties: Readonly<Record<string, object>>; readonly required?: readonly string[] };
  /** Path parameters by name. */
  readonly path?: Readonly<Record<string, object>>;
  readonly body?: Readonly<Record<string, object>>;
  readonly replies: Readonly<Record<number, ReplyDescription>>;
}

export interface RouteDescription {
  readonly GET?: Operation;
  readonly POST?: Operation;
  /** Whether HEAD is answered like GET: not where GET takes an event. */
  readonly head: boolean;
}

const error = (description: string): ReplyDescription => ({ description, schemas: [errorSchema] });
const busy = (description: string): ReplyDescription => ({ ...error(description), retryAfter: true });

/** What any request may be answered, whatever its path. */
const ANY = {
  400: error('Not a valid request.'),
  408: error('The request took too long to arrive.'),
  414: error('The URL is too long.'),
  417: error('An expectation other than 100-continue.'),
  431: error('The headers are too large.'),
  500: error('Something failed here.'),
  503: busy('The collector is full or stopping, or the log is away. Nothing was taken.'),
};

export const PROGRESS_PATH = '/v1/events/{id}/progress';

export const routes = {
  '/api/select': {
    head: false,
    GET: {
      summary: 'Take the event that a colour was chosen',
      query: selectQuery,
      replies: { ...ANY, 204: { description: 'Taken.' }, 413: error('The event is too large.') },
    },
  },
  '/v1/events': {
    head: false,
    POST: {
      summary: 'Take one event, an array of events, or one event a line; optionally compressed',
      body: {
        'application/json': batchSchema,
        'application/x-ndjson': Type.String({ description: 'One event a line.' }),
        'text/plain': Type.String({ description: 'Any of the other forms, as sendBeacon sends it.' }),
      },
      replies: {
        ...ANY,
        200: { description: 'Some events of the batch were not taken.', schemas: [resultsSchema] },
        204: { description: 'All taken.' },
        400: {
          description: 'Nothing was taken: the request or all its events are bad.',
          schemas: [errorSchema, resultsSchema],
        },
        413: error('The body, the batch or the event is too large.'),
        415: error('A content type or encoding that is not taken.'),
      },
    },
  },
  [PROGRESS_PATH]: {
    head: false,
    GET: {
      summary: 'How far an event has come; only where the demo is switched on',
      path: { id: Type.String({ description: 'The id of the event.' }) },
      replies: {
        ...ANY,
        200: { description: 'Where it is.', schemas: [progressSchema] },
        404: error('No such event.'),
        429: busy('This client asks too often.'),
      },
    },
  },
  '/healthz': {
    head: true,
    GET: {
      summary: 'Whether the process is alive',
      replies: { ...ANY, 200: { description: 'It is.', schemas: [aliveSchema] } },
    },
  },
  '/readyz': {
    head: true,
    GET: {
      summary: 'Whether an event would be taken now',
      replies: { ...ANY, 200: { description: 'It would.', schemas: [readySchema] } },
    },
  },
  '/openapi.json': {
    head: true,
    GET: {
      summary: 'This document',
      replies: { ...ANY, 200: { description: 'OpenAPI 3.1.', schemas: [openapiSchema] } },
    },
  },
} as const satisfies Readonly<Record<string, RouteDescription>>;

export type RoutePath = keyof typeof routes;

export const routePaths: ReadonlySet<string> = new Set(Object.keys(routes));

/** The methods of a path as the header Allow has them. */
export function allowedMethods(path: RoutePath): string {
  const route: RouteDescription = routes[path];
  return [route.GET ? 'GET' : '', route.head ? 'HEAD' : '', route.POST ? 'POST' : '', 'OPTIONS']
    .filter((method) => method !== '')
    .join(', ');
}
