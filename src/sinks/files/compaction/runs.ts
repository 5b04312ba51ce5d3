import type { StandingFile } from '../standing.ts';
import { keyOf, Merges } from '../standing.ts';

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
 * run, as does a unit with an excluded file: the name of a merged file says that it stands for all
 * in a range of numbers. What is left over of a join is not free: it may be joined any moment.
 */
export function runsOf(files: readonly StandingFile[], options: RunsOptions): Run[] {
  const { settledBefore, extensions, excluded } = options;
  const merges = new Merges(files);
  const kinds = new Map<string, Map<number, StandingFile[]>>();
  for (const file of files) {
    if (!extensions.includes(file.extension) || merges.isHeld(file)) continue;
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

/** Files that are left over of a join, with the file that they belong to. */
export interface LeftOver {
  readonly joined: StandingFile;
  /** In the order of offsets. */
  readonly files: readonly StandingFile[];
}

/** What a join left that was cut off or refused, for each joined file of a folder. */
export function leftOverOf(files: readonly StandingFile[]): LeftOver[] {
  const merges = new Merges(files);
  const left = Map.groupBy(files, (file) => merges.joinedWith(file));
  return [...left].flatMap(([joined, files]) =>
    joined ? [{ joined, files: files.sort((a, b) => a.from - b.from || a.first - b.first) }] : [],
  );
}
