/** Programs that Go builds, once for all runs, into the cache of engines. */
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Progress } from './maven.ts';
import { enginesDirectory, makeOnce } from './maven.ts';
import { runJob } from './server-process.ts';

export interface GoBuild {
  /** For a person, such as `versitygw 1.8.0`. */
  readonly name: string;
  /** Of its folder in the cache, with its version. */
  readonly folder: string;
  /** The file that is built. */
  readonly program: string;
  /** How long it takes, in words. */
  readonly takes: string;
  readonly deadlineMs: number;
  /** Builds the file into a folder, by calls of `go` with these words, which give what it says. */
  build(staging: string, go: (...words: readonly string[]) => Promise<string>): Promise<unknown>;
}

/** The path of the program, which is built if it is not there. Throws `EngineUnavailable` where Go is missing. */
export async function builtByGo(
  { name, folder, program, takes, deadlineMs, build }: GoBuild,
  progress: Progress,
): Promise<string> {
  const home = path.join(enginesDirectory(), folder);
  const built = path.join(home, program);
  const go = (...words: readonly string[]) => runJob('go', words, deadlineMs);
  await makeOnce(built, async () => {
    // Says clearly if there is no Go.
    await go('version');
    progress(`Building ${name} with Go, once, in ${takes} …`);
    mkdirSync(home, { recursive: true });
    const staging = mkdtempSync(path.join(home, 'building-'));
    try {
      await build(staging, go);
      renameSync(path.join(staging, program), built);
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  });
  return built;
}
