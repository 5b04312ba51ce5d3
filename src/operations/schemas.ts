import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, FastifyTypeProvider, RawServerDefault } from 'fastify';
import type { Static, TSchema } from 'typebox';
import { Type } from '../config/json-schema.ts';

/** Lets a route's handler see what its schemas let through. */
interface FromSchemas extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
  serializer: unknown;
}

export type Server = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, FromSchemas>;

/** Names of topics, connectors and codes. */
const NAME = '^[A-Za-z0-9._-]{1,249}$';
const MOST_EVENTS = 1_000;
const MOST_VALUES = 100;
const MOST_CONDITIONS = 8;
/** What a condition may be: `field:value`, `maxLength` in code points. */
const CONDITION = { pattern: '^[^:\\u0000]{1,256}:[^\\u0000]*$', maxLength: 2_000 } as const;
const MOST_REPLAYED = 1_000;

const time = (description: string) =>
  Type.Optional(
    Type.String({ description: `${description}; RFC 3339 or milliseconds since the epoch`, maxLength: 40 }),
  );

const filter = {
  from: time('Event time, inclusive'),
  to: time('Event time, exclusive'),
  type: Type.Optional(Type.String({ description: 'Type of the event', minLength: 1, maxLength: 256 })),
  text: Type.Optional(
    Type.String({ description: 'Words that all occur in the event; `word*` finds what begins so', maxLength: 1_000 }),
  ),
  where: Type.Optional(
    Type.Array(Type.String({ description: '`field:value`', ...CONDITION }), {
      description: 'Fields (dotted paths) that have this value; may be repeated',
      maxItems: MOST_CONDITIONS,
    }),
  ),
};
const limit = (most: number, usual: number) =>
  Type.Integer({ description: 'Most to return', minimum: 1, maximum: most, default: usual });

/** The condition that a field has a value, unless it is none that `where` takes. */
export function conditionOf(field: string, value: string): string | undefined {
  const condition = `${field}:${value}`;
  const possible = new RegExp(CONDITION.pattern, 'u').test(condition) && [...condition].length <= CONDITION.maxLength;
  return possible ? condition : undefined;
}

export const eventFilter = Type.Object(filter, { additionalProperties: false });
export type EventFilterQuery = Static<typeof eventFilter>;

export const eventsQuery = Type.Object(
  {
    ...filter,
    limit: limit(MOST_EVENTS, 100),
    before: Type.Optional(
      Type.String({
        description: '`next` of an earlier page: continues with older events',
        minLength: 1,
        maxLength: 1_024,
      }),
    ),
  },
  { additionalProperties: false },
);

export const histogramQuery = Type.Object(
  {
    ...filter,
    interval: Type.Optional(
      Type.Integer({ description: 'Width of a bucket in milliseconds; else one is chosen', minimum: 1, maximum: 1e12 }),
    ),
  },
  { additionalProperties: false },
);

export const breakdownQuery = Type.Object(
  {
    ...filter,
    field: Type.String({ description: 'Dotted path of the field', pattern: '^[^\\u0000]+$', maxLength: 256 }),
    limit: limit(MOST_VALUES, 20),
  },
  { additionalProperties: false },
);

const event = Type.Object(
  { id: Type.String(), type: Type.String() },
  { description: 'An event as stored', additionalProperties: true },
);
const count = Type.Integer({ minimum: 0 });
const milliseconds = Type.Integer({ description: 'Milliseconds since the epoch' });
const countsBy = (what: string) => Type.Record(Type.String(), count, { description: `Counts by ${what}` });

export const eventsReply = Type.Object({ events: Type.Array(event), next: Type.Optional(Type.String()) });
export const histogramReply = Type.Object({
  from: milliseconds,
  to: milliseconds,
  intervalMs: Type.Integer(),
  buckets: Type.Array(Type.Object({ from: milliseconds, count })),
});
export const breakdownReply = Type.Object({
  field: Type.String(),
  values: Type.Array(
    Type.Object({
      value: Type.String(),
      count,
      where: Type.Optional(
        Type.String({
          description: 'The `where` that finds these events; absent if it would be longer than it may be',
        }),
      ),
    }),
  ),
});
export type BreakdownReply = Static<typeof breakdownReply>;

export const statusReply = Type.Object(
  {
    version: Type.String(),
    startedAt: milliseconds,
    now: milliseconds,
    log: Type.Object(
      { kind: Type.Union([Type.Literal('embedded'), Type.Literal('kafka')]), reachable: Type.Boolean() },
      { description: 'While the log is away, topics and lag are as last seen' },
    ),
    collector: Type.Optional(
      Type.Object(
        {
          ready: Type.Boolean(),
          requests: count,
          acceptedEvents: count,
          rejectedEvents: countsBy('code'),
          shedRequests: countsBy('cause'),
          bufferBytes: count,
          bufferLimitBytes: count,
          spoolBytes: count,
          spoolLimitBytes: count,
        },
        { description: 'Absent in a process that only loads' },
      ),
    ),
    accounting: Type.Object(
      {
        accepted: count,
        delivered: count,
        buffered: count,
        spooled: count,
        deadLettered: count,
        dropped: countsBy('cause'),
      },
      { description: 'Of the data directory: accepted = delivered + buffered + spooled + deadLettered + dropped' },
    ),
    topics: Type.Array(
      Type.Object({
        name: Type.String(),
        partitions: Type.Array(Type.Object({ partition: count, startOffset: count, endOffset: count })),
      }),
    ),
    connectors: Type.Array(
      Type.Object({
        name: Type.String(),
        sink: Type.String(),
        topics: Type.Array(Type.String()),
        state: Type.String({ description: "Kafka Connect's word" }),
        lag: count,
        loaded: count,
        duplicates: count,
        deadLettered: count,
        restarts: count,
        lastError: Type.Optional(
          Type.Object({ code: Type.Optional(Type.String()), message: Type.String(), at: milliseconds }),
        ),
      }),
    ),
  },
  { description: 'Counters are totals since the start: rates are their differences over `now`' },
);

