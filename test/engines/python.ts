/** Fetches packages of Python with pip, once for all runs, into the cache of engines. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { messageOf } from '../../src/support/errors.ts';
import { enginesDirectory, makeOnce, toStandardError } from './maven.ts';
import { EngineUnavailable, runJob } from './server-process.ts';

/** A slow mirror is borne, a hanging one is not. */
const FETCH_MS = 600_000;
/** A program that reads a few files takes seconds. */
const RUN_MS = 120_000;

/** A package of Python with its version, such as `duckdb==2.0.0`. */
export type Requirement = `${string}==${string}`;

/**
 * Runs a program that imports a package, and returns what it printed. Throws
 * {@link EngineUnavailable} if there is no Python, or the package can't be fetched.
 */
export async function runPython(requirement: Requirement, program: string, input: unknown): Promise<string> {
  const packages = await fetchPackage(requirement);
  const prelude = `import json, sys\nsys.path.insert(0, ${JSON.stringify(packages)})\ninput = json.loads(sys.argv[1])\n`;
  return runJob('python3', ['-c', `${prelude}${program}`, JSON.stringify(input)], RUN_MS);
}

/**
 * Where the package and what it needs lie, the latter in the versions of `pins` as far as they name it.
 * Throws {@link EngineUnavailable} if it can't be fetched.
 */
export async function fetchPackage(requirement: Requirement, pins: readonly Requirement[] = []): Promise<string> {
  const [name = ''] = requirement.split('==');
  const requirements = [requirement, ...pins];
  const hash = createHash('sha256').update(requirements.join(' ')).digest('hex').slice(0, 12);
  const home = path.join(enginesDirectory(), `${name}-${hash}`);
  await makeOnce(home, async () => {
    mkdirSync(enginesDirectory(), { recursive: true });
    const staging = mkdtempSync(path.join(enginesDirectory(), 'fetching-'));
    try {
      toStandardError(`Fetching ${requirement} with pip, once …`);
      const words = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check'];
      await runJob('python3', [...words, '--target', path.join(staging, 'packages'), ...requirements], FETCH_MS);
      renameSync(path.join(staging, 'packages'), home);
    } catch (error) {
      throw new EngineUnavailable(`${requirement} can't be fetched with pip: ${messageOf(error)}`);
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  });
  return home;
}

/** What `work` resolves to; `undefined` where this machine can't run it and the test was skipped, which CI never does. */
export async function orSkip<T>(t: TestContext, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (process.env['CI'] === 'true' || !(error instanceof EngineUnavailable)) throw error;
    process.stderr.write(`SKIPPED: ${t.name}\n${error.message}\n`);
    t.skip(error.message);
    return undefined;
  }
}
