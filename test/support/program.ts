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

export interface ProgramOptions {
  /** Directory for the configuration and all data. */
  readonly directory: string;
  /** More of the configuration, in YAML; ports and data directory are given. */
  readonly configuration?: Readonly<Record<string, unknown>>;
  /** Words before the command, such as `taskset -c 0`. */
  readonly before?: readonly string[];
}

/** The real program in a process of its own, on free ports. */
export class Program {
  readonly collector: string;
  readonly operations: string;
  readonly data: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, addresses: { collector: string; operations: string }, data: string) {
    this.#child = child;
    this.collector = addresses.collector;
    this.operations = addresses.operations;
    this.data = data;
  }

  static async start({ directory, configuration = {}, before = [] }: ProgramOptions): Promise<Program> {
    const data = path.join(directory, 'data');
    const file = path.join(directory, 'millrace.yaml');
    const { collector = {}, ...rest } = configuration as { collector?: object };
    const whole = {
      data,
      collector: { listen: '127.0.0.1:0', ...collector },
      operations: { listen: '127.0.0.1:0' },
      logging: { level: 'warn', format: 'text' },
      ...rest,
    };
    writeFileSync(file, JSON.stringify(whole));
    const words = [...before, process.execPath, COMMAND, 'up', '--json', '--config', file];
    const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
    const line = await Promise.race([
      once(createInterface({ input: child.stdout! }), 'line', { signal: AbortSignal.timeout(START_MS) }),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`the program ended with ${code} at its start`))),
    ]);
    return new Program(child, JSON.parse(String(line[0])) as { collector: string; operations: string }, data);
  }

  /** SIGKILL, at once. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  /** Waits until every connector has loaded all there is, then stops; resolves to the exit code. A program that can't is killed. */
  async stopWhenLoaded(): Promise<number | null> {
    let last: unknown;
    try {
      await until('every connector has caught up', async () => {
        const { connectors } = await this.status();
        last = connectors;
        return connectors.every(({ lag }) => lag === 0);
      });
    } catch (error) {
      await this.kill();
      throw new Error(`${(error as Error).message}: ${JSON.stringify(last)}`, { cause: error });
    }
    return this.stop();
  }

  /** SIGTERM; resolves to the exit code. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const [code] = (await exited) as [number | null];
    return code;
  }

  async status(): Promise<Status> {
    const response = await fetch(`${this.operations}/api/status`);
    return (await response.json()) as Status;
  }

  /** The most memory that the process ever held, in MiB (VmHWM of proc(5)). */
  peakRssMb(): number {
    const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')) ?? [];
    return Math.round(Number(kib) / 1024);
  }
}
