/** Says where the time of a process went, from what `node --cpu-prof` wrote. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The parts of V8's .cpuprofile that are needed. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  /** Ids of nodes, one a sample. */
  readonly samples: readonly number[];
  /** Microseconds from each sample to the next. */
  readonly timeDeltas: readonly number[];
}

const ROOT = path.join(import.meta.dirname, '..');
const ROWS = 25;
/** A thread waits in it. */
const IDLE = '(idle)';

/** Flags that make Node write profiles to a directory: one a thread, at its end. */
export function profilingFlags(directory: string): readonly string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${directory}`];
}

/** All profiles in a directory as a table: the functions that used most time by themselves, and the files. */
export function profileTable(directory: string): readonly string[] {
  const byFunction = new Map<string, number>();
  const byFile = new Map<string, number>();
  for (const name of readdirSync(directory).filter((file) => file.endsWith('.cpuprofile'))) {
    const profile = JSON.parse(readFileSync(path.join(directory, name), 'utf8')) as CpuProfile;
    const places = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
    profile.samples.forEach((id, index) => {
      const frame = places.get(id);
      if (!frame || frame.functionName === IDLE) return;
      const microseconds = profile.timeDeltas[index] ?? 0;
      const file = fileOf(frame.url);
      add(byFunction, `${frame.functionName || '(anonymous)'}  ${file}:${frame.lineNumber + 1}`, microseconds);
      add(byFile, file, microseconds);
    });
  }
  return ['by function, of the time not idle:', ...rowsOf(byFunction), 'by file:', ...rowsOf(byFile)];
}

function add(sums: Map<string, number>, name: string, microseconds: number): void {
  sums.set(name, (sums.get(name) ?? 0) + microseconds);
}

function rowsOf(sums: ReadonlyMap<string, number>): readonly string[] {
  const total = sums.values().reduce((sum, one) => sum + one, 0);
  return [...sums]
    .sort(([, a], [, b]) => b - a)
    .slice(0, ROWS)
    .map(([name, one]) => `  ${((100 * one) / total).toFixed(1).padStart(5)} %  ${name}`);
}

/** V8's own work, such as garbage collection, is in no file. */
function fileOf(url: string): string {
  if (url === '') return '(native)';
  return url.startsWith('file:') ? path.relative(ROOT, new URL(url).pathname) : url;
}
