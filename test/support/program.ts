import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Status } from '../../src/operations/status.ts';
import { until } from './until.ts';

const COMMAND = path.join(import.meta.dirname, '../../bin/millrace');
/** A start that takes longer than this has failed. */
const START_MS = 30_000;
/** A question after the status that takes longer than this has failed. */
const ANSWER_MS = 15_000;

export interface ProgramOptions {
  /** Directory for the configuration and all data. */
  readonly directory: string;
  /** More of the configuration, in YAML; ports and data directory are given. */
  readonly configuration?: Readonly<Record<string, unknown>>;
  /** Words before the command, such as `taskset -c 0`. */
  readonly before?: readonly string[];
  /** What to run; everything in one process if left out. */
  readonly command?: 'up' | 'collect' | 'load';
  /** Single settings over the configuration, each `path=value`. */
  readonly settings?: readonly string[];
}

/** What the program says of itself once it runs. */
interface Addresses {
  /** Absent where it only loads. */
  readonly collector?: string;
  readonly operations: string;
}

/** Programs that share a directory write a configuration each. */
let started = 0;

/** Processes that run: none of them outlives this one. */
const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** The real program in a process of its own, on free ports. */
export class Program {
  /** Empty for `load`, which has none. */
  readonly collector: string;
  readonly operations: string;
  readonly data: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, addresses: Addresses, data: string) {
    this.#child = child;
    this.collector = addresses.collector ?? '';
    this.operations = addresses.operations;
    this.data = data;
  }

  static async start(options: ProgramOptions): Promise<Program> {
    const { directory, configuration = {}, before = [], command = 'up', settings = [] } = options;
    const data = path.join(directory, 'data');
    const file = path.join(directory, command === 'up' ? 'millrace.yaml' : `millrace-${command}-${++started}.yaml`);
    const { collector = {}, ...rest } = configuration as { collector?: object };
    const whole = {
      data,
      collector: { listen: '127.0.0.1:0', ...collector },
      operations: { listen: '127.0.0.1:0' },
      logging: { level: 'warn', format: 'text' },
      ...rest,
    };
    writeFileSync(file, JSON.stringify(whole));
    const set = settings.flatMap((setting) => ['--set', setting]);
    const words = [...before, process.execPath, COMMAND, command, '--json', '--config', file, ...set];
    const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
    living.add(child);
    child.once('exit', () => living.delete(child));
    try {
      const [line] = await Promise.race([
        once(createInterface({ input: child.stdout! }), 'line', { signal: AbortSignal.timeout(START_MS) }),
        once(child, 'exit').then(([code]) => Promise.reject(new Error(`the program ended with ${code} at its start`))),
      ]);
      const addresses = JSON.parse(String(line)) as Partial<Addresses>;
      if (addresses.operations === undefined) throw new Error(`the program did not start: ${line}`);
      return new Program(child, { ...addresses, operations: addresses.operations }, data);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  /** SIGKILL, at once. */
  async kill(): Promise<void> {
    if (!this.running) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  /**
   * Waits until the log has all events that were accepted, and these connectors (or all) have all of
   * the log. The lag alone would not do: an event is accepted before it is in the log, and an answer
   * may come of a look at the log that began before the question. `collecting` is the program that
   * accepts them.
   */
  async hasLoaded(names?: readonly string[], collecting: Program = this): Promise<void> {
    let last: unknown;
    try {
      await until('the log has all', async () => {
        const { buffered, spooled } = (await collecting.status()).accounting;
        last = { buffered, spooled };
        return buffered + spooled === 0;
      });
      // Ends the look that may have begun before.
      await until('the log answers', async () => (await this.status()).log.reachable);
      await until('the connectors have all', async () => {
        const { connectors, log } = await this.status();
        last = connectors;
        return log.reachable && connectors.every(({ name, lag }) => lag === 0 || names?.includes(name) === false);
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}: ${JSON.stringify(last)}`, { cause: error });
    }
  }

  /** Waits until every connector has loaded all there is, then stops; resolves to the exit code. A program that can't is killed. */
  async stopWhenLoaded(): Promise<number | null> {
    try {
      await this.hasLoaded();
    } catch (error) {
      await this.kill();
      throw error;
    }
    return this.stop();
  }

  /** SIGTERM; resolves to the exit code. */
  async stop(): Promise<number | null> {
    if (!this.running) return this.#child.exitCode;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const [code] = (await exited) as [number | null];
    return code;
  }

  /** Whoever leaves it running by an error leaves no process behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async status(): Promise<Status> {
    const response = await fetch(`${this.operations}/api/status`, {
      // A test that runs commands stands still meanwhile, and would not notice that a kept connection was closed.
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (!response.ok) throw new Error(`/api/status answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as Status;
  }

  /** Whether it has not ended. */
  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** The most memory that the process ever held, in MiB (VmHWM of proc(5)). */
  peakRssMb(): number {
    const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')) ?? [];
    return Math.round(Number(kib) / 1024);
  }
}
