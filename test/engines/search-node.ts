/** What Elasticsearch and OpenSearch have in common: one node from Maven packages, with no more modules than needed. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fetchJava25, SMALL } from './jvm.ts';
import type { JarSet, Progress } from './maven.ts';
import { fetchJars, makeOnce, toStandardError } from './maven.ts';
import { freePorts } from './ports.ts';
import { runJob, ServerProcess } from './server-process.ts';

export interface SearchNodeOptions {
  /** Keeps the data for a later start; else it ends with the node. */
  readonly directory?: string;
  readonly port?: number;
  /** More settings of the node, above ours: `{ 'indexing_pressure.memory.limit': '100kb' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Lets Java compile fully and gives it more memory: for measurements. */
  readonly throughput?: boolean;
  /** Words before `java`, such as `taskset -c 1`. */
  readonly before?: readonly string[];
  readonly progress?: Progress;
}

/** A node in a process of its own. A start after an end finds the same data and port. */
export interface SearchNode {
  readonly name: 'elasticsearch' | 'opensearch';
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  readonly pid: number;
  /** The file with what the node logs. */
  readonly output: string;
  /** Asks the node as any client might; throws for a status from 400 on. */
  ask(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
  start(): Promise<void>;
  kill(): Promise<void>;
  stop(): Promise<void>;
  freeze(): Promise<void>;
  thaw(): void;
  /** Ends the node, and removes its data unless the directory was given. */
  close(): Promise<void>;
}

/** A module as the server loads it: a folder with jars of its own and a description. */
export interface Module {
  readonly name: string;
  /** What its jars' names begin with; they leave the class path of the server. */
  readonly jars: readonly string[];
  readonly mainClass: string;
  /** Java sources to compile into a jar for it, relative to test/engines/java. */
  readonly sources?: readonly string[];
}

/** How one product differs from the other. */
export interface Product {
  readonly name: SearchNode['name'];
  readonly version: string;
  readonly jars: JarSet;
  readonly modules: readonly Module[];
  /** The class in test/engines/java that runs a node. */
  readonly launcher: string;
  /** Before `.path.home` and others in system properties. */
  readonly prefix: string;
  /** Needs a later Java than the machine is asked to have, with these flags: one is fetched. */
  readonly java25?: { readonly flags: readonly string[] };
}

/** Eclipse's compiler: the Java that is fetched comes without one. */
const ECJ: JarSet = { name: 'ecj', artifacts: ['org.eclipse.jdt:ecj:3.46.100'] };
const SOURCES = path.join(import.meta.dirname, 'java');
const COMPILE_MS = 120_000;
const ASK_MS = 30_000;

const LOGGING = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
`;

/** What the scripts of the distributions pass to Java. */
const JAVA = [
  '-Djava.net.preferIPv4Stack=true',
  '-Dlog4j2.disable.jmx=true',
  '-Dlog4j.shutdownHookEnabled=false',
  '-Dio.netty.noUnsafe=true',
  '-Dio.netty.noKeySetOptimization=true',
  '-Dio.netty.recycler.maxCapacityPerThread=0',
  '-Dio.netty.allocator.numDirectArenas=0',
];

/**
 * Starts a node and resolves when it takes requests. Fetches what it needs at the first time.
 * Throws `EngineUnavailable` where Java or Maven is missing.
 */
export async function startSearchNode(product: Product, options: SearchNodeOptions): Promise<SearchNode> {
  const progress = options.progress ?? toStandardError;
  const java = product.java25 ? await fetchJava25() : 'java';
  const compiler = product.java25 ? await compilerFor(java, progress) : ['javac'];
  const home = await layOut(product, compiler, await fetchJars(product.jars, progress));
  const directory = options.directory ?? mkdtempSync(path.join(tmpdir(), `millrace-${product.name}-`));
  const removeIfOurs = () => {
    if (!options.directory) rmSync(directory, { recursive: true, force: true });
  };
  const [free = 0, transport = 0] = await freePorts(2);
  const ports = { port: options.port ?? free, transport };
  const node = new Node(product, java, home, directory, ports, options, removeIfOurs);
  try {
    await node.start();
  } catch (error) {
    removeIfOurs();
    throw error;
  }
  return node;
}

class Node implements SearchNode {
  readonly name: SearchNode['name'];
  readonly url: string;
  readonly output: string;
  readonly #server: ServerProcess;
  readonly #remove: () => void;
  readonly #kept: boolean;

  constructor(
    product: Product,
    java: string,
    home: string,
    directory: string,
    ports: { readonly port: number; readonly transport: number },
    options: SearchNodeOptions,
    remove: () => void,
  ) {
    const { name, prefix, launcher } = product;
    this.name = name;
    this.url = `http://127.0.0.1:${ports.port}`;
    this.output = path.join(directory, 'output.log');
    this.#remove = remove;
    this.#kept = options.directory !== undefined;
    const config = path.join(directory, 'config');
    const temporary = path.join(directory, 'tmp');
    for (const folder of [config, temporary]) mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(config, 'log4j2.properties'), LOGGING);
    writeFileSync(path.join(config, `${name}.yml`), '');
    const settings = {
      'cluster.name': 'millrace-test',
      'node.name': 'n1',
      'discovery.type': 'single-node',
      'network.host': '127.0.0.1',
      'http.port': String(ports.port),
      'transport.port': String(ports.transport),
      'path.data': path.join(directory, 'data'),
      'path.logs': path.join(directory, 'logs'),
      // A test machine's disk is often nearly full, which would make every index read-only.
      'cluster.routing.allocation.disk.threshold_enabled': 'false',
      ...options.settings,
    };
    const [program = java, ...before] = [...(options.before ?? []), java];
    this.#server = new ServerProcess({
      name,
      program,
      words: [
        ...before,
        ...(product.java25?.flags ?? []),
        ...(options.throughput ? ['-Xms1g', '-Xmx1g'] : [...SMALL, '-Xms256m']),
        ...JAVA,
        `-Djava.io.tmpdir=${temporary}`,
        `-D${prefix}.path.home=${home}`,
        `-D${prefix}.path.conf=${config}`,
        `-D${prefix}.distribution.type=tar`,
        '-cp',
        path.join(home, 'lib', '*'),
        launcher,
        ...Object.entries(settings).map(([setting, value]) => `${setting}=${value}`),
      ],
      output: this.output,
      ready: /the node has started$/m,
    });
  }

  get pid(): number {
    return this.#server.pid;
  }

  async ask(method: string, where: string, body?: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(new URL(where, this.url), {
      method,
      signal: AbortSignal.timeout(ASK_MS),
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${where}: ${response.status} ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
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

  async close(): Promise<void> {
    await (this.#kept ? this.#server.stop() : this.#server.kill());
    this.#remove();
  }
}

/** A folder as the server wants its home to be: `lib/`, `modules/`, `plugins/`, made once beside the jars. */
async function layOut(product: Product, compiler: readonly string[], fetched: string): Promise<string> {
  const parts = [JSON.stringify(product), ...sourcesOf(product).map((file) => readFileSync(file, 'utf8'))];
  const digest = createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 12);
  const home = path.join(fetched, `home-${digest}`);
  await makeOnce(home, async () => {
    const staging = mkdtempSync(path.join(fetched, 'laying-out-'));
    try {
      const jars = readdirSync(path.join(fetched, 'lib'));
      const moduleOf = (jar: string) =>
        product.modules.find((module) => module.jars.some((start) => jar.startsWith(start)));
      for (const folder of ['lib', 'plugins', ...product.modules.map(({ name }) => `modules/${name}`)]) {
        mkdirSync(path.join(staging, folder), { recursive: true });
      }
      for (const jar of jars) {
        const module = moduleOf(jar);
        const folder = module ? path.join('modules', module.name) : 'lib';
        place(path.join(fetched, 'lib', jar), path.join(staging, folder, jar));
      }
      const against = path.join(fetched, 'lib');
      await compile(compiler, [`${product.launcher}.java`], against, path.join(staging, 'lib', 'launcher.jar'));
      for (const module of product.modules) {
        const folder = path.join(staging, 'modules', module.name);
        if (module.sources) await compile(compiler, module.sources, against, path.join(folder, `${module.name}.jar`));
        writeFileSync(path.join(folder, 'plugin-descriptor.properties'), descriptionOf(product, module));
      }
      renameSync(staging, home);
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  });
  return home;
}

function sourcesOf({ launcher, modules }: Product): string[] {
  const names = [`${launcher}.java`, ...modules.flatMap(({ sources = [] }) => sources)];
  return names.map((name) => path.join(SOURCES, name));
}

/** The same bytes at a second place, without taking their room where the file system can do that. */
function place(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/** A Java without a compiler of its own, and a compiler in Java that knows its classes. */
async function compilerFor(java: string, progress: Progress): Promise<readonly string[]> {
  const home = await fetchJars(ECJ, progress);
  const [jar = ''] = readdirSync(path.join(home, 'lib'));
  return [java, '-jar', path.join(home, 'lib', jar), '-source', '21', '-target', '21', '-proc:none'];
}

async function compile(
  [program = '', ...flags]: readonly string[],
  sources: readonly string[],
  against: string,
  jar: string,
): Promise<void> {
  const classes = mkdtempSync(path.join(tmpdir(), 'millrace-classes-'));
  try {
    const files = sources.map((source) => path.join(SOURCES, source));
    const jars = readdirSync(against).map((name) => path.join(against, name));
    const words = ['-nowarn', '-cp', jars.join(path.delimiter), '-d', classes, ...files];
    await runJob(program, [...flags, ...words], COMPILE_MS);
    await runJob('jar', ['cf', jar, '-C', classes, '.'], COMPILE_MS);
  } finally {
    rmSync(classes, { recursive: true, force: true });
  }
}

function descriptionOf({ name: product, version }: Product, { name, mainClass }: Module): string {
  return `name=${name}
description=${name}
version=${version}
${product}.version=${version}
java.version=17
classname=${mainClass}
`;
}
