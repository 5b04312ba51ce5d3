import { existsSync } from 'node:fs';
import path from 'node:path';
import type { LoadedConfiguration } from '../app/configuration.ts';
import { topicOfConnectors } from '../app/made-connectors.ts';
import { findRunning } from '../app/running.ts';
import { configuredPartitions, createTopics } from '../app/topics.ts';
import type { FlatConfig } from '../connect/config/mapping.ts';
import { readConnectors } from '../connect/store/log-connector-store.ts';
import type { TimeRange } from '../loader/replay.ts';
import type { ReplayState } from '../loader/replay-job.ts';
import { openLog } from '../log/open.ts';
import { LogDeadLetterStore } from '../operations/dead-letter-store.ts';
import type { DeadLetter, DeadLetterStore, TailedRecord, TailStart } from '../operations/sources.ts';
import type { Status } from '../operations/status.ts';
import { tail } from '../operations/tail.ts';
import { systemClock } from '../support/clock.ts';
import { fromPlainError } from '../support/errors.ts';
import { cliErrors } from './command.ts';
import { logDirectory } from './open-log.ts';

/** Longest wait for one answer of the running program. */
const ANSWER_MS = 10_000;
/** Longest wait for a sign of life. */
const ALIVE_MS = 1_000;

/** What a command works on: the running program, or the data itself where none runs. */
export interface Target {
  tail(topic: string, from: TailStart, signal: AbortSignal): AsyncIterable<TailedRecord>;
  readonly deadLetters: DeadLetterStore;
  close(): Promise<void>;
}

/** The program that runs on the configured data, else the data. */
export async function openTarget(loaded: LoadedConfiguration): Promise<Target> {
  return (await findProgram(loaded)) ?? (await openData(loaded));
}

/** A program that runs on the configured data and does this half of the work, or NOT_REACHABLE. */
export async function requireProgram(loaded: LoadedConfiguration, half?: 'collects' | 'loads'): Promise<ProgramClient> {
  const program = await findProgram(loaded, half);
  if (program) return program;
  const which = half === undefined ? 'No program' : `No program that ${half}`;
  throw cliErrors.NOT_REACHABLE(`${which} runs on ${path.resolve(loaded.configuration.data)}.`);
}

/** The program that runs on the configured data, if one does that does this half of the work. */
export async function findProgram(
  { configuration }: LoadedConfiguration,
  half?: 'collects' | 'loads',
): Promise<ProgramClient | undefined> {
  for (const running of findRunning(path.resolve(configuration.data))) {
    if (half !== undefined && !running[half]) continue;
    if ((await instanceAt(running.operations)) !== running.instance) continue;
    return new ProgramClient(running.operations, configuration.operations.token);
  }
  return undefined;
}

/** Which start of the program answers at an address. It is asked without the token: a stranger may have the port now. */
async function instanceAt(base: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${base}/health`, { signal: AbortSignal.timeout(ALIVE_MS) });
    return ((await response.json()) as { instance?: string }).instance;
  } catch {
    return undefined;
  }
}

/** Throws NOT_REACHABLE where nothing was ever stored: a question must not make a data directory. */
async function openData({ configuration }: LoadedConfiguration): Promise<Target> {
  const directory = logDirectory(configuration);
  if (configuration.log.embedded && !existsSync(directory)) {
    throw cliErrors.NOT_REACHABLE(`No program runs on ${path.resolve(configuration.data)}, and it holds no log.`);
  }
  const log = await openLog({
    config: configuration.log,
    directory,
    partitions: configuredPartitions(configuration),
    logging: { ...configuration.logging, level: 'error' },
  });
  // A topic or connector that is new in the configuration has none yet.
  await createTopics(log.admin, configuration);
  const deadLetters = new LogDeadLetterStore(log, async () => [
    ...new Set([
      ...Object.keys(configuration.connectors),
      ...(await readConnectors(log, topicOfConnectors(configuration))).keys(),
    ]),
  ]);
  return {
    tail: (topic, from, signal) => tail(log, systemClock, topic, from, signal),
    deadLetters,
    close: async () => {
      await deadLetters.close();
      await log.close();
    },
  };
}

/** The operations API of a running program, as the commands use it. */
export class ProgramClient implements Target {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(base: string, token: string | undefined) {
    this.#base = base;
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  status(): Promise<Status> {
    return this.#ask<Status>('GET', '/api/status');
  }

  /** Of a connector in Kafka Connect's form; undefined if there is none. */
  async connectorConfig(connector: string): Promise<FlatConfig | undefined> {
    const all = await this.#ask<Record<string, { info: { config: FlatConfig } }>>('GET', '/connectors?expand=info');
    return new Map(Object.entries(all)).get(connector)?.info.config;
  }

  async control(connector: string, action: 'pause' | 'resume' | 'restart'): Promise<void> {
    await this.#ask('POST', `/api/connectors/${encodeURIComponent(connector)}/${action}`);
  }

  /** Begins to load a time range into a connector's store once more. */
  async replay(connector: string, range: TimeRange): Promise<void> {
    await this.#ask('POST', replayOf(connector), range);
  }

  replayState(connector: string): Promise<ReplayState> {
    return this.#ask<ReplayState>('GET', replayOf(connector));
  }

  async stopReplay(connector: string): Promise<void> {
    await this.#ask('DELETE', replayOf(connector));
  }

  readonly deadLetters: DeadLetterStore = {
    list: async (filter) => {
      const { deadLetters } = await this.#ask<{ deadLetters: DeadLetter[] }>(
        'GET',
        `/api/dead-letters?${queryOf(filter)}`,
      );
      return deadLetters;
    },
    show: (id) => this.#ask<DeadLetter>('GET', `/api/dead-letters/${encodeURIComponent(id)}`),
    replay: async (filter) => {
      const { replayed } = await this.#ask<{ replayed: number }>('POST', '/api/dead-letters/replay', filter);
      return replayed;
    },
    purge: async (filter) => {
      return (await this.#ask<{ purged: number }>('DELETE', `/api/dead-letters?${queryOf(filter)}`)).purged;
    },
  };

  /** Newline-delimited JSON, one record a line, until the signal. */
  async *tail(topic: string, from: TailStart, signal: AbortSignal): AsyncIterable<TailedRecord> {
    const response = await fetch(`${this.#base}/api/tail/${encodeURIComponent(topic)}?from=${from}`, {
      headers: this.#headers,
      signal,
    });
    if (!response.ok || !response.body) throw await failureOf(response);
    let rest = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.filter(Boolean)) {
        const { value, ...record } = JSON.parse(line) as Omit<TailedRecord, 'value'> & { value: string };
        yield { ...record, value: Buffer.from(value, 'utf8') };
      }
    }
  }

  async close(): Promise<void> {}

  async #ask<T>(method: string, at: string, body?: unknown): Promise<T> {
    const response = await fetch(this.#base + at, {
      method,
      headers: { ...this.#headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      signal: AbortSignal.timeout(ANSWER_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw await failureOf(response);
    const text = await response.text();
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
}

function queryOf(filter: object): URLSearchParams {
  return new URLSearchParams(Object.entries(filter).map(([name, value]) => [name, String(value)]));
}

function replayOf(connector: string): string {
  return `/api/connectors/${encodeURIComponent(connector)}/replay`;
}

async function failureOf(response: Response): Promise<Error> {
  const body = (await response.json().catch(() => ({}))) as { error?: { code: string; message: string; help: string } };
  const error = body.error ?? { message: `The program answered ${response.status}.` };
  return fromPlainError({ ...error, decision: 'refuse' });
}
