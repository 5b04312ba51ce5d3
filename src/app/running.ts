import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** How another command finds a program that runs on a data directory. */
export interface RunningProgram {
  readonly pid: number;
  /** Made anew at each start: a process id and a port may both belong to another program by now. */
  readonly instance: string;
  /** Base address of the operations API. */
  readonly operations: string;
  /** What it does: collect, load, or both. */
  readonly collects: boolean;
  readonly loads: boolean;
}

/** A file a process: on a shared log several work on one data directory. */
const DIRECTORY = 'running';

export function announce(dataDirectory: string, program: RunningProgram): void {
  const directory = path.join(dataDirectory, DIRECTORY);
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, fileOf(program.pid)), `${JSON.stringify(program)}\n`, { mode: 0o600 });
}

export function withdraw(dataDirectory: string, pid: number): void {
  rmSync(path.join(dataDirectory, DIRECTORY, fileOf(pid)), { force: true });
}

/**
 * The programs that announced themselves here, those that collect first. Each may have died a
 * moment ago, so it has to be asked. One whose process is gone is not told of, and forgotten.
 */
export function findRunning(dataDirectory: string): readonly RunningProgram[] {
  const directory = path.join(dataDirectory, DIRECTORY);
  const found: RunningProgram[] = [];
  for (const name of namesIn(directory)) {
    const program = read(path.join(directory, name));
    if (!program) continue;
    if (isAlive(program.pid)) found.push(program);
    else rmSync(path.join(directory, name), { force: true });
  }
  return found.sort((a, b) => Number(b.collects) - Number(a.collects));
}

function fileOf(pid: number): string {
  return `${pid}.json`;
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

function read(file: string): RunningProgram | undefined {
  try {
    const program = JSON.parse(readFileSync(file, 'utf8')) as Partial<RunningProgram>;
    const { pid, instance, operations, collects = false, loads = false } = program;
    if (typeof pid !== 'number' || typeof instance !== 'string' || typeof operations !== 'string') return undefined;
    return { pid, instance, operations, collects, loads };
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Alive, but another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
