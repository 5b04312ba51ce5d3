/** The one place that knows both logs: opens the configured one, and makes ways to it for other threads. */
import type { Transferable } from 'node:worker_threads';
import { systemClock } from '../support/clock.ts';
import type { LoggerOptions } from '../support/logger.ts';
import { createLogger } from '../support/logger.ts';
import type { EmbeddedLogConfig } from './embedded/config.ts';
import type { LogShare as EmbeddedLogShare } from './embedded/open.ts';
import { connectEmbeddedLog, openEmbeddedLog } from './embedded/open.ts';
import type { KafkaLogConfig } from './kafka/config.ts';
import type { Log } from './log.ts';

export type LogConfig =
  | { readonly embedded: EmbeddedLogConfig; readonly kafka?: never }
  | { readonly kafka: KafkaLogConfig; readonly embedded?: never };

export interface OpenLogOptions {
  readonly config: LogConfig;
  /** Where the embedded log lives. */
  readonly directory: string;
  /** Partitions by topic as configured, by which a log goes that was not reached yet. */
  readonly partitions: Readonly<Record<string, number>>;
  readonly logging: LoggerOptions;
  /** The log has failed for good, and the program should stop. */
  readonly onFailure?: (error: Error) => void;
}

/** The way to the log for one other thread: goes through `workerData`, with `transferOf` it in the transfer list. */
export type LogShare = EmbeddedLogShare | KafkaLogShare;

/** Each thread talks to Kafka by connections of its own. */
interface KafkaLogShare {
  readonly kind: 'kafka';
  readonly config: KafkaLogConfig;
  readonly partitions: Readonly<Record<string, number>>;
  readonly logging: LoggerOptions;
}

/** A log, and what only its opener may do. */
export interface OpenLog extends Log {
  /** Makes a way to this log for one other thread. */
  share(): LogShare;
  /** Retention never removes what these groups have not committed; Kafka's own retention is Kafka's. */
  protect(groups: readonly string[]): void;
}

/** Rejects with LOG_IN_USE or LOG_FAILED; Kafka is not waited for. */
export async function openLog({ config, directory, partitions, logging, onFailure }: OpenLogOptions): Promise<OpenLog> {
  if (config.embedded) {
    return openEmbeddedLog({
      directory,
      config: config.embedded,
      logger: logging,
      ...(onFailure ? { onFailure } : {}),
    });
  }
  const share: KafkaLogShare = { kind: 'kafka', config: config.kafka, partitions, logging };
  return Object.assign(await connectKafka(share), { share: () => share, protect: () => {} });
}

/** Uses, from another thread, a log that is open in this process. */
export async function connectLog(share: LogShare): Promise<Log> {
  return share.kind === 'embedded' ? connectEmbeddedLog(share) : connectKafka(share);
}

/** What of a share has to be transferred rather than copied. */
export function transferOf(share: LogShare): readonly Transferable[] {
  return share.kind === 'embedded' ? [share.port] : [];
}

/** Loads the client only where it is used: in each thread it takes as much memory as all else. */
async function connectKafka({ config, partitions, logging }: KafkaLogShare): Promise<Log> {
  const { openKafkaLog } = await import('./kafka/open.ts');
  const logger = createLogger(logging).child({ part: 'kafka' });
  return openKafkaLog({ config, topics: new Map(Object.entries(partitions)), logger, clock: systemClock });
}
