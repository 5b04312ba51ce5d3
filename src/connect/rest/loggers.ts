import type { FastifyInstance } from 'fastify';
import type { LoggerStanding, Threshold } from '../../support/log-levels.ts';
import { isThreshold } from '../../support/log-levels.ts';
import { isLoggerName } from '../store/level-record.ts';
import { connectErrors } from './errors.ts';
import { asObject } from './requests.ts';

/** The loggers of this process. */
export interface Loggers {
  all(): Promise<Readonly<Record<string, LoggerStanding>>>;
  /** Sets a logger and those below it; resolves to the names of those that had another level. Throws LOGGER_UNKNOWN. */
  set(name: string, level: Threshold): Promise<readonly string[]>;
  /** Tells all workers to do so, each where it has such a logger. */
  setEverywhere(name: string, level: Threshold): Promise<void>;
}

interface OneLogger {
  readonly Params: { readonly logger: string };
}

/** What is worth a line, changed while the program runs (KIP-495, KIP-976). */
export function loggerRoutes(server: FastifyInstance, loggers: Loggers, audit: (fields: object) => void): void {
  server.get('/admin/loggers', async () =>
    Object.fromEntries(Object.entries(await loggers.all()).map(([name, standing]) => [name, shown(standing)])),
  );

  server.get<OneLogger>('/admin/loggers/:logger', async ({ params: { logger } }) => {
    const all = new Map(Object.entries(await loggers.all()));
    const standing = all.get(logger);
    if (!standing) throw unknown(logger);
    return shown(standing);
  });

  server.put<OneLogger>('/admin/loggers/:logger', async ({ params: { logger }, query, body }, reply) => {
    const { level } = asObject(body);
    if (typeof level !== 'string') {
      throw connectErrors.CONNECT_REQUEST_INVALID("Desired 'level' parameter was not specified in request.");
    }
    const { scope = 'worker' } = query as { scope?: string };
    if (scope !== 'worker' && scope !== 'cluster') {
      throw connectErrors.CONNECT_REQUEST_INVALID('scope must be worker or cluster.');
    }
    const threshold = level.toUpperCase();
    if (!isThreshold(threshold)) throw connectErrors.CONNECT_NOT_FOUND(`Invalid log level '${level.slice(0, 100)}'.`);
    if (scope === 'cluster') {
      if (!isLoggerName(logger)) throw unknown(logger);
      await loggers.setEverywhere(logger, threshold);
      audit({ logger, to: threshold, scope });
      return reply.code(204).send();
    }
    const set = await loggers.set(logger, threshold);
    audit({ logger, to: threshold, scope });
    return set;
  });
}

function unknown(logger: string): Error {
  return connectErrors.CONNECT_NOT_FOUND(`Logger ${logger} not found.`);
}

function shown({ level, lastModified }: LoggerStanding): object {
  return { level, last_modified: lastModified ?? null };
}
