import type { TestContext } from 'node:test';
import { Connector, groupOf } from '../../src/loader/connector.ts';
import type { EmbeddedLog } from '../../src/log/embedded/open.ts';
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
const LOADER = { retryInitial: 20, retryMax: 200, queueBytes: 1 << 20, stallTimeout: 600_000, stopTimeout: 10_000 };
const LONG_MS = 90_000;

/** A connector that loads an embedded log into HDFS, and who counts from outside. */
export class HdfsLoading {
  readonly #log: EmbeddedLog;
  readonly #config: HdfsStoreConfig;
  readonly #connector: Connector;
  #sent = 0;

  private constructor(log: EmbeddedLog, config: HdfsStoreConfig) {
    this.#log = log;
    this.#config = config;
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
    for (const topic of [TOPIC, `millrace-dead-letters-${CONNECTOR}`]) {
      await log.admin.createTopic(topic, { partitions: 1 });
    }
    const loading = new HdfsLoading(log, config);
    loading.#connector.start();
    t.after(() => loading.#connector.stop());
    return loading;
  }

  /** Appends so many events to the log. */
  async send(count: number): Promise<void> {
    const records = Array.from({ length: count }, (_, i) => recordAt(this.#sent + i));
    const producer = this.#log.producer();
    await producer.send({ topic: TOPIC, partition: 0 }, records);
    await producer.close();
    this.#sent += count;
  }

  /** Sends some, and waits until all that was ever sent is loaded. */
  async progress(): Promise<void> {
    await this.send(10);
    const isLoaded = async () => (await this.#log.admin.committed(groupOf(CONNECTOR)))[0]?.offset === this.#sent;
    await until('all is loaded', isLoaded, LONG_MS).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(this.#connector.snapshot)}`);
    });
  }

  /** Sends some, and waits until the connector has met this error, and what it does about it. */
  async meets(code: string, state: 'RUNNING' | 'RESTARTING' | 'FAILED'): Promise<string> {
    await this.send(10);
    const { lastError } = await until(
      `it meets ${code}`,
      () => {
        const { snapshot } = this.#connector;
        return snapshot.lastError?.code === code && snapshot.state === state && snapshot;
      },
      LONG_MS,
    ).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(this.#connector.snapshot)}`);
    });
    return lastError!.message;
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
}
