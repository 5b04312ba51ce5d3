import { startKafka } from '../../test/engines/kafka.ts';
import { KafkaView } from '../../test/support/kafka-view.ts';
import { Program } from '../../test/support/program.ts';

/** What is loaded in these drills. */
export const TOPICS = ['select-color', 'web-events'];
/** A member that was killed holds its partitions for this long. Kafka's own least is 6 s. */
const SESSION_SECONDS = 3;

export interface LoadingOptions {
  /** For the configurations and all data. */
  readonly directory: string;
  /** Loaders at a time. */
  readonly loaders: number;
  /** Of each topic. */
  readonly partitions: number;
  /** More of the configuration of all programs. */
  readonly configuration: Readonly<Record<string, unknown>>;
}

/** A Kafka, a collector before it, and loaders behind it; all end with the stack. */
export async function startLoading(options: LoadingOptions, stack: AsyncDisposableStack) {
  const { directory, partitions } = options;
  const kafka = await startKafka({ properties: { 'group.min.session.timeout.ms': String(SESSION_SECONDS * 1000) } });
  stack.defer(() => kafka.close());
  const group = { sessionTimeout: `${SESSION_SECONDS}s`, heartbeatInterval: '500ms' };
  const configuration = {
    log: { kafka: { brokers: kafka.brokers, group } },
    topics: {
      'select-color': { types: ['select-color'], partitions },
      'web-events': { types: [], partitions },
    },
    ...options.configuration,
  };
  const collector = stack.use(await Program.start({ directory, configuration, command: 'collect' }));
  const view = new KafkaView(kafka.plainBrokers);
  stack.defer(() => view.close());
  const loaders = new Loaders(directory, configuration, stack);
  await Promise.all(Array.from({ length: options.loaders }, () => loaders.join()));
  return { collector, view, loaders, configuration };
}

/** The loaders of the moment: processes that share a data directory and two consumer groups. */
export class Loaders {
  readonly #directory: string;
  readonly #configuration: Readonly<Record<string, unknown>>;
  readonly #stack: AsyncDisposableStack;
  readonly #running: Program[] = [];
  /** Exit codes of those that were told to stop. */
  readonly #leaving: Promise<number | null>[] = [];
  readonly #coming: Promise<void>[] = [];
  changes = 0;
  killed = 0;
  stopped = 0;

  constructor(directory: string, configuration: Readonly<Record<string, unknown>>, stack: AsyncDisposableStack) {
    this.#directory = directory;
    this.#configuration = configuration;
    this.#stack = stack;
  }

  /** Those that run, the oldest first. */
  get running(): readonly Program[] {
    return this.#running;
  }

  async join(): Promise<void> {
    const program = await Program.start({
      directory: this.#directory,
      configuration: this.#configuration,
      command: 'load',
    });
    this.#running.push(this.#stack.use(program));
  }

  /**
   * The oldest one goes, by turns killed and politely, and another one comes; nobody waits for
   * either. Returns false, and nothing changes, while only one is there: others are still starting.
   */
  change(): boolean {
    if (this.#running.length < 2) return false;
    const oldest = this.#running.shift()!;
    if (this.changes++ % 2 === 0) {
      this.killed++;
      this.#coming.push(oldest.kill().then(() => this.join()));
    } else {
      this.stopped++;
      this.#leaving.push(oldest.stop());
      this.#coming.push(this.join());
    }
    return true;
  }

  /** Waits for those that come. */
  async settled(): Promise<void> {
    await Promise.all(this.#coming);
  }

  /** Stops all that are left; resolves to the exit codes of all that were ever stopped. */
  async end(): Promise<readonly (number | null)[]> {
    await this.settled();
    this.#leaving.push(...this.#running.map((program) => program.stop()));
    return Promise.all(this.#leaving);
  }
}
