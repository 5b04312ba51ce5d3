import type { StandingFile } from '../standing.ts';
import { keyOf, Replacements } from '../standing.ts';

/** All files of a partition in one folder that the same manifest committed. They are merged together or not at all. */
export type Unit = readonly StandingFile[];

/** Units that may become one file: no other one lies between them. */
export type Run = readonly Unit[];

export interface RunsOptions {
  /** Files of manifests below this number are finished, and nobody comes back to them. Undefined: none are. */
  readonly settledBefore: (chain: string) => number | undefined;
  /** Ends of names that may be merged. */
  readonly extensions: readonly string[];
  /** Files that stay as they are. */
  readonly excluded: ReadonlySet<string>;
}

/**
 * What can be merged in a folder, in the order of offsets. A merged file stays as it is and ends a
 * run, as does a unit with an excluded file: the name of a merged file says that it replaces all in
 * a range of numbers.
 */
export function runsOf(files: readonly StandingFile[], options: RunsOptions): Run[] {
  const { settledBefore, extensions, excluded } = options;
  const replacements = new Replacements(files);
  const kinds = new Map<string, Map<number, StandingFile[]>>();
  for (const file of files) {
    if (!extensions.includes(file.extension) || replacements.isReplaced(file)) continue;
    if (file.from >= (settledBefore(file.chain) ?? 0)) continue;
    const units = kinds.get(keyOf(file)) ?? new Map<number, StandingFile[]>();
    kinds.set(keyOf(file), units);
    const unit = units.get(file.from) ?? [];
    units.set(file.from, unit);
    unit.push(file);
  }
  return [...kinds.values()].flatMap((units) => {
    const runs: Unit[][] = [[]];
    for (const [, unit] of [...units].sort(([a], [b]) => a - b)) {
      if (unit.some(({ merged, path }) => merged || excluded.has(path))) runs.push([]);
      else runs.at(-1)!.push(unit.sort((a, b) => a.first - b.first));
    }
    return runs.filter((run) => run.flat().length > 1);
  });
}
