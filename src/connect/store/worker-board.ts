import type { ConnectorState } from '../../loader/lifecycle.ts';
import { isConnectorState } from '../../loader/lifecycle.ts';
import type { Log, Producer } from '../../log/log.ts';
import type { Clock } from '../../support/clock.ts';
import { messageOf } from '../../support/errors.ts';
import type { Logger } from '../../support/logger.ts';

/** How often a worker says that it lives, and reads who else does. */
const REPORT_MS = 2_000;
/** After so much silence a worker is taken for dead, as Kafka takes a member of a group. */
export const SILENCE_MS = 10_000;
/** Longest reason of a failure that is told to others. */
const MOST_TRACE_CHARACTERS = 500;
const PARTITION = 0;
/** What was said is of no use a minute later; Kafka drops it after an hour. */
const TOPIC_CONFIG = { 'cleanup.policy': 'delete', 'retention.ms': '3600000', 'segment.ms': '600000' };
const GONE = new Uint8Array();

/** A worker's part of a connector, as the worker tells it. */
export interface TaskReport {
  readonly state: ConnectorState;
  readonly trace?: string;
}

/** What a worker says of itself. */
export interface WorkerReport {
  /** `host:port`, for people. */
  readonly worker: string;
  /** By the connector's name. */
  readonly connectors: Readonly<Record<string, TaskReport>>;
}

export interface WorkerBoardOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly topic: string;
  /** This start of this worker; no other one has the same. */
  readonly instance: string;
  /** What this one says of itself by now. */
  report(): Promise<WorkerReport>;
  /** Told when workers came or went. */
  onChange(): void;
}

interface Seen {
  /** Of the clock that never goes back. */
  readonly at: number;
  readonly report: WorkerReport;
}

/**
 * Where the workers of a group say what they do, so that each can tell of all, and knows who
 * takes part. Nothing rests on it: what a worker loads, the consumer group decides.
 */
export class WorkerBoard {
  readonly #options: WorkerBoardOptions;
  readonly #producer: Producer;
  readonly #closed = new AbortController();
  readonly #seen = new Map<string, Seen>();
  #nextOffset: number | undefined;
  /** When this one last heard whatever there was to hear: silence since then is its own. */
  #heardAt = 0;
  #live = '';
  #following: Promise<void> = Promise.resolve();

  private constructor(options: WorkerBoardOptions) {
    this.#options = options;
    this.#producer = options.log.producer();
  }

  /** Settles when it is known who is there. Throws the log's errors. */
  static async open(options: WorkerBoardOptions): Promise<WorkerBoard> {
    await options.log.admin.createTopic(options.topic, { partitions: 1, config: TOPIC_CONFIG });
    const board = new WorkerBoard(options);
    try {
      await board.#exchange();
    } catch (error) {
      await board.#producer.close();
      throw error;
    }
    board.#following = board.#follow();
    return board;
  }

  /** The instances that live, this one among them, in one order everywhere. */
  get instances(): readonly string[] {
    const { instance } = this.#options;
    const others = [...this.#seen].filter(([, { at }]) => this.#heardAt - at < SILENCE_MS).map(([name]) => name);
    return [...new Set([...others, instance])].sort();
  }

  /** What an instance said last. */
  reportOf(instance: string): WorkerReport | undefined {
    return this.#seen.get(instance)?.report;
  }

  /** Says that this one goes. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#following;
    await this.#write(GONE).catch(() => {});
    await this.#producer.close();
  }

  async #follow(): Promise<void> {
    const { clock, logger } = this.#options;
    let failed = false;
    while (!this.#closed.signal.aborted) {
      await clock.sleep(REPORT_MS, this.#closed.signal);
      if (this.#closed.signal.aborted) return;
      try {
        await this.#exchange(failed);
        failed = false;
      } catch (error) {
        if (!failed) logger.warn({ error: messageOf(error) }, 'other workers are not known until the log is back');
        failed = true;
      }
    }
  }

  /** After an outage the others get the time to speak again, which they could not either. */
  async #exchange(wasCut = false): Promise<void> {
    const report = await this.#options.report();
    await this.#write(Buffer.from(JSON.stringify(shortened(report))));
    await this.#read();
    this.#heardAt = this.#options.clock.monotonic();
    if (wasCut) for (const [name, { report }] of this.#seen) this.#seen.set(name, { at: this.#heardAt, report });
    const live = this.instances.join();
    if (live === this.#live) return;
    this.#live = live;
    this.#options.onChange();
  }

  async #write(value: Uint8Array): Promise<void> {
    const { topic, instance, clock } = this.#options;
    const record = { timestamp: clock.now(), key: Buffer.from(instance), value };
    await this.#producer.send({ topic, partition: PARTITION }, [record]);
  }

  async #read(): Promise<void> {
    const { log, topic, clock } = this.#options;
    for (;;) {
      this.#nextOffset ??= await this.#begin();
      const { records, endOffset } = await log.read({ topic, partition: PARTITION, offset: this.#nextOffset });
      for (const { offset, key, value } of records) {
        this.#nextOffset = offset + 1;
        const instance = Buffer.from(key ?? GONE).toString();
        const report = value.length === 0 ? undefined : parse(value);
        if (report) this.#seen.set(instance, { at: clock.monotonic(), report });
        else this.#seen.delete(instance);
      }
      if (records.length === 0 || this.#nextOffset >= endOffset) return;
    }
  }

  /** Older words say nothing of who lives. */
  async #begin(): Promise<number> {
    const { log, topic, clock } = this.#options;
    const [position] = await log.admin.offsetsAt(topic, clock.now() - SILENCE_MS);
    return position?.offset ?? 0;
  }
}

function shortened({ worker, connectors }: WorkerReport): WorkerReport {
  const short = Object.entries(connectors).map(([name, { state, trace }]): [string, TaskReport] => [
    name,
    trace === undefined ? { state } : { state, trace: trace.slice(0, MOST_TRACE_CHARACTERS) },
  ]);
  return { worker, connectors: Object.fromEntries(short) };
}

/** Undefined for what no worker wrote. */
function parse(value: Uint8Array): WorkerReport | undefined {
  try {
    const { worker, connectors } = JSON.parse(Buffer.from(value).toString()) as Partial<WorkerReport>;
    if (typeof worker !== 'string' || typeof connectors !== 'object' || connectors === null) return undefined;
    const known = Object.entries(connectors).filter(([, task]) => isTaskReport(task));
    return { worker, connectors: Object.fromEntries(known) };
  } catch {
    return undefined;
  }
}

function isTaskReport(task: Partial<TaskReport> | null): boolean {
  return isConnectorState(task?.state) && (task?.trace === undefined || typeof task.trace === 'string');
}
