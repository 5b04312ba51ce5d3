/**
 * The thread of one connector: its loader and its sink, apart from the thread that answers HTTP
 * and from every other connector.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { LoaderConfig } from '../loader/config.ts';
import type { ConnectorSnapshot } from '../loader/connector.ts';
import { Connector } from '../loader/connector.ts';
import type { TimeRange } from '../loader/replay.ts';
import { replay } from '../loader/replay.ts';
import type { ReplayState } from '../loader/replay-job.ts';
import { ReplayJob } from '../loader/replay-job.ts';
import type { LogShare } from '../log/open.ts';
import { connectLog } from '../log/open.ts';
import { Channel } from '../support/channel.ts';
import { systemClock } from '../support/clock.ts';
import type { LoggerOptions } from '../support/logger.ts';
import { createLogger } from '../support/logger.ts';
import type { SinkPlan } from './connector-sink.ts';
import { sinkMaker } from './connector-sink.ts';

/** What the thread is started with; plain data. */
export interface ConnectorThreadData extends SinkPlan {
  readonly loaderConfig: LoaderConfig;
  readonly topics: readonly string[];
  /** Whether it waits for a command before it loads. */
  readonly paused?: boolean;
  readonly log: LogShare;
  readonly logging: LoggerOptions;
}

/** What the thread can be asked. */
export type ConnectorThread = {
  snapshot(): ConnectorSnapshot;
  pause(): void;
  resume(): void;
  restart(): void;
  /** Begins to load a range once more. Throws REPLAY_UNDER_WAY. */
  replay(range: TimeRange): void;
  replayState(): ReplayState;
  stopReplay(): Promise<void>;
  stop(): Promise<void>;
};

if (parentPort) await run(parentPort, workerData as ConnectorThreadData);

async function run(port: NonNullable<typeof parentPort>, data: ConnectorThreadData): Promise<void> {
  const logger = createLogger(data.logging).child({ connector: data.name });
  const log = await connectLog(data.log);
  const createSink = await sinkMaker(data, log, logger);
  const connector = new Connector({
    name: data.name,
    topics: data.topics,
    log,
    config: data.loaderConfig,
    clock: systemClock,
    logger,
    createSink,
  });
  const job = new ReplayJob();
  const work = { log, connector: data.name, topics: data.topics, config: data.loaderConfig, createSink };
  const handlers: ConnectorThread = {
    snapshot: () => connector.snapshot,
    pause: () => connector.pause(),
    resume: () => connector.resume(),
    restart: () => connector.restart(),
    replay: (range) =>
      job.start((onProgress, signal) => replay({ ...work, ...range, clock: systemClock, onProgress, signal })),
    replayState: () => job.state,
    stopReplay: () => job.stop(),
    stop: async () => {
      await job.stop();
      await connector.stop();
      await log.close();
    },
  };
  new Channel(port, handlers);
  if (data.paused) connector.pause();
  connector.start();
}
