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
 * What merged files say of others by their names alone: each holds all that the files of its
 * partition, folder and kind held that were committed by the manifests in its name. One that was
 * copied stands there whole or not at all, and the others until they are removed. To one that is
 * joined the others are added one after another, and each record stands in one file at any moment.
 */
export class Merges {
  readonly #merged = new Map<string, StandingFile[]>();

  /** Of files, those of one folder at least. */
  constructor(files: Iterable<StandingFile>) {
    for (const file of files) {
      if (!file.merged) continue;
      const others = this.#merged.get(keyOf(file));
      if (others) others.push(file);
      else this.#merged.set(keyOf(file), [file]);
    }
  }

  /** Whether a file that stands is one too many: it was copied, and is only not removed yet. */
  isReplaced(file: StandingFile): boolean {
    return this.#holdersOf(file).some(({ joined }) => !joined);
  }

  /** Whether a file that does not stand where it was committed is in a merged one by now. */
  isHeld(file: StandingFile): boolean {
    return this.#holdersOf(file).length > 0;
  }

  /** The joined file that a file belongs to that stands beside it: it can be put to that one, and to no other. */
  joinedWith(file: StandingFile): StandingFile | undefined {
    return this.#holdersOf(file).find(({ joined }) => joined);
  }

  #holdersOf(file: StandingFile): readonly StandingFile[] {
    const { path, from, to } = file;
    return (this.#merged.get(keyOf(file)) ?? []).filter(
      (other) => other.path !== path && other.from <= from && to <= other.to,
    );
  }
}

/** What can be merged with each other. */
export function keyOf({ path: file, chain, extension }: StandingFile): string {
  return `${path.posix.dirname(file)}/${chain}${extension}`;
}
