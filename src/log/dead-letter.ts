import type { Headers, LogRecord, NewRecord, TopicPartition } from './log.ts';

/** Where the collector, and the delivery behind it, put what they refuse. */
export const COLLECTOR_DEAD_LETTERS = 'millrace-dead-letters';

/** The dead-letter topic of a connector. */
export function deadLetterTopic(connector: string): string {
  return `${COLLECTOR_DEAD_LETTERS}-${connector}`;
}

const REPLAY_PREFIX = 'millrace-replay-';

/** The topic through which a connector, and only it, gets its dead letters once more. */
export function replayTopic(connector: string): string {
  return REPLAY_PREFIX + connector;
}

/** The group whose position says how far a connector's dead letters have been replayed. */
export function replayGroup(connector: string): string {
  return REPLAY_PREFIX + connector;
}

/** Where connectors that were made at run time stand; names of others begin with it. */
export const CONNECTORS_TOPIC = 'millrace-connectors';

/** Where their workers say what they do; names of others begin with it. */
export const WORKERS_TOPIC = 'millrace-connect-workers';

/** Whether a topic is one of Millrace's own, which no configuration may name. */
export function isOwnTopic(topic: string): boolean {
  return [COLLECTOR_DEAD_LETTERS, REPLAY_PREFIX, CONNECTORS_TOPIC, WORKERS_TOPIC].some((prefix) =>
    topic.startsWith(prefix),
  );
}

export type DeadLetterStage = 'COLLECTOR' | 'DELIVERY' | 'TASK_PUT';

/** Why a record is in the dead letters, and where it came from. */
export interface DeadLetterContext {
  readonly code: string;
  readonly reason: string;
  /** The connector, or `collector`. */
  readonly refusedBy: string;
  /** Where on the way it was refused: at the door (the default for the collector), by the log, by a sink. */
  readonly stage?: DeadLetterStage;
  /** When it was refused, milliseconds since the epoch. */
  readonly at?: number;
  readonly source?: TopicPartition & { readonly offset: number };
}

/** Kafka Connect's names (KIP-298), so that its tools can read ours. */
const PREFIX = '__connect.errors.';
const STAGE_HEADER = `${PREFIX}stage`;
/** A process has one task of a connector. */
const ONLY_TASK = '0';
/** Which part of the program refused it, where Connect names a class. */
const PART_OF_STAGE: Readonly<Record<DeadLetterStage, string>> = {
  COLLECTOR: 'Collector',
  DELIVERY: 'Delivery',
  TASK_PUT: 'Sink',
};
/** Ours beside Connect's: the record's timestamp stays the event's. */
const AT_HEADER = `${PREFIX}at`;

/**
 * A dead letter: the raw payload as it was, and the reason in the headers. The record's own
 * headers are kept below those, so that it can be replayed as it was.
 */
export function toDeadLetter(record: NewRecord, context: DeadLetterContext): NewRecord {
  const { code, reason, refusedBy, at, source } = context;
  const stage = context.stage ?? (refusedBy === 'collector' ? 'COLLECTOR' : 'TASK_PUT');
  const headers: Record<string, string> = {
    ...record.headers,
    [`${PREFIX}connector.name`]: refusedBy,
    [`${PREFIX}task.id`]: ONLY_TASK,
    [STAGE_HEADER]: stage,
    [`${PREFIX}class.name`]: PART_OF_STAGE[stage],
    [`${PREFIX}exception.class.name`]: code,
    [`${PREFIX}exception.message`]: reason,
    [`${PREFIX}exception.stacktrace`]: `${code}: ${reason}`,
  };
  if (at !== undefined) headers[AT_HEADER] = String(at);
  if (source) {
    headers[`${PREFIX}topic`] = source.topic;
    headers[`${PREFIX}partition`] = String(source.partition);
    headers[`${PREFIX}offset`] = String(source.offset);
  }
  return { timestamp: record.timestamp, value: record.value, headers, ...(record.key ? { key: record.key } : {}) };
}

/** Where on the way the record of a dead letter was refused. */
export function stageOf(record: NewRecord): string | undefined {
  return record.headers?.[STAGE_HEADER];
}

/** The reason that a dead letter carries, and the record as it was. */
export function fromDeadLetter(record: LogRecord): {
  readonly context: DeadLetterContext;
  readonly original: NewRecord;
} {
  const headers = record.headers ?? {};
  const own: Headers = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(PREFIX)));
  const topic = headers[`${PREFIX}topic`];
  const context: DeadLetterContext = {
    code: headers[`${PREFIX}exception.class.name`] ?? 'UNKNOWN',
    reason: headers[`${PREFIX}exception.message`] ?? '',
    refusedBy: headers[`${PREFIX}connector.name`] ?? 'unknown',
    ...(headers[AT_HEADER] === undefined ? {} : { at: Number(headers[AT_HEADER]) }),
    ...(topic === undefined
      ? {}
      : {
          source: {
            topic,
            partition: Number(headers[`${PREFIX}partition`]),
            offset: Number(headers[`${PREFIX}offset`]),
          },
        }),
  };
  const original: NewRecord = {
    timestamp: record.timestamp,
    value: record.value,
    headers: own,
    ...(record.key ? { key: record.key } : {}),
  };
  return { context, original };
}
