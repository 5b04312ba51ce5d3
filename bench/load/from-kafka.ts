import { setTimeout as delay } from 'node:timers/promises';
import { groupOf } from '../../src/loader/connector.ts';
import { startKafka } from '../../test/engines/kafka.ts';
import { FaultProxy } from '../../test/engines/proxy.ts';
import { kafkaLog } from '../../test/support/kafka-log.ts';
import { KafkaView } from '../../test/support/kafka-view.ts';
import { Program } from '../../test/support/program.ts';
import { until } from '../../test/support/until.ts';
import type { Report } from '../run.ts';
import { round } from '../statistics.ts';
import { fill } from './events.ts';

const RECORDS = 600_000;
const TOPIC = 'select-color';
const PARTITIONS = 2;
const LOAD_MS = 900_000;
const LOOK_MS = 20;
/** 256 kbit/s. */
const NARROW_BYTES = 32_000;
/** As long as the narrow line is looked at. */
const NARROW_MS = 90_000;

/** A store on this machine that a connector can load into. */
export interface LoadedStore {
  /** `host:port`. */
  readonly address: string;
  /** The sink of a connector of this name, in its configuration, that reaches the store at an address. */
  sink(connector: string, address: string): object;
  /** How many events of this connector the store holds. */
  count(connector: string): Promise<number>;
}

export interface LoadOptions {
  readonly directory: string;
  readonly report: Report;
  /** Words before the `java` of Kafka, such as `taskset -c 1`. */
  readonly before?: readonly string[];
}

/** A real Kafka that holds events, and `millrace load` to load them. */
export class KafkaSource implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #directory: string;
  #brokers: readonly string[] = [];
  #view!: KafkaView;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Fills a topic of two partitions. `before`: words before the `java` of Kafka, such as `taskset -c 1`. */
  static async start(directory: string, before?: readonly string[]): Promise<KafkaSource> {
    const source = new KafkaSource(directory);
    try {
      await source.#start(before);
      return source;
    } catch (error) {
      await source[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts a loader with one connector; `sink` as it stands in the configuration. */
  load(connector: string, sink: object): Promise<Program> {
    return Program.start({
      directory: this.#directory,
      configuration: {
        log: { kafka: { brokers: this.#brokers } },
        topics: { [TOPIC]: { types: [TOPIC], partitions: PARTITIONS } },
        connectors: { [connector]: { topics: [TOPIC], ...sink } },
      },
      command: 'load',
    });
  }

  /** Loads all there is: how many events a second, and the most memory that the loader ever held. */
  async loadAll(connector: string, sink: object): Promise<Record<string, number>> {
    await using program = await this.load(connector, sink);
    const began = performance.now();
    const loaded = async () => (await this.#view.committed(groupOf(connector), [TOPIC])) === RECORDS;
    await until('all is loaded from Kafka', loaded, LOAD_MS, LOOK_MS);
    const seconds = (performance.now() - began) / 1_000;
    const figures = { kafka_events_per_s: Math.round(RECORDS / seconds), kafka_peak_rss_mb: program.peakRssMb() };
    await program.stop();
    return figures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async #start(before: readonly string[] | undefined): Promise<void> {
    const kafka = await startKafka({ throughput: true, ...(before ? { before } : {}) });
    this.#stack.defer(() => kafka.close());
    this.#brokers = kafka.brokers;
    this.#view = new KafkaView(kafka.brokers);
    this.#stack.defer(() => this.#view.close());
    const log = kafkaLog(kafka.brokers);
    this.#stack.defer(() => log.close());
    await fill(log, TOPIC, RECORDS, PARTITIONS);
  }
}

/**
 * Loads from a real Kafka by `millrace load`: how many events a second, and the most memory that a
 * loader ever held, on a good line and over connections of 256 kbit/s each.
 */
export async function loadFromKafka(
  store: LoadedStore,
  { directory, report, before }: LoadOptions,
): Promise<Record<string, number>> {
  await using stack = new AsyncDisposableStack();
  const source = stack.use(await KafkaSource.start(directory, before));
  const proxy = await FaultProxy.start({ target: store.address });
  stack.defer(() => proxy.close());
  const wide = await source.loadAll('wide', store.sink('wide', store.address));

  report(`over 256 kbit/s, for ${NARROW_MS / 1_000} s …`);
  proxy.narrow(NARROW_BYTES);
  const narrow = stack.use(await source.load('narrow', store.sink('narrow', proxy.address)));
  const idlePeak = narrow.peakRssMb();
  await delay(NARROW_MS);
  const events = await store.count('narrow');
  const narrowPeak = narrow.peakRssMb();
  await narrow.kill();
  if (events === 0) throw new Error('nothing was loaded over the narrow line');
  return {
    ...wide,
    narrow_events_per_s: round(events / (NARROW_MS / 1_000), 1),
    idle_peak_rss_mb: idlePeak,
    narrow_peak_rss_mb: narrowPeak,
  };
}
