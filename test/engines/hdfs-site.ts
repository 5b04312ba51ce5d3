/** Where the servers of an HDFS keep their data, on which ports they are, and how they are configured. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePorts } from './ports.ts';

/** The web server of every role wants its folder, which the plain jars lack. */
const WEB_FOLDERS = ['hdfs', 'datanode', 'journal', 'secondary', 'static'];

const NAMENODE_PORTS = 2;
const DATANODE_PORTS = 3;

/** What both NameNodes of a pair are called together. */
const SERVICE = 'millrace';
/** What Hadoop calls the NameNodes of a pair. */
export const NAMENODE_IDS = ['nn1', 'nn2'] as const;

export interface DataNodePorts {
  readonly data: number;
  readonly http: number;
  readonly ipc: number;
}

interface NameNodePorts {
  readonly http: number;
  readonly rpc: number;
}

export interface Plan extends NameNodePorts {
  readonly standby?: NameNodePorts;
  readonly dataNodes: readonly DataNodePorts[];
}

/** The ports, the same each time where the directory is kept. */
export async function planOf(
  directory: string,
  options: { dataNodes: number; pair: boolean; port: number | undefined },
): Promise<Plan> {
  const { dataNodes: count, pair, port } = options;
  const file = path.join(directory, 'plan.json');
  if (existsSync(file)) {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Plan;
    if (kept.dataNodes.length !== count || (kept.standby !== undefined) !== pair) {
      throw new Error(`${directory} holds an HDFS of other servers, ${kept.dataNodes.length} DataNodes among them`);
    }
    return { ...kept, http: port ?? kept.http };
  }
  const ports = await freePorts(2 * NAMENODE_PORTS + count * DATANODE_PORTS);
  const [http = 0, rpc = 0, otherHttp = 0, otherRpc = 0, ...free] = ports;
  const dataNodes = Array.from({ length: count }, (_, index) => {
    const [data = 0, own = 0, ipc = 0] = free.slice(index * DATANODE_PORTS);
    return { data, http: own, ipc };
  });
  const standby = pair ? { standby: { http: otherHttp, rpc: otherRpc } } : {};
  const plan: Plan = { http: port ?? http, rpc, ...standby, dataNodes };
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, JSON.stringify(plan));
  return plan;
}

/** Writes the configuration; resolves to the class path. */
export function prepare(
  directory: string,
  home: string,
  plan: Plan,
  options: { readonly replication?: number; readonly properties?: Readonly<Record<string, string>> },
): string {
  const [conf, web] = [path.join(directory, 'conf'), path.join(directory, 'web')];
  mkdirSync(conf, { recursive: true });
  for (const folder of WEB_FOLDERS) mkdirSync(path.join(web, 'webapps', folder), { recursive: true });
  writeFileSync(
    path.join(conf, 'core-site.xml'),
    toXml({
      'fs.defaultFS': fileSystemOf(plan),
      'hadoop.tmp.dir': path.join(directory, 'tmp'),
    }),
  );
  writeFileSync(
    path.join(conf, 'hdfs-site.xml'),
    toXml({
      'dfs.replication': String(options.replication ?? 1),
      ...(plan.standby ? pairOf(directory, [plan, plan.standby]) : aloneOf(directory, plan)),
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

export function dataNodeWords(blocks: string, ports: DataNodePorts): string[] {
  return [
    // A disk in memory would else be one for hints only (RAM_DISK).
    `-Ddfs.datanode.data.dir=[DISK]${blocks}`,
    `-Ddfs.datanode.address=127.0.0.1:${ports.data}`,
    `-Ddfs.datanode.http.address=127.0.0.1:${ports.http}`,
    `-Ddfs.datanode.ipc.address=127.0.0.1:${ports.ipc}`,
  ];
}

/** What clients of Hadoop's own protocol call the file system. */
export function fileSystemOf({ rpc, standby }: Plan): string {
  return standby ? `hdfs://${SERVICE}` : `hdfs://127.0.0.1:${rpc}`;
}

function aloneOf(directory: string, { http }: NameNodePorts): Record<string, string> {
  return {
    'dfs.namenode.name.dir': path.join(directory, 'name'),
    'dfs.namenode.http-address': `127.0.0.1:${http}`,
  };
}

/** Two NameNodes that share their edits in a folder of this machine, and change places when they are told to. */
function pairOf(directory: string, nodes: readonly NameNodePorts[]): Record<string, string> {
  const own = nodes.map(({ http, rpc }, index) => {
    const id = `${SERVICE}.${NAMENODE_IDS[index]}`;
    return {
      [`dfs.namenode.name.dir.${id}`]: path.join(directory, index === 0 ? 'name' : 'name-2'),
      [`dfs.namenode.http-address.${id}`]: `127.0.0.1:${http}`,
      [`dfs.namenode.rpc-address.${id}`]: `127.0.0.1:${rpc}`,
    };
  });
  return Object.assign(
    {
      'dfs.nameservices': SERVICE,
      [`dfs.ha.namenodes.${SERVICE}`]: NAMENODE_IDS.join(','),
      [`dfs.client.failover.proxy.provider.${SERVICE}`]:
        'org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider',
      'dfs.namenode.shared.edits.dir': `file://${path.join(directory, 'shared')}`,
      // Whoever lets them change places has seen to it that the old one is gone.
      'dfs.ha.fencing.methods': 'shell(/bin/true)',
      'dfs.ha.automatic-failover.enabled': 'false',
      'dfs.ha.tail-edits.period': '1',
      'dfs.ha.standby.checkpoints': 'false',
    },
    ...own,
  );
}

function toXml(properties: Readonly<Record<string, string>>): string {
  const all = Object.entries(properties).map(
    ([name, value]) => `<property><name>${name}</name><value>${value}</value></property>\n`,
  );
  return `<configuration>\n${all.join('')}</configuration>\n`;
}
