import { existsSync } from 'node:fs';
import path from 'node:path';
import type { LoadedConfiguration } from '../app/configuration.ts';
import type { Configuration } from '../app/definition.ts';
import { configuredPartitions } from '../app/topics.ts';
import type { OpenLog } from '../log/open.ts';
import { openLog } from '../log/open.ts';
import { MillraceError } from '../support/errors.ts';
import { cliErrors } from './command.ts';

/** Where the embedded log is. */
export function logDirectory({ data }: Configuration): string {
  return path.resolve(data, 'log');
}

/**
 * Opens the configured log, but makes none. Whoever asked closes it.
 *
 * @throws NOT_REACHABLE where nothing was ever stored, LOG_BUSY
 */
export async function openExistingLog({ configuration }: LoadedConfiguration): Promise<OpenLog> {
  const { data, log: config, logging } = configuration;
  const directory = logDirectory(configuration);
  if (config.embedded && !existsSync(directory)) throw cliErrors.NOT_REACHABLE(`${path.resolve(data)} holds no log.`);
  try {
    return await openLog({
      config,
      directory,
      partitions: configuredPartitions(configuration),
      logging: { ...logging, level: 'error' },
    });
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'LOG_IN_USE') throw error;
    throw cliErrors.LOG_BUSY(error.message, { cause: error });
  }
}