const deadLetter = Type.Object({
  id: Type.String(),
  refusedBy: Type.String(),
  code: Type.String(),
  reason: Type.String(),
  at: milliseconds,
  source: Type.Optional(Type.Object({ topic: Type.String(), partition: count, offset: count })),
  payload: Type.String(),
});

const refusedBy = Type.String({ description: "A connector's name, or `collector`", pattern: NAME });
const deadLetterId = Type.String({ description: '`topic-partition-offset`', pattern: '^[A-Za-z0-9._-]{1,300}$' });

export const deadLettersQuery = Type.Object(
  {
    refusedBy: Type.Optional(refusedBy),
    code: Type.Optional(Type.String({ description: 'The code of the refusal', pattern: '^[A-Z0-9_]{1,100}$' })),
    text: Type.Optional(
      Type.String({ description: 'Is in the reason or the payload, in any case', minLength: 1, maxLength: 200 }),
    ),
    from: Type.Optional(
      Type.String({
        description: 'Refused at this time or later: RFC 3339 or milliseconds since the epoch',
        maxLength: 64,
      }),
    ),
    to: Type.Optional(Type.String({ description: 'Refused before this time', maxLength: 64 })),
    limit: limit(MOST_EVENTS, 100),
  },
  { additionalProperties: false },
);
export const purgeQuery = Type.Object(
  {
    refusedBy,
    before: Type.Optional(Type.String({ description: 'Only those refused before this time', maxLength: 64 })),
  },
  { additionalProperties: false },
);
export const purgeReply = Type.Object({ purged: count });
export const deadLettersReply = Type.Object({ deadLetters: Type.Array(deadLetter) });
export const deadLetterParams = Type.Object({ id: deadLetterId });
export const deadLetterReply = deadLetter;
export const replayBody = Type.Object(
  {
    refusedBy,
    ids: Type.Optional(
      Type.Array(deadLetterId, {
        description: 'Left out: all that have not been replayed',
        minItems: 1,
        maxItems: MOST_REPLAYED,
      }),
    ),
  },
  { additionalProperties: false },
);
export const replayReply = Type.Object({ replayed: count });

export const connectorParams = Type.Object({
  name: Type.String({ pattern: NAME }),
  action: Type.Union([Type.Literal('pause'), Type.Literal('resume'), Type.Literal('restart')]),
});
export const replayedParams = Type.Object({ name: Type.String({ pattern: NAME }) });
export const rangeBody = Type.Object(
  {
    from: Type.Integer({ description: 'Event time, inclusive, milliseconds since the epoch', minimum: 0 }),
    to: Type.Integer({ description: 'Event time, exclusive, milliseconds since the epoch', minimum: 0 }),
  },
  { additionalProperties: false },
);
export const replayStateReply = Type.Object({
  state: Type.String({ description: 'NONE, RUNNING, DONE or FAILED' }),
  done: count,
  all: Type.Integer({ description: 'Records to look at', minimum: 0 }),
  replayed: Type.Optional(
    Type.Object(
      { read: count, written: count, present: count, refused: count },
      { description: 'Of the range: read = written + present, which were in the store already, + refused' },
    ),
  ),
  error: Type.Optional(
    Type.Object({
      message: Type.String(),
      code: Type.Optional(Type.String()),
      decision: Type.Optional(Type.String()),
      help: Type.Optional(Type.String()),
    }),
  ),
});
export const tailParams = Type.Object({ topic: Type.String({ pattern: NAME }) });
export const tailQuery = Type.Object(
  {
    from: Type.Optional(
      Type.String({
        description: '`latest`, `earliest`, or a time in RFC 3339 or milliseconds since the epoch',
        maxLength: 40,
      }),
    ),
  },
  { additionalProperties: false },
);

/** What is no JSON. */
export const text = Type.String();
export const healthReply = Type.Object({
  status: Type.Union(['healthy', 'starting', 'unhealthy'].map((status) => Type.Literal(status))),
  message: Type.String(),
  instance: Type.String({ description: 'Which start of the program this is; another one has another' }),
});
export const errorReply = Type.Object(
  { error: Type.Object({ code: Type.String(), message: Type.String(), help: Type.String() }) },
  { description: 'What went wrong, and what to do about it' },
);
/** Every route may answer with an error. */
export const errors = { '4xx': errorReply, '5xx': errorReply } as const;
