import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** How another command finds the program that runs on a data directory. */
export interface RunningProgram {
  readonly pid: number;
  /** Made anew at each start: a process id and a port may both belong to another program by now. */
  readonly instance: string;
  /** Base address of the operations API. */
  readonly operations: string;
}

const FILE = 'running.json';

export function announce(dataDirectory: string, program: RunningProgram): void {
  writeFileSync(path.join(dataDirectory, FILE), `${JSON.stringify(program)}\n`, { mode: 0o600 });
}

export function withdraw(dataDirectory: string): void {
  rmSync(path.join(dataDirectory, FILE), { force: true });
}

/**
 * The program that announced itself here; it may have died a moment ago, so it has to be asked. One
 * whose process is gone is not told of: another data directory's program may have its port by now.
 */
export function findRunning(dataDirectory: string): RunningProgram | undefined {
  try {
    const { pid, instance, operations } = JSON.parse(
      readFileSync(path.join(dataDirectory, FILE), 'utf8'),
    ) as Partial<RunningProgram>;
    if (typeof pid !== 'number' || typeof instance !== 'string' || typeof operations !== 'string') return undefined;
    return isAlive(pid) ? { pid, instance, operations } : undefined;
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
