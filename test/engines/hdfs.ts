/** Real HDFS on this machine, a NameNode and DataNodes, from Maven packages: no container, no installation. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from '../support/until.ts';
import type { JarSet, Progress } from './maven.ts';
import { fetchJars, toStandardError } from './maven.ts';
import { freePorts } from './ports.ts';
import { runJob, ServerProcess } from './server-process.ts';

const HADOOP: JarSet = {
  name: 'hadoop',
  artifacts: [
    'org.apache.hadoop:hadoop-common:3.5.0',
    'org.apache.hadoop:hadoop-hdfs:3.5.0',
    'org.apache.hadoop:hadoop-hdfs-client:3.5.0',
  ],
};

const NAMENODE = 'org.apache.hadoop.hdfs.server.namenode.NameNode';
const DATANODE = 'org.apache.hadoop.hdfs.server.datanode.DataNode';
const SHELL = 'org.apache.hadoop.fs.FsShell';
const ADMIN = 'org.apache.hadoop.hdfs.tools.DFSAdmin';

/** Small and quick to start; 64 MiB are enough for thousands of files. */
const JAVA = ['-Xmx64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.net.preferIPv4Stack=true'];
/** With the compiler that throughput needs. */
const JAVA_FAST = ['-Xmx256m', '-XX:+UseSerialGC', '-Djava.net.preferIPv4Stack=true'];

/** The web server of every role wants its folder, which the plain jars lack. */
const WEB_FOLDERS = ['hdfs', 'datanode', 'journal', 'secondary', 'static'];

const NAMENODE_PORTS = 2;
const DATANODE_PORTS = 3;
const JOB_MS = 60_000;
const WRITABLE_MS = 60_000;
const LOOK_MS = 100;
const HADOOP_USER = 'millrace';

export interface HdfsOptions {
  /** Default 1. */
  readonly dataNodes?: number;
  /** Copies of a block. Default 1. */
  readonly replication?: number;
  /** Keeps the data and the ports for a later start with the same options; else both end with the servers. */
  readonly directory?: string;
  /** Where the DataNodes keep their blocks, one each, in place of folders below the directory. */
  readonly blocks?: readonly string[];
  /** The port of the NameNode's WebHDFS; else a free one. */
  readonly port?: number;
  /** More of hdfs-site.xml, above ours. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Lets Java compile fully: for measurements, where the start may take longer. */
  readonly throughput?: boolean;
  readonly progress?: Progress;
  /** Words before each `java`, such as `taskset -c 1`. */
  readonly before?: readonly string[];
}

export interface Hdfs {
  /** Where WebHDFS is: `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** `hdfs://127.0.0.1:PORT`, for clients of Hadoop's own protocol. */
  readonly fileSystem: string;
  /** Who owns the file system. */
  readonly user: string;
  readonly nameNode: ServerProcess;
  readonly dataNodes: readonly ServerProcess[];
  /** Resolves when a file could be written: safe mode is over, and a DataNode is there. */
  writable(): Promise<void>;
  /** Hadoop's own client, from a process of its own: `shell('-cat', '/events/x')`. Resolves to its output. */
  shell(...words: string[]): Promise<string>;
  /** `hdfs dfsadmin`. */
  admin(...words: string[]): Promise<string>;
  close(): Promise<void>;
}

/**
 * Starts HDFS and resolves when files can be written (5–12 s; the very first start of a machine
 * fetches 68 MB). Throws `EngineUnavailable` where Java or Maven is missing.
 */
export async function startHdfs(options: HdfsOptions = {}): Promise<Hdfs> {
  const { dataNodes: count = 1, progress = toStandardError } = options;
  const home = await fetchJars(HADOOP, progress);
  const directory = options.directory ?? mkdtempSync(path.join(tmpdir(), 'millrace-hdfs-'));
  const removeIfOurs = () => {
    if (!options.directory) rmSync(directory, { recursive: true, force: true });
  };
  try {
    const plan = await planOf(directory, count, options.port);
    const [classpath, java] = [prepare(directory, home, plan, options), options.throughput ? JAVA_FAST : JAVA];
    const words = (main: string, ...rest: string[]) => [...java, '-cp', classpath, main, ...rest];
    const run = (main: string, ...rest: string[]) =>
      runJob('env', [`HADOOP_USER_NAME=${HADOOP_USER}`, 'java', ...words(main, ...rest)], JOB_MS);
    const server = (name: string, main: string, ready: RegExp, ...rest: string[]) => {
      const [program = 'env', ...before] = [...(options.before ?? []), 'env'];
      return new ServerProcess({
        name,
        program,
        words: [...before, `HADOOP_USER_NAME=${HADOOP_USER}`, 'java', ...words(main, ...rest)],
        output: path.join(directory, `${name.replaceAll(' ', '-')}.log`),
        ready,
      });
    };
    if (!existsSync(path.join(directory, 'name', 'current'))) await run(NAMENODE, '-format', '-nonInteractive');
    const nameNode = server('NameNode', NAMENODE, /NameNode RPC up at/);
    const dataNodes = plan.dataNodes.map((ports, index) =>
      server(
        `DataNode ${index + 1}`,
        DATANODE,
        /Listening HTTP traffic on/,
        ...dataNodeWords(options.blocks?.[index] ?? path.join(directory, `data-${index + 1}`), ports),
      ),
    );
    const url = `http://127.0.0.1:${plan.http}`;
    const all = [nameNode, ...dataNodes];
    try {
      await Promise.all(all.map((one) => one.start()));
      await writable(url);
    } catch (error) {
      await Promise.all(all.map((one) => one.kill()));
      throw error;
    }
    return {
      url,
      fileSystem: `hdfs://127.0.0.1:${plan.rpc}`,
      user: HADOOP_USER,
      nameNode,
      dataNodes,
      writable: () => writable(url),
      shell: (...rest) => run(SHELL, ...rest),
      admin: (...rest) => run(ADMIN, ...rest),
      close: async () => {
        await Promise.all(all.map((one) => (options.directory ? one.stop() : one.kill())));
        removeIfOurs();
      },
    };
  } catch (error) {
    removeIfOurs();
    throw error;
  }
}

