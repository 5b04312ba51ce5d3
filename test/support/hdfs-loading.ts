import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Connector, groupOf } from '../../src/loader/connector.ts';
import { deadLetterTopic } from '../../src/log/dead-letter.ts';
import type { EmbeddedLog } from '../../src/log/embedded/open.ts';
import type { Producer } from '../../src/log/log.ts';
import { readBack } from '../../src/sinks/files/read-files.ts';
import { createFilesSink } from '../../src/sinks/files/sink.ts';
import type { HdfsStoreConfig } from '../../src/sinks/files/stores/hdfs/config.ts';
import { HdfsFileStore } from '../../src/sinks/files/stores/hdfs/store.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { filesConfigWith } from './files.ts';
import { recordAt } from './records.ts';
import { openTestLog } from './test-log.ts';
import { until } from './until.ts';

const CONNECTOR = 'hdfs';
const TOPIC = 'select-color';
const LOADER = {
  retryInitial: 20,
  retryMax: 200,
  queueBytes: 1 << 20,
  stallTimeout: 600_000,
  stopTimeout: 10_000,
  tolerance: 'all',
} as const;
const LONG_MS = 90_000;
const FEW = 10;
const SEND_EVERY_MS = 50;

/** A connector that loads an embedded log into HDFS, and who counts from outside. */
export class HdfsLoading {
  readonly #log: EmbeddedLog;
  readonly #config: HdfsStoreConfig;
  readonly #connector: Connector;
  readonly #producer: Producer;
  #sent = 0;
  #last: Promise<void> = Promise.resolve();

  private constructor(log: EmbeddedLog, config: HdfsStoreConfig) {
    this.#log = log;
    this.#config = config;
    this.#producer = log.producer();
    this.#connector = new Connector({
      ...{ name: CONNECTOR, topics: [TOPIC], log, config: LOADER, clock: systemClock, logger: silentLogger },
      createSink: (deadLetters) =>
        createFilesSink(
          filesConfigWith({ store: { hdfs: config }, roll: { age: 50 } }),
          {
            ...{ connector: CONNECTOR, admin: log.admin, deadLetters, clock: systemClock, logger: silentLogger },
            dataDirectory: '',
          },
          { namedTypes: [TOPIC] },
        ),
    });
  }

  /** Starts to load, at first nothing. */
  static async start(t: TestContext, config: HdfsStoreConfig): Promise<HdfsLoading> {
    const log = await openTestLog(t);
    for (const topic of [TOPIC, deadLetterTopic(CONNECTOR)]) {
      await log.admin.createTopic(topic, { partitions: 1 });
    }
    const loading = new HdfsLoading(log, config);
    loading.#connector.start();
    t.after(async () => {
      await loading.#connector.stop();
      await loading.#producer.close();
    });
    return loading;
  }

  /** Appends so many events to the log. */
  async send(count: number): Promise<void> {
    const first = this.#sent;
    this.#sent += count;
    const records = Array.from({ length: count }, (_, i) => recordAt(first + i));
    // A producer has one batch of a partition on its way.
    this.#last = this.#last.then(async () => {
      await this.#producer.send({ topic: TOPIC, partition: 0 }, records);
    });
    await this.#last;
  }

  /** Sends a few all the while, until it is stopped. */
  sendOn(): { stop(): Promise<void> } {
    const over = new AbortController();
    const sending = (async () => {
      while (!over.signal.aborted) {
        await this.send(FEW);
        await setTimeout(SEND_EVERY_MS);
      }
    })();
    return {
      stop: () => {
        over.abort();
        return sending;
      },
    };
  }

  /** Sends some, and waits until all that had been sent by then is loaded. */
  async progress(): Promise<void> {
    await this.send(FEW);
    const end = this.#sent;
    const isLoaded = async () => ((await this.#log.admin.committed(groupOf(CONNECTOR)))[0]?.offset ?? 0) >= end;
    await this.#until('all is loaded', isLoaded);
  }

  /** Sends some, and waits until the connector has met this error, and what it does about it. */
  async meets(code: string, state: 'RUNNING' | 'RESTARTING' | 'FAILED'): Promise<string> {
    await this.send(FEW);
    const { lastError } = await this.#until(`it meets ${code}`, () => {
      const { snapshot } = this.#connector;
      return snapshot.lastError?.code === code && snapshot.state === state && snapshot;
    });
    return lastError!.message;
  }

  /** How often loading had to start anew. */
  get restarts(): number {
    return this.#connector.snapshot.restarts;
  }

  /** Why it had to the last time. */
  get lastError(): string | undefined {
    return this.#connector.snapshot.lastError?.message;
  }

  /** What an operator does once the cause is gone. */
  restart(): void {
    this.#connector.restart();
  }

  /** How often each event stands in HDFS. */
  async copies(signal: AbortSignal): Promise<Readonly<{ lost: number; doubled: number }>> {
    await using stack = new AsyncDisposableStack();
    const store = stack.adopt(new HdfsFileStore(this.#config), (store) => store.close());
    await store.open(signal);
    const counts = new Map<string, number>();
    for await (const line of readBack(store, signal)) {
      const { id } = JSON.parse(line.toString('utf8')) as { id: string };
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    const lost = Array.from({ length: this.#sent }, (_, offset) => `event-${offset}`).filter((id) => !counts.has(id));
    return { lost: lost.length, doubled: [...counts.values()].filter((count) => count > 1).length };
  }

  /** If that never is, the error tells where the connector stands. */
  async #until<T>(what: string, isSo: Parameters<typeof until<T>>[1]): ReturnType<typeof until<T>> {
    return until(what, isSo, LONG_MS).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(this.#connector.snapshot)}`);
    });
  }
}
