import { appendFileSync, existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { filesErrors } from '../../src/sinks/files/errors.ts';
import type { Joining } from '../../src/sinks/files/stores/file-store.ts';

/** Joins files of a local store as HDFS does, in one step as far as this process can see. */
export class LocalJoining implements Joining {
  readonly #root: string;
  /** As when files are in a snapshot. */
  refuses = false;

  constructor(root: string) {
    this.#root = root;
  }

  async headOf(files: readonly string[]): Promise<string | undefined> {
    const all = files.map((file) => statSync(this.#pathOf(file), { bigint: true, throwIfNoEntry: false }));
    if (all.includes(undefined)) throw filesErrors.FILES_GONE(files.join());
    return all.some((stats) => stats!.size === 0n) ? undefined : `${all[0]!.dev}:${all[0]!.ino}`;
  }

  async join(target: string, sources: readonly string[]): Promise<void> {
    if (!existsSync(this.#pathOf(target))) throw filesErrors.FILES_GONE(target);
    for (const source of sources.map((source) => this.#pathOf(source))) {
      if (!existsSync(source)) continue;
      if (this.refuses) throw filesErrors.FILES_JOIN_REFUSED(target);
      appendFileSync(this.#pathOf(target), readFileSync(source));
      rmSync(source);
    }
  }

  #pathOf(file: string): string {
    return path.join(this.#root, file);
  }
}
