/** Tests against real HDFS. */
import type { TestContext } from 'node:test';
import test from 'node:test';
import { readConfiguration } from '../../src/config/read.ts';
import type { HdfsStoreConfig } from '../../src/sinks/files/stores/hdfs/config.ts';
import { hdfsStoreConfig } from '../../src/sinks/files/stores/hdfs/config.ts';
import type { Hdfs, HdfsOptions } from './hdfs.ts';
import { startHdfs } from './hdfs.ts';
import { orSkip } from './or-skip.ts';

/** Closing a file takes 400 ms with HDFS's own pause before it asks again whether a block is there. */
const QUICK_CLOSE = { 'dfs.client.block.write.locateFollowingBlock.initial.delay.ms': '20' };

/** One HDFS a test file: a start takes longer than most tests. */
let shared: Promise<Hdfs> | undefined;
let roots = 0;

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

/** The configuration of a store over an empty root of its own, but for what is given. */
export function hdfsStoreConfigFor(hdfs: Hdfs, given: Partial<HdfsStoreConfig> = {}): HdfsStoreConfig {
  const own = { namenodes: [hdfs.url], path: `/test-${process.pid}-${++roots}`, user: hdfs.user };
  const { value, faults } = readConfiguration(hdfsStoreConfig, JSON.stringify({ ...own, ...given }), {});
  if (faults.length > 0) throw new Error(faults.map(({ message }) => message).join(' '));
  return value;
}
