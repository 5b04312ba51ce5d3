import type { EventFilter, EventQuery, FieldValue } from '../../sinks/event-query.ts';
import type { Clock } from '../../support/clock.ts';
import { operationsErrors } from '../errors.ts';
import type { Questions } from '../questions.ts';
import type { EventFilterQuery, Server } from '../schemas.ts';
import {
  breakdownQuery,
  breakdownReply,
  conditionOf,
  errors,
  eventsQuery,
  eventsReply,
  histogramQuery,
  histogramReply,
} from '../schemas.ts';
import { checkInterval, chooseInterval, parseTime } from '../times.ts';

/** How far back a histogram goes when it isn't told. */
const USUAL_RANGE_MS = 24 * 60 * 60 * 1_000;

export interface EventRoutes {
  readonly query: EventQuery | undefined;
  readonly questions: Questions;
  readonly clock: Clock;
}

/** Questions about loaded events. */
export function registerEventRoutes(server: Server, { query, questions, clock }: EventRoutes): void {
  const ask = <T>(question: (store: EventQuery) => Promise<T>): Promise<T> => {
    if (!query) throw operationsErrors.SEARCH_NOT_CONFIGURED('No configured store can be searched.');
    return questions.ask(() => question(query));
  };
  const tags = ['events'];

  server.get(
    '/api/events',
    {
      schema: {
        tags,
        summary: 'Find events, newest first',
        querystring: eventsQuery,
        response: { 200: eventsReply, ...errors },
      },
    },
    ({ query: { limit, before, ...filter } }) =>
      ask((store) => store.events(toFilter(filter), before === undefined ? { limit } : { limit, before })),
  );

  server.get(
    '/api/events/histogram',
    {
      schema: {
        tags,
        summary: 'Count events by time',
        description: 'Without `from`: the 24 hours before `to`. Without `to`: until now. Empty buckets are left out.',
        querystring: histogramQuery,
        response: { 200: histogramReply, ...errors },
      },
    },
    async ({ query: { interval, ...rest } }) => {
      const filter = toFilter(rest);
      const to = filter.to ?? clock.now();
      const from = filter.from ?? Math.max(0, to - USUAL_RANGE_MS);
      checkRange(from, to);
      const intervalMs = interval ?? chooseInterval(from, to);
      checkInterval(from, to, intervalMs);
      const buckets = await ask((store) => store.histogram({ ...filter, from, to }, intervalMs));
      return { from, to, intervalMs, buckets };
    },
  );

  server.get(
    '/api/events/breakdown',
    {
      schema: {
        tags,
        summary: 'Count events by the values of a field',
        querystring: breakdownQuery,
        response: { 200: breakdownReply, ...errors },
      },
    },
    async ({ query: { field, limit, ...filter } }) => ({
      field,
      values: (await ask((store) => store.breakdown(toFilter(filter), field, limit))).map((item) => {
        const where = conditionOf(field, item.value);
        return where === undefined ? item : { ...item, where };
      }),
    }),
  );
}

function toFilter({ from, to, type, text, where }: EventFilterQuery): EventFilter {
  const filter = {
    ...(from === undefined ? {} : { from: parseTime('from', from) }),
    ...(to === undefined ? {} : { to: parseTime('to', to) }),
    ...(type === undefined ? {} : { type }),
    ...(text === undefined || text.trim() === '' ? {} : { text }),
    ...(where === undefined ? {} : { where: where.map(toFieldValue) }),
  };
  if (filter.from !== undefined && filter.to !== undefined) checkRange(filter.from, filter.to);
  return filter;
}

function toFieldValue(condition: string): FieldValue {
  const colon = condition.indexOf(':');
  return { field: condition.slice(0, colon), value: condition.slice(colon + 1) };
}

function checkRange(from: number, to: number): void {
  if (from >= to) throw operationsErrors.REQUEST_INVALID('from must be before to.');
}
