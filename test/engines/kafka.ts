/** Real Apache Kafka (KRaft) on this machine, from Maven packages: no container, no installation. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { classpathOf, FAST, fromClassArchive, LOG_TO_OUTPUT, SMALL } from './jvm.ts';
import type { KafkaSasl } from './kafka-security.ts';
import { makeCertificate, protocolOf, scramWords, securityProperties } from './kafka-security.ts';
import type { JarSet, Progress } from './maven.ts';
import { fetchJars, toStandardError } from './maven.ts';
import { freePorts } from './ports.ts';
import { runJob, ServerProcess } from './server-process.ts';

const KAFKA: JarSet = {
  name: 'kafka',
  artifacts: ['org.apache.kafka:kafka_2.13:4.4.0', 'org.apache.logging.log4j:log4j-slf4j-impl:2.25.5'],
};

export interface KafkaOptions {
  /** Each is broker and controller; three make topics of three replicas possible. Default 1. */
  readonly nodes?: 1 | 3;
  /** Keeps the data and the ports for a later start with the same options; else both end with the cluster. */
  readonly directory?: string;
  /** Ports for clients, one a node; else free ones. */
  readonly ports?: readonly number[];
  /** Lets Java compile fully and gives it more memory: for measurements, where the start may take longer. */
  readonly throughput?: boolean;
  /** More of server.properties, above ours. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Clients must speak TLS; what they have to trust is {@link KafkaCluster.ca}. */
  readonly tls?: boolean;
  /** Clients must say who they are. */
  readonly sasl?: KafkaSasl;
  /** `host:port` that clients are sent to, one a node, where a proxy stands before the brokers. */
  readonly advertised?: readonly string[];
  readonly progress?: Progress;
  /** Words before each `java`, such as `taskset -c 1`. */
  readonly before?: readonly string[];
}

