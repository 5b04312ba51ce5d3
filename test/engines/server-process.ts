/** Servers and jobs as processes of their own, that never outlive the process which started them. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { settlesWithin } from '../../src/support/within.ts';
import { until } from '../support/until.ts';

/** This machine can't run the engine: a program is missing, or its packages can't be fetched. */
export class EngineUnavailable extends Error {
  override readonly name = 'EngineUnavailable';
}

/** What to install, by program. */
const INSTALL: Readonly<Record<string, string>> = {
  java: 'install Java 17 or newer (Debian: apt install openjdk-17-jre-headless)',
  keytool: 'install Java 17 or newer (Debian: apt install openjdk-17-jre-headless)',
  javac: 'install a JDK 17 or newer (Debian: apt install openjdk-17-jdk-headless)',
  jar: 'install a JDK 17 or newer (Debian: apt install openjdk-17-jdk-headless)',
  openssl: 'install OpenSSL (Debian: apt install openssl)',
  mvn: 'install Maven (Debian: apt install maven)',
  go: 'install Go 1.26 or newer (https://go.dev/dl)',
};

/** A start that takes longer than this has failed. */
const READY_MS = 120_000;
/** A server that was told to stop gets this long before it is killed. */
const STOP_MS = 20_000;
/** As much of a server's output as an error shows. */
const SHOWN_BYTES = 4_000;

/** Linux can end a process with its parent, however that ends. */
const SETPRIV = '/usr/bin/setpriv';
const WITH_PARENT =
  process.platform === 'linux' && existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL'] : ([] as const);

const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

let endsAtOnce = false;

/**
 * Node's own teardown (Environment::CleanupHandles) has been seen to spin for ever once servers were
 * killed. By the time of this event the event loop has drained, so that a leak still shows.
 */
function endAtOnce(): void {
  if (endsAtOnce) return;
  endsAtOnce = true;
  process.on('exit', () => process.exit());
  // Node prints an error that nobody caught after that event, and would not get to it.
  process.on('uncaughtExceptionMonitor', (error) => console.error(error));
}

function start(program: string, words: readonly string[], output: number | 'pipe', detached: boolean): ChildProcess {
  const [first = program, ...rest] = [...WITH_PARENT, program, ...words];
  const child = spawn(first, rest, { stdio: ['ignore', output, output], detached });
  living.add(child);
  child.once('close', () => living.delete(child));
  return child;
}

/**
 * Runs a program to its end and returns what it wrote on its standard output.
 * Throws {@link EngineUnavailable} if there is no such program, else an error with all it wrote.
 */
export async function runJob(program: string, words: readonly string[], deadlineMs: number): Promise<string> {
  const child = start(program, words, 'pipe', false);
  let output = '';
  let complaints = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    complaints += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    if (code === 0) return output;
    if (isMissing(code, complaints)) throw missing(program);
    const shown = `${output}${complaints}`.slice(-SHOWN_BYTES);
    throw new Error(`${program} ended with ${code ?? `a deadline of ${deadlineMs} ms`}: ${shown}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw missing(program);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** setpriv(1) says 127 for a program that is not there. */
function isMissing(code: number | null, output: string): boolean {
  return code === 127 && output.startsWith('setpriv:');
}

/** Whether all threads of a process are stopped (proc(5)); taken for granted where there is no /proc. */
function isStopped(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return true;
  return readdirSync(tasks).every((task) => {
    try {
      return /^State:\s+T/m.test(readFileSync(`${tasks}/${task}/status`, 'utf8'));
    } catch {
      return true; // a thread that ended meanwhile
    }
  });
}

function missing(program: string): EngineUnavailable {
  return new EngineUnavailable(`${program} is not on this machine: ${INSTALL[program] ?? `install ${program}`}`);
}

export interface ServerOptions {
  readonly name: string;
  readonly program: string;
  readonly words: readonly string[];
  /** All that the server writes; a new start writes it anew. */
  readonly output: string;
  /** Is in the output when the server is ready. */
  readonly ready: RegExp;
  /** What tells it to end in order (default SIGTERM). */
  readonly stopSignal?: NodeJS.Signals;
}

/** A server in a process of its own, that can be ended, frozen and started again. */
export class ServerProcess {
  readonly #options: ServerOptions;
  #child: ChildProcess | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  /** Of the running process, or of the last one. */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.#options.name} was never started`);
    return pid;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts the server and waits until it is ready; one that ends first or takes too long is an error with its output. */
  async start(): Promise<void> {
    const { name, program, words, output, ready } = this.#options;
    if (this.running) throw new Error(`${name} runs already`);
    endAtOnce();
    const file = openSync(output, 'w');
    // A group of its own: a Ctrl-C in the terminal is for us, and we stop the server in order.
    const child = start(program, words, file, true);
    closeSync(file);
    this.#child = child;
    let failed: Error | undefined;
    child.once('error', (error) => {
      failed = error;
    });
    try {
      await until(
        `${name} is ready`,
        () => {
          if (failed) throw failed;
          if (!this.running) throw new Error(`${name} ended with ${child.exitCode ?? child.signalCode}`);
          return ready.test(readFileSync(output, 'utf8'));
        },
        READY_MS,
      );
    } catch (error) {
      await this.kill();
      const text = readFileSync(output, 'utf8');
      if (isMissing(child.exitCode, text) || (error as NodeJS.ErrnoException).code === 'ENOENT') throw missing(program);
      throw new Error(`${(error as Error).message}:\n${text.slice(-SHOWN_BYTES)}`, { cause: error });
    }
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Tells the server to end in order; a frozen one is thawed, one that does not end is killed. */
  async stop(): Promise<void> {
    this.thaw();
    if (await settlesWithin(this.#end(this.#options.stopSignal ?? 'SIGTERM'), STOP_MS)) return;
    await this.kill();
  }

  /** SIGSTOP: its connections stay open and nothing answers. Resolves when that is so. */
  async freeze(): Promise<void> {
    if (!this.running) return;
    this.#child?.kill('SIGSTOP');
    // Its threads run on until the kernel gets round to them.
    await until(`${this.#options.name} stands still`, () => !this.running || isStopped(this.pid));
  }

  /** SIGCONT. */
  thaw(): void {
    if (this.running) this.#child?.kill('SIGCONT');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child?.pid || !this.running) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
}
