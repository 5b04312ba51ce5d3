/**
 * The thread of one connector: its loader and its sink, apart from the thread that answers HTTP
 * and from every other connector.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { LoaderConfig } from '../loader/config.ts';
import type { ConnectorSnapshot } from '../loader/connector.ts';
import { Connector } from '../loader/connector.ts';
import type { LogShare } from '../log/open.ts';
import { connectLog } from '../log/open.ts';
import type { SinkKind } from '../sinks/registry.ts';
import { sinks } from '../sinks/registry.ts';
import { Channel } from '../support/channel.ts';
import { systemClock } from '../support/clock.ts';
import type { LoggerOptions } from '../support/logger.ts';
import { createLogger } from '../support/logger.ts';

/** What the thread is started with; plain data. */
export interface ConnectorThreadData {
  readonly name: string;
  readonly kind: SinkKind;
  /** The sink's own part of the configuration. */
  readonly sinkConfig: unknown;
  readonly loaderConfig: LoaderConfig;
  readonly topics: readonly string[];
  /** Event types that the configuration names. */
  readonly namedTypes: readonly string[];
  readonly dataDirectory: string;
  readonly log: LogShare;
  readonly logging: LoggerOptions;
}

/** What the thread can be asked. */
export type ConnectorThread = {
  snapshot(): ConnectorSnapshot;
  pause(): void;
  resume(): void;
  restart(): void;
  stop(): Promise<void>;
};

if (parentPort) await run(parentPort, workerData as ConnectorThreadData);

async function run(port: NonNullable<typeof parentPort>, data: ConnectorThreadData): Promise<void> {
  const logger = createLogger(data.logging).child({ connector: data.name });
  const log = await connectLog(data.log);
  const connector = new Connector({
    name: data.name,
    topics: data.topics,
    log,
    config: data.loaderConfig,
    clock: systemClock,
    logger,
    createSink: (deadLetters) =>
      sinks[data.kind].create(
        data.sinkConfig as never,
        {
          connector: data.name,
          admin: log.admin,
          deadLetters,
          clock: systemClock,
          logger,
          dataDirectory: data.dataDirectory,
        },
        { namedTypes: data.namedTypes },
      ),
  });
  const handlers: ConnectorThread = {
    snapshot: () => connector.snapshot,
    pause: () => connector.pause(),
    resume: () => connector.resume(),
    restart: () => connector.restart(),
    stop: async () => {
      await connector.stop();
      await log.close();
    },
  };
  new Channel(port, handlers);
  connector.start();
}
