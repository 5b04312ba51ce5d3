/** Public clients of Kafka Connect's REST API, unmodified, each in a process of its own language. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Interface } from 'node:readline';
import { createInterface } from 'node:readline';
import { SMALL } from './jvm.ts';
import { fetchJars, makeOnce, toStandardError } from './maven.ts';
import { fetchPackage } from './python.ts';
import { runJob } from './server-process.ts';

/** kafka-connect-py (MIT), and what it needs. */
const PYTHON_CLIENT = 'kafka-connect-py==1.0.0';
const PYTHON_PINS = [
  'requests==2.34.2',
  'click==8.5.1',
  'urllib3==2.8.0',
  'charset-normalizer==3.5.2',
  'idna==3.20',
  'certifi==2026.10.18',
] as const;
const PYTHON_DRIVER = path.join(import.meta.dirname, 'python', 'connect_client.py');

/** MIT; its own POM names the versions of what it needs. */
const JAVA_CLIENT = { name: 'connect-client', artifacts: ['org.sourcelab:kafka-connect-client:4.0.4'] };
const JAVA_DRIVER = path.join(import.meta.dirname, 'java', 'ConnectClient.java');
const COMPILE_MS = 120_000;
/** Says clearly if the language is not there. */
const VERSION_MS = 60_000;

/** As much as a client complains before it ends is shown. */
const SHOWN_CHARACTERS = 4_000;
/** A call that takes longer than this has failed. */
const ANSWER_MS = 60_000;

/** An answer that the server refused, as the client understood it. */
export interface Refused {
  readonly status: number;
  readonly message: string;
}

/** How a client is started. */
interface Launch {
  readonly program: string;
  readonly words: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** A public client by its name, which can be started any number of times. */
export interface PublicClient {
  readonly name: string;
  /** Fetches what it needs at the first time. Throws `EngineUnavailable` where its language is missing. */
  launch(): Promise<Launch>;
}

export const kafkaConnectPy: PublicClient = {
  name: 'kafka-connect-py (Python)',
  launch: async () => {
    await runJob('python3', ['--version'], VERSION_MS);
    const packages = await fetchPackage(PYTHON_CLIENT, PYTHON_PINS);
    return { program: 'python3', words: [PYTHON_DRIVER], environment: { PYTHONPATH: packages } };
  },
};

export const sourceLabClient: PublicClient = {
  name: 'kafka-connect-client (Java)',
  launch: async () => {
    await runJob('java', ['--version'], VERSION_MS);
    const home = await fetchJars(JAVA_CLIENT, toStandardError);
    const jars = path.join(home, 'lib', '*');
    const digest = createHash('sha256').update(readFileSync(JAVA_DRIVER)).digest('hex').slice(0, 12);
    const classes = path.join(home, `classes-${digest}`);
    await makeOnce(classes, async () => {
      const staging = mkdtempSync(path.join(home, 'compiling-'));
      try {
        await runJob('javac', ['-cp', jars, '-d', path.join(staging, 'classes'), JAVA_DRIVER], COMPILE_MS);
        renameSync(path.join(staging, 'classes'), classes);
      } finally {
        rmSync(staging, { recursive: true, force: true });
      }
    });
    return { program: 'java', words: [...SMALL, '-cp', `${jars}${path.delimiter}${classes}`, 'ConnectClient'] };
  },
};

/** A client that runs: it is told one call after the other, and says what it made of the answers. */
export class ConnectClient {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: Interface;
  #complaints = '';

  /** `password` goes by HTTP's basic authentication, the one way that these clients have. */
  constructor({ program, words, environment }: Launch, url: string, password?: string) {
    const credentials = password === undefined ? [] : [`anyone:${password}`];
    const env = { ...process.env, ...environment, NO_PROXY: '127.0.0.1' };
    // It ends with its input, and so never outlives this process.
    this.#child = spawn(program, [...words, url, ...credentials], { env });
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = `${this.#complaints}${text}`.slice(-SHOWN_CHARACTERS);
    });
  }

  /** What the client returned. Throws if it threw, also where the server refused. */
  async ask(call: string, ...words: readonly unknown[]): Promise<unknown> {
    const { value, refused } = await this.#call(call, words);
    if (refused) throw new Error(`${call} was refused: ${refused.status} ${refused.message}`);
    return value;
  }

  /** The refusal that the client understood; `undefined` where there was none. */
  async refusal(call: string, ...words: readonly unknown[]): Promise<Refused | undefined> {
    return (await this.#call(call, words)).refused;
  }

  /** Ends the process. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin.end();
    await ended;
  }

  async #call(
    call: string,
    words: readonly unknown[],
  ): Promise<{ readonly value?: unknown; readonly refused?: Refused }> {
    const answered = new AbortController();
    const signal = AbortSignal.any([answered.signal, AbortSignal.timeout(ANSWER_MS)]);
    try {
      const answer = once(this.#lines, 'line', { signal });
      this.#child.stdin.write(`${JSON.stringify([call, ...words])}\n`);
      const ended = once(this.#child, 'close', { signal }).then(() => {
        throw new Error(`the client ended at ${call}: ${this.#complaints}`);
      });
      const [line] = (await Promise.race([answer, ended])) as [string];
      return JSON.parse(line) as { value?: unknown; refused?: Refused };
    } finally {
      answered.abort();
    }
  }
}
