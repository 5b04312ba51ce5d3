import path from 'node:path';
import type { ParsedDataFileName } from './paths.ts';
import { parseDataFileName } from './paths.ts';

/** A data file by its name. */
export interface StandingFile extends ParsedDataFileName {
  readonly path: string;
}

/** Undefined for what no manifest of this program committed. */
export function standingFile(file: string): StandingFile | undefined {
  const name = parseDataFileName(path.posix.basename(file));
  return name && { ...name, path: file };
}

/**
 * Which files are replaced by a merged one, and only not removed yet. Names alone tell it: a merged
 * file holds all that the files of its partition, folder and kind held that were committed by the
 * manifests in its name, and it stands there whole or not at all.
 */
export class Replacements {
  readonly #merged = new Map<string, StandingFile[]>();

  constructor(files: Iterable<StandingFile>) {
    for (const file of files) {
      if (!file.merged) continue;
      const others = this.#merged.get(keyOf(file));
      if (others) others.push(file);
      else this.#merged.set(keyOf(file), [file]);
    }
  }

  isReplaced(file: StandingFile): boolean {
    return (this.#merged.get(keyOf(file)) ?? []).some(
      ({ path, from, to }) => path !== file.path && from <= file.from && file.to <= to,
    );
  }
}

/** What can be merged with each other. */
export function keyOf({ path: file, chain, extension }: StandingFile): string {
  return `${path.posix.dirname(file)}/${chain}${extension}`;
}