interface DataNodePorts {
  readonly data: number;
  readonly http: number;
  readonly ipc: number;
}

interface Plan {
  readonly http: number;
  readonly rpc: number;
  readonly dataNodes: readonly DataNodePorts[];
}

/** The ports, the same each time where the directory is kept. */
async function planOf(directory: string, count: number, port: number | undefined): Promise<Plan> {
  const file = path.join(directory, 'plan.json');
  if (existsSync(file)) {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Plan;
    if (kept.dataNodes.length !== count) {
      throw new Error(`${directory} holds ${kept.dataNodes.length} DataNodes, not ${count}`);
    }
    return { ...kept, http: port ?? kept.http };
  }
  const [http = 0, rpc = 0, ...free] = await freePorts(NAMENODE_PORTS + count * DATANODE_PORTS);
  const dataNodes = Array.from({ length: count }, (_, index) => {
    const [data = 0, own = 0, ipc = 0] = free.slice(index * DATANODE_PORTS);
    return { data, http: own, ipc };
  });
  const plan: Plan = { http: port ?? http, rpc, dataNodes };
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, JSON.stringify(plan));
  return plan;
}

/** Writes the configuration; resolves to the class path. */
function prepare(directory: string, home: string, plan: Plan, options: HdfsOptions): string {
  const [conf, web] = [path.join(directory, 'conf'), path.join(directory, 'web')];
  mkdirSync(conf, { recursive: true });
  for (const folder of WEB_FOLDERS) mkdirSync(path.join(web, 'webapps', folder), { recursive: true });
  writeFileSync(
    path.join(conf, 'core-site.xml'),
    toXml({
      'fs.defaultFS': `hdfs://127.0.0.1:${plan.rpc}`,
      'hadoop.tmp.dir': path.join(directory, 'tmp'),
    }),
  );
  writeFileSync(
    path.join(conf, 'hdfs-site.xml'),
    toXml({
      'dfs.replication': String(options.replication ?? 1),
      'dfs.namenode.name.dir': path.join(directory, 'name'),
      'dfs.namenode.http-address': `127.0.0.1:${plan.http}`,
      'dfs.datanode.hostname': '127.0.0.1',
      'dfs.namenode.safemode.extension': '0',
      'dfs.heartbeat.interval': '1',
      // A DataNode that was killed is called dead after 16 s, not ten minutes.
      'dfs.namenode.heartbeat.recheck-interval': '3000',
      'dfs.blockreport.initialDelay': '0',
      // The machine's own disk may be nearly full: what is left is not ours to judge.
      'dfs.namenode.resource.du.reserved': '1048576',
      ...options.properties,
    }),
  );
  writeFileSync(
    path.join(conf, 'log4j.properties'),
    'log4j.rootLogger=INFO,out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n' +
      'log4j.appender.out.layout=org.apache.log4j.PatternLayout\n' +
      'log4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n\nlog4j.appender.out.target=System.err\n',
  );
  return [conf, web, path.join(home, 'lib', '*')].join(path.delimiter);
}

function dataNodeWords(blocks: string, ports: DataNodePorts): string[] {
  return [
    // A disk in memory would else be one for hints only (RAM_DISK).
    `-Ddfs.datanode.data.dir=[DISK]${blocks}`,
    `-Ddfs.datanode.address=127.0.0.1:${ports.data}`,
    `-Ddfs.datanode.http.address=127.0.0.1:${ports.http}`,
    `-Ddfs.datanode.ipc.address=127.0.0.1:${ports.ipc}`,
  ];
}

/** Asks until a file could be written. */
async function writable(url: string): Promise<void> {
  const bean = async (name: string): Promise<Record<string, unknown>> => {
    const response = await fetch(`${url}/jmx?qry=Hadoop:service=NameNode,name=${name}`);
    const { beans } = (await response.json()) as { beans: Record<string, unknown>[] };
    return beans[0] ?? {};
  };
  const isWritable = async () => {
    try {
      const { Safemode } = await bean('NameNodeInfo');
      const { NumLiveDataNodes } = await bean('FSNamesystemState');
      return Safemode === '' && Number(NumLiveDataNodes) > 0;
    } catch {
      return false;
    }
  };
  await until('HDFS can be written', isWritable, WRITABLE_MS, LOOK_MS);
}

function toXml(properties: Readonly<Record<string, string>>): string {
  const all = Object.entries(properties).map(
    ([name, value]) => `<property><name>${name}</name><value>${value}</value></property>\n`,
  );
  return `<configuration>\n${all.join('')}</configuration>\n`;
}
