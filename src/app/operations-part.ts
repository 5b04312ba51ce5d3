/**
 * The operations server with all that it asks: dashboard, metrics, questions. It talks to the rest
 * of the program over a port alone, and reads the log by a connection of its own, so that it does
 * not matter in which thread it runs.
 */
import type { Connectors } from '../connect/rest/connectors.ts';
import type { TimeRange } from '../loader/replay.ts';
import type { ReplayState } from '../loader/replay-job.ts';
import type { LogShare } from '../log/open.ts';
import { connectLog } from '../log/open.ts';
import type { OperationsConfig } from '../operations/config.ts';
import { LogDeadLetterStore } from '../operations/dead-letter-store.ts';
import type { OperationsAddress } from '../operations/server.ts';
import { createOperationsServer } from '../operations/server.ts';
import type { Status } from '../operations/status.ts';
import { tail } from '../operations/tail.ts';
import type { EventQuery } from '../sinks/event-query.ts';
import { startQueryThread } from '../sinks/query-thread.ts';
import type { SearchConfig } from '../sinks/search/config.ts';
import type { PostgresTableConfig } from '../sinks/table/postgres/config.ts';
import type { Port } from '../support/channel.ts';
import { Channel } from '../support/channel.ts';
import { systemClock } from '../support/clock.ts';
import type { LoggerStanding, Threshold } from '../support/log-levels.ts';
import type { LoggerOptions } from '../support/logger.ts';
import { createLogger } from '../support/logger.ts';
import { settleAll } from '../support/settle-all.ts';
import { VERSION } from './version.ts';

/** Longest answer to a question about stored events. */
const QUERY_DEADLINE_MS = 10_000;

/** A store that can be asked: the file of the embedded table, or the indices or the table of a connector. */
export type SearchedStore =
  | { readonly file: string; readonly indices?: never; readonly table?: never }
  | { readonly indices: SearchConfig; readonly file?: never; readonly table?: never }
  | { readonly table: PostgresTableConfig; readonly file?: never; readonly indices?: never };

/** What it is started with; plain data. */
export interface OperationsData {
  readonly config: OperationsConfig;
  /** Which start of the program this is. */
  readonly instance: string;
  /** Whether connectors run in this process, and can be made. */
  readonly connects: boolean;
  /** What questions about stored events are put to, if there is anything. */
  readonly search: SearchedStore | undefined;
  readonly log: LogShare;
  readonly logging: LoggerOptions;
}

/** What it can be asked. */
export type OperationsPart = {
  listen(): Promise<OperationsAddress>;
  close(): Promise<void>;
};

/** What it asks of the rest of the program. */
export type OperationsCalls = {
  status(): Promise<Status>;
  control(connector: string, action: 'pause' | 'resume' | 'restart'): Promise<void>;
  replay(connector: string, range: TimeRange): Promise<void>;
  replayState(connector: string): Promise<ReplayState>;
  stopReplay(connector: string): Promise<void>;
  connectorNames(): Promise<readonly string[]>;
  loggers(): Promise<Record<string, LoggerStanding>>;
  setLogLevel(logger: string, level: Threshold): Promise<readonly string[]>;
  setLogLevelEverywhere(logger: string, level: Threshold): Promise<void>;
  connect<K extends keyof Connectors>(method: K, args: Parameters<Connectors[K]>): Promise<unknown>;
};

/** Runs it at one end of a channel; it listens once it is told to. */
export async function runOperations(port: Port, data: OperationsData): Promise<void> {
  // Only when someone asks: most never do, and a client of Kafka takes as much memory as all else here.
  let asked: ReturnType<typeof connect> | undefined;
  const connect = async () => {
    const log = await connectLog(data.log);
    return { log, deadLetters: new LogDeadLetterStore(log, () => channel.call('connectorNames', [])) };
  };
  const sources = () => {
    asked ??= connect();
    return asked;
  };
  const closeSources = async () => {
    if (!asked) return;
    const { log, deadLetters } = await asked;
    await deadLetters.close();
    await log.close();
  };
  const query = data.search && (await openQuery(data.search));
  const handlers: OperationsPart = {
    listen: () => server.listen(),
    close: async () => {
      try {
        await server.close();
      } finally {
        await settleAll([Promise.resolve(query?.close()), closeSources()]);
      }
    },
  };
  const channel = new Channel<OperationsCalls>(port, handlers);
  const control = (action: 'pause' | 'resume' | 'restart') => (connector: string) =>
    channel.call('control', [connector, action]);
  const server = createOperationsServer({
    config: data.config,
    clock: systemClock,
    logger: createLogger(data.logging).child({ part: 'operations' }),
    operations: {
      instance: data.instance,
      status: () => channel.call('status', []),
      query,
      deadLetters: {
        list: async (filter) => (await sources()).deadLetters.list(filter),
        show: async (id) => (await sources()).deadLetters.show(id),
        replay: async (filter) => (await sources()).deadLetters.replay(filter),
        purge: async (filter) => (await sources()).deadLetters.purge(filter),
      },
      async *tail(topic, from, signal) {
        yield* tail((await sources()).log, systemClock, topic, from, signal);
      },
      connectors: {
        pause: control('pause'),
        resume: control('resume'),
        restart: control('restart'),
        replay: (connector, range) => channel.call('replay', [connector, range]),
        replayState: (connector) => channel.call('replayState', [connector]),
        stopReplay: (connector) => channel.call('stopReplay', [connector]),
      },
      loggers: {
        all: () => channel.call('loggers', []),
        set: (logger, level) => channel.call('setLogLevel', [logger, level]),
        setEverywhere: (logger, level) => channel.call('setLogLevelEverywhere', [logger, level]),
      },
      connect: data.connects ? { connectors: connectorsOver(channel), version: VERSION } : undefined,
    },
  });
}

/** The connectors of the main thread. */
function connectorsOver(channel: Channel<OperationsCalls>): Connectors {
  const ask =
    <K extends keyof Connectors>(method: K) =>
    (...args: Parameters<Connectors[K]>) =>
      channel.call('connect', [method, args]) as ReturnType<Connectors[K]>;
  return {
    health: ask('health'),
    all: ask('all'),
    check: ask('check'),
    validate: ask('validate'),
    create: ask('create'),
    configure: ask('configure'),
    setTarget: ask('setTarget'),
    restart: ask('restart'),
    remove: ask('remove'),
    offsets: ask('offsets'),
    topics: ask('topics'),
    resetTopics: ask('resetTopics'),
    alterOffsets: ask('alterOffsets'),
    logId: ask('logId'),
  };
}

/** Loads the client of that store alone. */
async function openQuery({ file, indices, table }: SearchedStore): Promise<EventQuery> {
  if (table) {
    const { openPostgresEventQuery } = await import('../sinks/table/postgres/query.ts');
    return openPostgresEventQuery(table, QUERY_DEADLINE_MS);
  }
  if (indices) {
    const { openSearchEventQuery } = await import('../sinks/search/query.ts');
    return openSearchEventQuery(indices, QUERY_DEADLINE_MS);
  }
  return startQueryThread({ kind: 'sqlite', path: file }, QUERY_DEADLINE_MS);
}
