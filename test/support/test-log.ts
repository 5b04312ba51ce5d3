import type { TestContext } from 'node:test';
import type { EmbeddedLog } from '../../src/log/embedded/open.ts';
import { openEmbeddedLog } from '../../src/log/embedded/open.ts';
import { EMBEDDED_DEFAULTS } from './embedded-log.ts';
import { temporaryDirectory } from './temporary.ts';

/** An embedded log of the test's own. */
export async function openTestLog(t: Pick<TestContext, 'after'>): Promise<EmbeddedLog> {
  const directory = temporaryDirectory(t);
  const log = await openEmbeddedLog({ directory, ...EMBEDDED_DEFAULTS });
  t.after(() => log.close());
  return log;
}
