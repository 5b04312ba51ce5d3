import type { TestContext } from 'node:test';
import { EngineUnavailable } from './server-process.ts';

/**
 * What `work` resolves to, which starts the engine that it needs; `undefined` where that can't run
 * and the test was skipped, which it says aloud. With `CI=true` it fails instead.
 */
export async function orSkip<T>(t: TestContext, engine: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (process.env['CI'] === 'true' || !(error instanceof EngineUnavailable)) throw error;
    process.stderr.write(`SKIPPED, no ${engine} runs here: ${t.name}\n${error.message}\n`);
    t.skip(`no ${engine} runs on this machine`);
    return undefined;
  }
}
