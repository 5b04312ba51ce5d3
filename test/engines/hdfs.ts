/** Real HDFS on this machine, a NameNode and DataNodes, from Maven packages: no container, no installation. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from '../support/until.ts';
import { dataNodeWords, fileSystemOf, NAMENODE_IDS, planOf, prepare } from './hdfs-site.ts';
import type { JarSet, Progress } from './maven.ts';
import { fetchJars, toStandardError } from './maven.ts';
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
const HA_ADMIN = 'org.apache.hadoop.hdfs.tools.DFSHAAdmin';

/** Small and quick to start; 64 MiB are enough for thousands of files. */
const JAVA = ['-Xmx64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.net.preferIPv4Stack=true'];
/**
 * With the compiler that throughput needs, and with the event loops that a DataNode on eight cores has: of its own accord it
 * takes two a core, each of which stands still for 0.4 s while it closes a file, whatever else is on it.
 */
const JAVA_FAST = ['-Xmx256m', '-XX:+UseSerialGC', '-Djava.net.preferIPv4Stack=true', '-Dio.netty.eventLoopThreads=16'];

const RPC_UP = /NameNode RPC up at/;
const JOB_MS = 60_000;
const WRITABLE_MS = 60_000;
const LOOK_MS = 100;
const HADOOP_USER = 'millrace';

export interface HdfsOptions {
  /** Default 1. */
  readonly dataNodes?: number;
  /** Two NameNodes, of which the second one stands by. */
  readonly pair?: boolean;
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
  /** As on a server: Java compiles fully, with more event loops. For measurements, where the start may take longer. */
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
  /** The second NameNode of a pair. */
  readonly standby: { readonly url: string; readonly nameNode: ServerProcess } | undefined;
  readonly dataNodes: readonly ServerProcess[];
  /** Resolves when a file could be written: of each NameNode safe mode is over, and it knows of a DataNode. */
  writable(): Promise<void>;
  /** Hadoop's own client, from a process of its own: `shell('-cat', '/events/x')`. Resolves to its output. */
  shell(...words: string[]): Promise<string>;
  /** `hdfs dfsadmin`. */
  admin(...words: string[]): Promise<string>;
  /** `hdfs haadmin`, for a pair of NameNodes: nn1, which is active at the start, and nn2. */
  haAdmin(...words: string[]): Promise<string>;
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
    const { pair = false, port } = options;
    const plan = await planOf(directory, { dataNodes: count, pair, port });
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
    const nameNodeWords = (index: 0 | 1) => (pair ? [`-Ddfs.ha.namenode.id=${NAMENODE_IDS[index]}`] : []);
    if (!existsSync(path.join(directory, 'name', 'current'))) {
      await run(NAMENODE, ...nameNodeWords(0), '-format', '-nonInteractive');
    }
    const nameNode = server('NameNode', NAMENODE, RPC_UP, ...nameNodeWords(0));
    const standby = plan.standby && {
      url: `http://127.0.0.1:${plan.standby.http}`,
      nameNode: server('NameNode 2', NAMENODE, RPC_UP, ...nameNodeWords(1)),
    };
    const dataNodes = plan.dataNodes.map((ports, index) =>
      server(
        `DataNode ${index + 1}`,
        DATANODE,
        /Listening HTTP traffic on/,
        ...dataNodeWords(options.blocks?.[index] ?? path.join(directory, `data-${index + 1}`), ports),
      ),
    );
    const url = `http://127.0.0.1:${plan.http}`;
    const allWritable = async () => {
      await Promise.all([url, ...(standby ? [standby.url] : [])].map(writable));
    };
    const all = [nameNode, ...(standby ? [standby.nameNode] : []), ...dataNodes];
    try {
      if (standby) {
        await nameNode.start();
        if (!existsSync(path.join(directory, 'name-2', 'current'))) {
          await run(NAMENODE, ...nameNodeWords(1), '-bootstrapStandby', '-nonInteractive');
        }
        await standby.nameNode.start();
        await run(HA_ADMIN, '-transitionToActive', NAMENODE_IDS[0]);
      }
      await Promise.all(all.filter(({ running }) => !running).map((one) => one.start()));
      await allWritable();
    } catch (error) {
      await Promise.all(all.map((one) => one.kill()));
      throw error;
    }
    return {
      url,
      fileSystem: fileSystemOf(plan),
      user: HADOOP_USER,
      nameNode,
      standby,
      dataNodes,
      writable: allWritable,
      shell: (...rest) => run(SHELL, ...rest),
      admin: (...rest) => run(ADMIN, ...rest),
      haAdmin: (...rest) => run(HA_ADMIN, ...rest),
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
