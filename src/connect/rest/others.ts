import type { FastifyInstance } from 'fastify';
import { connectErrors } from './errors.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * Refuses, in the form of Kafka Connect's errors, what is none of its calls: other methods of paths
 * that there are, and other paths below these. To be called before the routes are made; it returns
 * what is to be called after.
 */
export function refuseOthers(server: FastifyInstance, below: readonly string[]): () => void {
  const methodsOf = new Map<string, Set<string>>();
  server.addHook('onRoute', ({ url, method }) => {
    const methods = methodsOf.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    methodsOf.set(url, methods);
  });
  return () => {
    for (const [url, methods] of [...methodsOf]) {
      const others = METHODS.filter((method) => !methods.has(method));
      server.route({
        method: others,
        url,
        handler: async (_request, reply) => {
          reply.header('allow', [...methods].join(', '));
          throw connectErrors.CONNECT_METHOD_UNKNOWN('HTTP 405 Method Not Allowed');
        },
      });
    }
    for (const path of below) {
      server.all(`${path}/*`, async () => {
        throw connectErrors.CONNECT_NOT_FOUND('HTTP 404 Not Found');
      });
    }
  };
}
