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
  replayBody,
  replayReply,
} from '../schemas.ts';
import type { ConnectorControl, DeadLetterStore } from '../sources.ts';

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
    async ({ query: { refusedBy, limit } }) => ({
      deadLetters: await questions.ask(() =>
        deadLetters.list(refusedBy === undefined ? { limit } : { refusedBy, limit }),
      ),
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
