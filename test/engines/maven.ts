/** Fetches the jars of an engine with Maven, once for all runs, into a cache outside the repository. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { lockDirectory } from '../../src/support/directory-lock.ts';
import { until } from '../support/until.ts';
import { EngineUnavailable, runJob } from './server-process.ts';

/** Says how far a start has come, to whoever waits for it. */
export type Progress = (line: string) => void;

/** On standard error, where it disturbs no test report. */
export const toStandardError: Progress = (line) => {
  process.stderr.write(`${line}\n`);
};

/** What an engine is made of. */
export interface JarSet {
  readonly name: string;
  /** As `group:artifact:version`; what they need at run time comes with them. */
  readonly artifacts: readonly string[];
}

/** A slow mirror is borne, a hanging one is not. */
const FETCH_MS = 600_000;
/** As long as the longest that is made takes on a slow machine. */
const MAKE_MS = 1_800_000;

/** Where engines are kept: `MILLRACE_ENGINES`, else `~/.cache/millrace/engines`. */
export function enginesDirectory(): string {
  return process.env['MILLRACE_ENGINES'] || path.join(homedir(), '.cache', 'millrace', 'engines');
}

/** The home of a jar set: its jars lie in `lib/`, and what is derived from them may be kept beside it. */
export async function fetchJars(set: JarSet, progress: Progress): Promise<string> {
  const pom = pomOf(set);
  const home = path.join(
    enginesDirectory(),
    `${set.name}-${createHash('sha256').update(pom).digest('hex').slice(0, 12)}`,
  );
  return makeOnce(path.join(home, 'lib'), async () => {
    mkdirSync(home, { recursive: true });
    const staging = mkdtempSync(path.join(home, 'fetching-'));
    try {
      progress(`Fetching ${set.name} with Maven, once: ${set.artifacts.join(', ')} …`);
      const pomFile = path.join(staging, 'pom.xml');
      const jars = path.join(staging, 'lib');
      writeFileSync(pomFile, pom);
      const words = ['-B', '-ntp', '-q', '-f', pomFile, 'dependency:copy-dependencies'];
      await runJob('mvn', [...words, '-DincludeScope=runtime', `-DoutputDirectory=${jars}`], FETCH_MS);
      renameSync(jars, path.join(home, 'lib'));
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  }).then(() => home);
}

/**
 * Makes what is missing from the cache. Whoever comes second waits for the first, also in another
 * process; `make` puts the file or directory in place whole, by a rename.
 */
export async function makeOnce(made: string, make: () => Promise<void>): Promise<void> {
  if (existsSync(made)) return;
  const lock = await until(`${made} is there`, () => lockDirectory(path.join(enginesDirectory(), 'locks')), MAKE_MS);
  try {
    if (!existsSync(made)) await make();
  } finally {
    lock.release();
  }
}

function pomOf({ name, artifacts }: JarSet): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, id, version] = artifact.split(':');
    if (!group || !id || !version) throw new EngineUnavailable(`${artifact} is not group:artifact:version`);
    return `<dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>millrace.engines</groupId><artifactId>${name}</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('\n')}</dependencies>
</project>
`;
}