/** One broker, in a process of its own. A start after an end finds the same data and ports. */
export interface KafkaNode {
  readonly id: number;
  /** `host:port` that the broker itself listens on for clients. */
  readonly address: string;
  readonly pid: number;
  /** The file with what the broker logs. */
  readonly output: string;
  /** Resolves when the broker takes requests. */
  start(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves when the process is gone. */
  stop(): Promise<void>;
  /** SIGSTOP: connections stay open, and nothing answers. Resolves when that is so. */
  freeze(): Promise<void>;
  /** SIGCONT. */
  thaw(): void;
}

export interface KafkaCluster {
  /** `host:port` for clients, one a node: what was advertised. */
  readonly brokers: readonly string[];
  /** `host:port` of listeners without TLS, SASL or proxy, for tools that look at the cluster from beside. */
  readonly plainBrokers: readonly string[];
  /** By node id, from 1. */
  readonly nodes: readonly KafkaNode[];
  /** The certificate to trust, in PEM, where `tls` was asked for. */
  readonly ca: string | undefined;
  /** Ends every broker: in order where the directory is kept, else at once, with its data. */
  close(): Promise<void>;
}

/** A port for clients, one for brokers and tools, one for controllers. */
const PORTS_OF_A_NODE = 3;
const FORMAT_MS = 60_000;
const CLUSTER_ID_BYTES = 16;
/** What a broker logs last when it starts: it is registered and takes requests. */
const STARTED = /Kafka Server started/;

/**
 * Starts a cluster and resolves when every broker takes requests (2–4 s; the very first start of a
 * machine fetches 43 MB and makes an archive of classes).
 * Throws `EngineUnavailable` where Java or Maven is missing.
 */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaCluster> {
  const { nodes: count = 1, progress = toStandardError } = options;
  const home = await fetchJars(KAFKA, progress);
  const archive = await fromClassArchive(home, (words) => rehearse(home, words, progress));
  const directory = options.directory ?? mkdtempSync(path.join(tmpdir(), 'millrace-kafka-'));
  const removeIfOurs = () => {
    if (!options.directory) rmSync(directory, { recursive: true, force: true });
  };
  try {
    const plan = await planOf(directory, count, options);
    const certificate = options.tls ? await makeCertificate(path.join(directory, 'tls')) : undefined;
    const security = securityProperties(certificate, options.sasl);
    const nodes = plan.ports.map(
      (_, index) => new Broker({ home, archive, directory, plan, index, security, options }),
    );
    await Promise.all(nodes.map((node) => node.format(plan.clusterId)));
    try {
      await Promise.all(nodes.map((node) => node.start()));
    } catch (error) {
      await Promise.all(nodes.map((node) => node.kill()));
      throw error;
    }
    return {
      brokers: options.advertised ?? nodes.map(({ address }) => address),
      plainBrokers: plan.ports.map(({ broker }) => `127.0.0.1:${broker}`),
      nodes,
      ca: certificate?.ca,
      close: async () => {
        await Promise.all(nodes.map((node) => (options.directory ? node.stop() : node.kill())));
        removeIfOurs();
      },
    };
  } catch (error) {
    removeIfOurs();
    throw error;
  }
}

/** A broker that starts and stops in order, once a machine, so that later ones start from its classes. */
async function rehearse(home: string, words: readonly string[], progress: Progress): Promise<void> {
  progress('Preparing Kafka to start quickly, once …');
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-kafka-'));
  try {
    const plan = await planOf(directory, 1, {});
    const node = new Broker({ home, archive: words, directory, plan, index: 0, security: {}, options: {} });
    await node.format(plan.clusterId);
    await node.start();
    await node.stop();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What all nodes of a cluster have to agree on, and what a kept directory remembers. */
interface Plan {
  readonly clusterId: string;
  readonly ports: readonly { readonly client: number; readonly broker: number; readonly controller: number }[];
}

async function planOf(directory: string, count: number, { ports = [] }: KafkaOptions): Promise<Plan> {
  const file = path.join(directory, 'plan.json');
  if (existsSync(file)) {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Plan;
    if (kept.ports.length !== count)
      throw new Error(`${directory} holds a cluster of ${kept.ports.length}, not ${count}`);
    return { ...kept, ports: kept.ports.map((node, index) => ({ ...node, client: ports[index] ?? node.client })) };
  }
  const free = await freePorts(count * PORTS_OF_A_NODE);
  const plan: Plan = {
    clusterId: newClusterId(),
    ports: Array.from({ length: count }, (_, index) => {
      const [client = 0, broker = 0, controller = 0] = free.slice(index * PORTS_OF_A_NODE);
      return { client: ports[index] ?? client, broker, controller };
    }),
  };
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, JSON.stringify(plan));
  return plan;
}

interface BrokerOptions {
  readonly home: string;
  /** Words for Java about its archive of classes. */
  readonly archive: readonly string[];
  readonly directory: string;
  readonly plan: Plan;
  readonly index: number;
  readonly security: Readonly<Record<string, string>>;
  readonly options: KafkaOptions;
}

class Broker implements KafkaNode {
  readonly id: number;
  readonly address: string;
  readonly output: string;
  readonly #java: readonly string[];
  readonly #properties: string;
  readonly #format: readonly string[];
  readonly #server: ServerProcess;

  constructor({ home, archive, directory, plan, index, security, options }: BrokerOptions) {
    const own = path.join(directory, `node-${index + 1}`);
    this.id = index + 1;
    this.address = `127.0.0.1:${plan.ports[index]!.client}`;
    this.output = path.join(own, 'output.log');
    this.#properties = path.join(own, 'server.properties');
    this.#format = scramWords(options.sasl);
    mkdirSync(own, { recursive: true });
    const logging = path.join(own, 'log4j2.properties');
    writeFileSync(logging, LOG_TO_OUTPUT);
    const properties = { ...propertiesOf(own, plan, index, options), ...security, ...options.properties };
    writeFileSync(this.#properties, toPropertiesFile(properties));
    this.#java = [
      ...(options.throughput ? FAST : SMALL),
      ...archive,
      `-Dlog4j2.configurationFile=${logging}`,
      ...classpathOf(home),
    ];
    const [program = 'java', ...words] = [...(options.before ?? []), 'java'];
    this.#server = new ServerProcess({
      name: `Kafka ${this.id}`,
      program,
      words: [...words, ...this.#java, 'kafka.Kafka', this.#properties],
      output: this.output,
      ready: STARTED,
    });
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** Writes the first metadata, unless there is some. */
  async format(clusterId: string): Promise<void> {
    const words = ['format', '-t', clusterId, '-c', this.#properties, '--ignore-formatted', ...this.#format];
    const java = this.#java.filter((word) => !word.startsWith('-XX:ArchiveClassesAtExit'));
    await runJob('java', [...java, 'kafka.tools.StorageTool', ...words], FORMAT_MS);
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  kill(): Promise<void> {
    return this.#server.kill();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  freeze(): Promise<void> {
    return this.#server.freeze();
  }

  thaw(): void {
    this.#server.thaw();
  }
}

function propertiesOf(
  own: string,
  { ports }: Plan,
  index: number,
  { tls = false, sasl, advertised }: KafkaOptions,
): Readonly<Record<string, string>> {
  const { client, broker, controller } = ports[index]!;
  const replicas = String(ports.length);
  const inSync = String(Math.ceil(ports.length / 2));
  return {
    'process.roles': 'broker,controller',
    'node.id': String(index + 1),
    'controller.quorum.voters': ports.map((other, at) => `${at + 1}@127.0.0.1:${other.controller}`).join(','),
    listeners: `CLIENT://127.0.0.1:${client},BROKER://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `CLIENT://${advertised?.[index] ?? `127.0.0.1:${client}`},BROKER://127.0.0.1:${broker}`,
    'listener.security.protocol.map': `CLIENT:${protocolOf(tls, sasl)},BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    'inter.broker.listener.name': 'BROKER',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': path.join(own, 'data'),
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    // Fifty partitions of one replica each would be made at the first commit.
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    // Else a broker that was killed is refused as a double of itself until its session of 9 s ends.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
  };
}

/** Its broker comes back without the records of a partition, as after the loss of a disk. */
export async function losePartition(node: KafkaNode, topic: string, partition: number): Promise<void> {
  await node.stop();
  rmSync(path.join(path.dirname(node.output), 'data', `${topic}-${partition}`), { recursive: true });
  await node.start();
}

function toPropertiesFile(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** A new id for a cluster. The tools take it as a word of its own, so it can't begin like an option. */
function newClusterId(): string {
  return `k${randomBytes(CLUSTER_ID_BYTES).toString('base64url').slice(1)}`;
}
