/** Kafka's own Connect on this machine, a worker of the distributed form, to compare with. */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { classpathOf, LOG_TO_OUTPUT, SMALL } from './jvm.ts';
import type { JarSet, Progress } from './maven.ts';
import { fetchJars, toStandardError } from './maven.ts';
import { freePorts } from './ports.ts';
import { ServerProcess } from './server-process.ts';

const CONNECT: JarSet = {
  name: 'kafka-connect',
  artifacts: [
    'org.apache.kafka:connect-runtime:4.3.1',
    'org.apache.kafka:connect-json:4.3.1',
    'org.apache.kafka:connect-file:4.3.1',
    'org.apache.logging.log4j:log4j-slf4j-impl:2.25.5',
  ],
};

const WORKER = 'org.apache.kafka.connect.cli.ConnectDistributed';
const READY = /Finished starting connectors and tasks/;
const TEXT = 'org.apache.kafka.connect.storage.StringConverter';

export interface KafkaConnectOptions {
  readonly brokers: readonly string[];
  /** Of the REST API; else a free one. */
  readonly port?: number;
  readonly progress?: Progress;
}

export interface KafkaConnect {
  /** Of the REST API: `http://127.0.0.1:PORT`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts a worker that reads and writes files, and resolves when it takes requests (some 3 s). Throws `EngineUnavailable`. */
export async function startKafkaConnect({
  brokers,
  port,
  progress = toStandardError,
}: KafkaConnectOptions): Promise<KafkaConnect> {
  const home = await fetchJars(CONNECT, progress);
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-connect-'));
  const [free = 0] = port === undefined ? await freePorts(1) : [port];
  const url = `http://127.0.0.1:${free}`;
  const logging = path.join(directory, 'log4j2.properties');
  writeFileSync(logging, LOG_TO_OUTPUT);
  const plugins = path.join(directory, 'plugins', 'connect-file');
  mkdirSync(plugins, { recursive: true });
  for (const jar of readdirSync(path.join(home, 'lib')).filter((name) => name.startsWith('connect-file-'))) {
    copyFileSync(path.join(home, 'lib', jar), path.join(plugins, jar));
  }
  const properties = {
    'bootstrap.servers': brokers.join(','),
    'group.id': 'kafka-connect',
    'config.storage.topic': 'kafka-connect-configs',
    'offset.storage.topic': 'kafka-connect-offsets',
    'status.storage.topic': 'kafka-connect-status',
    'config.storage.replication.factor': '1',
    'offset.storage.replication.factor': '1',
    'status.storage.replication.factor': '1',
    'offset.storage.partitions': '1',
    'status.storage.partitions': '1',
    'key.converter': TEXT,
    'value.converter': TEXT,
    listeners: url,
    'plugin.path': path.join(directory, 'plugins'),
    'plugin.discovery': 'service_load',
  };
  const file = path.join(directory, 'worker.properties');
  writeFileSync(
    file,
    Object.entries(properties)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const server = new ServerProcess({
    name: 'Kafka Connect',
    program: 'java',
    words: [...SMALL, `-Dlog4j2.configurationFile=${logging}`, ...classpathOf(home), WORKER, file],
    output: path.join(directory, 'output.log'),
    ready: READY,
  });
  const close = async () => {
    await server.kill();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await server.start();
  } catch (error) {
    await close();
    throw error;
  }
  return { url, close };
}
