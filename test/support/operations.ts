import type { TimeRange } from '../../src/loader/replay.ts';
import type { ReplayState } from '../../src/loader/replay-job.ts';
import type {
  DeadLetter,
  DeadLetterFilter,
  Operations,
  TailedRecord,
  TailStart,
} from '../../src/operations/sources.ts';
import type { ConnectorStatus, Status } from '../../src/operations/status.ts';
import type { EventFilter, EventQuery, StoredEvent } from '../../src/sinks/event-query.ts';
import { defineErrors } from '../../src/support/errors.ts';
import { LogLevels } from '../../src/support/log-levels.ts';

const errors = defineErrors({
  CONNECTOR_UNKNOWN: { decision: 'refuse', help: 'See /api/status.' },
  TOPIC_UNKNOWN: { decision: 'dead-letter', help: 'See /api/status.' },
});

/** A program whose every answer the test holds in its hands. */
export class FakeOperations implements Operations {
  readonly instance = 'fake';
  connect: Operations['connect'];
  current: Status = statusAt(Date.UTC(2026, 10, 22, 12));
  /** Replaces the answer to a status, to make it fail or hang. */
  readStatus: () => Promise<Status> = async () => this.current;
  events: StoredEvent[] = [];
  letters: DeadLetter[] = [];
  records: TailedRecord[] = [];
  /** What was asked of it, as `verb argument`. */
  readonly asked: string[] = [];
  readonly filters: EventFilter[] = [];
  readonly #query = new FakeQuery(this);
  searchable = true;
  replayState: ReplayState = { state: 'NONE', done: 0, all: 0 };

  status(): Promise<Status> {
    return this.readStatus();
  }

  get query(): EventQuery | undefined {
    return this.searchable ? this.#query : undefined;
  }

  readonly #levels = new LogLevels({ level: 'info', format: 'json' });
  readonly loggers: Operations['loggers'] = {
    all: async () => this.#levels.all(),
    setEverywhere: async () => {},
    set: async (logger, level) => this.#levels.set(logger, level, 0),
  };

  async *tail(topic: string, from: TailStart, signal: AbortSignal): AsyncIterable<TailedRecord> {
    if (topic === 'missing') throw errors.TOPIC_UNKNOWN('There is no topic "missing".');
    this.asked.push(`tail ${topic} ${from}`);
    yield* this.records;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    this.asked.push('tail ended');
  }

  readonly deadLetters = {
    list: async ({ limit, ...filter }: DeadLetterFilter) => {
      const { refusedBy, ...more } = filter;
      if (Object.keys(more).length > 0) this.asked.push(`list ${JSON.stringify(filter)}`);
      return this.letters.filter((letter) => refusedBy === undefined || letter.refusedBy === refusedBy).slice(0, limit);
    },
    purge: async (filter: { refusedBy: string; before?: number }) => {
      this.asked.push(`purge ${JSON.stringify(filter)}`);
      const kept = this.letters.filter(({ refusedBy }) => refusedBy !== filter.refusedBy);
      const purged = this.letters.length - kept.length;
      this.letters = kept;
      return purged;
    },
    show: async (id: string) => this.letters.find((letter) => letter.id === id),
    replay: async ({ refusedBy, ids }: { refusedBy: string; ids?: readonly string[] }) => {
      this.asked.push(`replay ${refusedBy} ${ids?.join(',') ?? 'all'}`);
      const replayed = this.letters.filter((one) => one.refusedBy === refusedBy && (!ids || ids.includes(one.id)));
      this.letters = this.letters.filter((one) => !replayed.includes(one));
      return replayed.length;
    },
  };

  readonly connectors = {
    pause: (name: string) => this.#control('pause', name, 'PAUSED'),
    resume: (name: string) => this.#control('resume', name, 'RUNNING'),
    restart: (name: string) => this.#control('restart', name, 'RUNNING'),
    replay: (name: string, { from, to }: TimeRange) => this.#replayed(name, `${from}-${to}`),
    replayState: async (): Promise<ReplayState> => this.replayState,
    stopReplay: (name: string) => this.#replayed(name, 'stop'),
  };

