import { operationsErrors } from '../errors.ts';
import type { Questions } from '../questions.ts';
import type { Server } from '../schemas.ts';
import {
  connectorParams,
  deadLetterParams,
  deadLetterReply,
  deadLettersQuery,
  deadLettersReply,
  errors,
  purgeQuery,
  purgeReply,
  rangeBody,
  replayBody,
  replayedParams,
  replayReply,
  replayStateReply,
} from '../schemas.ts';
import type { ConnectorControl, DeadLetterStore } from '../sources.ts';
import { parseTime } from '../times.ts';

export interface ControlRoutes {
  readonly deadLetters: DeadLetterStore;
  readonly connectors: ConnectorControl;
  readonly questions: Questions;
}

/** What an operator changes: connectors' states, and dead letters given back. */
export function registerControlRoutes(server: Server, { deadLetters, connectors, questions }: ControlRoutes): void {
  const tags = ['dead letters'];

  server.get(
    '/api/dead-letters',
    {
      schema: {
        tags,
        summary: 'List dead letters, newest first',
        querystring: deadLettersQuery,
        response: { 200: deadLettersReply, ...errors },
      },
    },
    async ({ query: { from, to, ...filter } }) => {
      const times = { ...timeOf('from', from), ...timeOf('to', to) };
      return { deadLetters: await questions.ask(() => deadLetters.list({ ...filter, ...times })) };
    },
  );

  server.delete(
    '/api/dead-letters',
    {
      schema: {
        tags,
        summary: 'Drop dead letters for good: all, or those refused before a time',
        querystring: purgeQuery,
        response: { 200: purgeReply, ...errors },
      },
    },
    async ({ query: { refusedBy, before } }) => ({
      purged: await questions.ask(() => deadLetters.purge({ refusedBy, ...timeOf('before', before) })),
    }),
  );

  server.get(
    '/api/dead-letters/:id',
    {
      schema: {
        tags,
        summary: 'Show a dead letter',
        params: deadLetterParams,
        response: { 200: deadLetterReply, ...errors },
      },
    },
    async ({ params: { id } }) => {
      const found = await questions.ask(() => deadLetters.show(id));
      if (!found) throw operationsErrors.DEAD_LETTER_UNKNOWN(`There is no dead letter ${id}.`);
      return found;
    },
  );

  server.post(
    '/api/dead-letters/replay',
    {
      schema: {
        tags,
        summary: 'Give dead letters to the connector that refused them once more',
        body: replayBody,
        response: { 200: replayReply, ...errors },
      },
    },
    async ({ body: { refusedBy, ids } }) => ({
      replayed: await questions.ask(() => deadLetters.replay(ids === undefined ? { refusedBy } : { refusedBy, ids })),
    }),
  );

  const replayUrl = '/api/connectors/:name/replay';
  const replayTags = ['connectors'];

  server.post(
    replayUrl,
    {
      schema: {
        tags: replayTags,
        summary: 'Load a time range into a store that holds an event once, once more',
        params: replayedParams,
        body: rangeBody,
        response: { 202: { description: 'Begun', type: 'null' }, ...errors },
      },
    },
    async ({ params: { name }, body }, reply) => {
      await questions.ask(() => connectors.replay(name, body));
      return reply.code(202).send();
    },
  );

  server.get(
    replayUrl,
    {
      schema: {
        tags: replayTags,
        summary: 'How far the last replay is',
        params: replayedParams,
        response: { 200: replayStateReply, ...errors },
      },
    },
    ({ params: { name } }) => questions.ask(() => connectors.replayState(name)),
  );

  server.delete(
    replayUrl,
    {
      schema: {
        tags: replayTags,
        summary: 'End the replay under way',
        params: replayedParams,
        response: { 204: { description: 'None is under way', type: 'null' }, ...errors },
      },
    },
    async ({ params: { name } }, reply) => {
      await questions.ask(() => connectors.stopReplay(name));
      return reply.code(204).send();
    },
  );

  server.route({
    method: ['POST', 'PUT'],
    url: '/api/connectors/:name/:action',
    schema: {
      tags: ['connectors'],
      summary: 'Pause, resume or restart a connector',
      params: connectorParams,
      response: { 204: { description: 'Done', type: 'null' }, ...errors },
    },
    handler: async ({ params: { name, action } }, reply) => {
      await questions.ask(() => connectors[action](name));
      return reply.code(204).send();
    },
  });
}

function timeOf<Name extends string>(name: Name, text: string | undefined): { readonly [K in Name]?: number } {
  return text === undefined ? {} : ({ [name]: parseTime(name, text) } as { [K in Name]: number });
}
