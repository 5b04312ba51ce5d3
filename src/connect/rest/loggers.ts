import type { FastifyInstance } from 'fastify';
import type { LoggerStanding, Threshold } from '../../support/log-levels.ts';
import { isThreshold } from '../../support/log-levels.ts';
import { connectErrors } from './errors.ts';
import { asObject } from './requests.ts';

/** The loggers of this process. */
export interface Loggers {
  all(): Promise<Readonly<Record<string, LoggerStanding>>>;
  /** Sets a logger and those below it; resolves to their names. Throws LOGGER_UNKNOWN. */
  set(name: string, level: Threshold): Promise<readonly string[]>;
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
    if (!standing) throw connectErrors.CONNECT_NOT_FOUND(`Logger ${logger} not found.`);
    return shown(standing);
  });

  server.put<OneLogger>('/admin/loggers/:logger', async ({ params: { logger }, query, body }) => {
    const { level } = asObject(body);
    if (typeof level !== 'string') {
      throw connectErrors.CONNECT_REQUEST_INVALID("Desired 'level' parameter was not specified in request.");
    }
    const { scope = 'worker' } = query as { scope?: string };
    if (scope !== 'worker') {
      throw connectErrors.CONNECT_REQUEST_INVALID('Levels are set worker by worker; scope can only be worker.');
    }
    const threshold = level.toUpperCase();
    if (!isThreshold(threshold)) throw connectErrors.CONNECT_NOT_FOUND(`Invalid log level '${level.slice(0, 100)}'.`);
    const set = await loggers.set(logger, threshold);
    audit({ logger, level: threshold });
    return set;
  });
}

function shown({
  level,
  lastModified = null,
}: Omit<LoggerStanding, 'lastModified'> & { lastModified?: number | null }) {
  return { level, last_modified: lastModified };
}
