/**
 * The entry of one collector process among several. The process that started it owns signals,
 * configuration and operations; when that one is gone, this one stops in order by itself.
 */
import process from 'node:process';
import type { OpenLog } from '../log/open.ts';
import { openLog } from '../log/open.ts';
import { Channel } from '../support/channel.ts';
import { createLogger } from '../support/logger.ts';
import type { CollectingSnapshot } from './collecting.ts';
import { CollectorProcess } from './collecting.ts';
import type { LoadedConfiguration } from './configuration.ts';
import { configuredPartitions } from './topics.ts';

/** What the process can be asked. */
export type CollectorProcessCalls = {
  /** Takes events; resolves to the port. */
  listen(loaded: LoadedConfiguration): Promise<number>;
  snapshot(): Promise<CollectingSnapshot>;
  stop(): Promise<number>;
};

if (process.send) run();

function run(): void {
  let log: OpenLog | undefined;
  let collecting: CollectorProcess | undefined;
  const handlers: CollectorProcessCalls = {
    listen: async (loaded) => {
      const { configuration } = loaded;
      log = await openLog({
        config: configuration.log,
        directory: '',
        partitions: configuredPartitions(configuration),
        logging: configuration.logging,
      });
      const logger = createLogger(configuration.logging).child({ pid: process.pid });
      // The process that started this one starts another in its place.
      const onFailure = (error: Error) => {
        logger.error({ error: error.message }, 'the spool failed; this collector process ends');
        process.exit(1);
      };
      collecting = await CollectorProcess.open({ loaded, log, logger, onFailure });
      return collecting.listen();
    },
    snapshot: async () => {
      if (!collecting) throw new Error('not listening yet');
      return collecting.snapshot();
    },
    stop: async () => {
      const unsafe = (await collecting?.stop()) ?? 0;
      await log?.close();
      return unsafe;
    },
  };
  new Channel(
    {
      postMessage: (message) => process.send?.(message),
      on: (event, listener) => process.on(event, listener),
    },
    handlers,
  );
  // A signal to the whole group reaches the parent as well, which stops this one in order.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.on('disconnect', () => void handlers.stop().finally(() => process.exit()));
}