  async #replayed(name: string, more: string): Promise<void> {
    if (!this.current.connectors.some((connector) => connector.name === name)) {
      throw errors.CONNECTOR_UNKNOWN(`There is no connector ${JSON.stringify(name)}.`);
    }
    this.asked.push(`replay ${name} ${more}`);
  }

  async #control(action: string, name: string, state: ConnectorStatus['state']): Promise<void> {
    const known = this.current.connectors.some((connector) => connector.name === name);
    if (!known) throw errors.CONNECTOR_UNKNOWN(`There is no connector ${JSON.stringify(name)}.`);
    this.asked.push(`${action} ${name}`);
    const connectors = this.current.connectors.map((one) => (one.name === name ? { ...one, state } : one));
    this.current = { ...this.current, connectors };
  }
}

class FakeQuery implements EventQuery {
  readonly #operations: FakeOperations;

  constructor(operations: FakeOperations) {
    this.#operations = operations;
  }

  async events(filter: EventFilter, { limit, before }: { limit: number; before?: string }) {
    const found = this.#find(filter);
    const start = before === undefined ? 0 : Number(before);
    const next = start + limit < found.length ? { next: String(start + limit) } : {};
    return { events: found.slice(start, start + limit), ...next };
  }

  async histogram(filter: EventFilter, intervalMs: number) {
    const buckets = new Map<number, number>();
    for (const event of this.#find(filter)) {
      const from = Math.floor(timeOf(event) / intervalMs) * intervalMs;
      buckets.set(from, (buckets.get(from) ?? 0) + 1);
    }
    return [...buckets].sort(([a], [b]) => a - b).map(([from, count]) => ({ from, count }));
  }

  async breakdown(filter: EventFilter, field: string, limit: number) {
    const counts = new Map<string, number>();
    for (const event of this.#find(filter)) {
      if (!(field in event)) continue;
      const value = String(event[field]);
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    const sorted = [...counts].sort(([, a], [, b]) => b - a);
    return sorted.slice(0, limit).map(([value, count]) => ({ value, count }));
  }

  async close() {}

  #find(filter: EventFilter): StoredEvent[] {
    this.#operations.filters.push(filter);
    return this.#operations.events
      .filter((event) => timeOf(event) >= (filter.from ?? 0) && timeOf(event) < (filter.to ?? Number.POSITIVE_INFINITY))
      .filter((event) => filter.type === undefined || event.type === filter.type)
      .filter((event) => filter.text === undefined || JSON.stringify(event).includes(filter.text))
      .filter((event) => (filter.where ?? []).every(({ field, value }) => String(event[field]) === value))
      .sort((a, b) => timeOf(b) - timeOf(a));
  }
}

function timeOf(event: StoredEvent): number {
  return Date.parse(String(event['timestamp']));
}

export function connectorNamed(name: string, more: Partial<ConnectorStatus> = {}): ConnectorStatus {
  return {
    name,
    sink: name === 'files' ? 'files' : 'table',
    topics: ['select-color'],
    state: 'RUNNING',
    lag: 0,
    loaded: 0,
    duplicates: 0,
    deadLettered: 0,
    restarts: 0,
    ...more,
  };
}

export function statusAt(now: number, more: Partial<Status> = {}): Status {
  return {
    version: '0.1.0',
    startedAt: now - 3_600_000,
    now,
    log: { kind: 'embedded', reachable: true },
    collector: {
      ready: true,
      requests: 120,
      acceptedEvents: 100,
      rejectedEvents: { EVENT_TYPE_MISSING: 3 },
      shedRequests: { buffer_full: 2 },
      bufferBytes: 1_024,
      bufferLimitBytes: 67_108_864,
      spoolBytes: 0,
      spoolLimitBytes: 0,
    },
    accounting: { accepted: 100, delivered: 96, buffered: 2, spooled: 0, deadLettered: 1, dropped: { crash: 1 } },
    topics: [{ name: 'select-color', partitions: [{ partition: 0, startOffset: 0, endOffset: 96 }] }],
    connectors: [connectorNamed('files', { loaded: 90, lag: 6 }), connectorNamed('search', { loaded: 95, lag: 1 })],
    ...more,
  };
}
