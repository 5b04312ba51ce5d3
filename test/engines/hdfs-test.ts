/** Tests against real HDFS. */
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { Hdfs, HdfsOptions } from './hdfs.ts';
import { startHdfs } from './hdfs.ts';
import { orSkip } from './or-skip.ts';

/** Closing a file takes 400 ms with HDFS's own pause before it asks again whether a block is there. */
const QUICK_CLOSE = { 'dfs.client.block.write.locateFollowingBlock.initial.delay.ms': '20' };

/** One HDFS a test file: a start takes longer than most tests. */
let shared: Promise<Hdfs> | undefined;

test.after(async () => {
  const hdfs = await shared?.catch(() => undefined);
  await hdfs?.close();
});

/** A test with the HDFS that all such tests of the file share. Where it can't run the test is skipped, and says so. */
export function hdfsTest(name: string, body: (hdfs: Hdfs, t: TestContext) => Promise<void>): void {
  test(name, async (t) => {
    const hdfs = await hdfsOrSkip(t);
    if (hdfs) await body(hdfs, t);
  });
}

/** The HDFS for a test that is written without {@link hdfsTest}; one of its own if there are options. */
export function hdfsOrSkip(t: TestContext, options?: HdfsOptions): Promise<Hdfs | undefined> {
  return orSkip(t, 'HDFS', async () => {
    if (!options) {
      shared ??= startHdfs({ properties: QUICK_CLOSE });
      return shared;
    }
    const hdfs = await startHdfs(options);
    t.after(() => hdfs.close());
    return hdfs;
  });
}
