import type { TestContext } from 'node:test';
import { HdfsFileStore } from '../../src/sinks/files/stores/hdfs/store.ts';
import { hdfsStoreConfigFor } from '../engines/hdfs-config.ts';
import { hdfsOrSkip } from '../engines/hdfs-test.ts';
import { fileStoreContract } from './file-store.ts';
import { joiningContract } from './joining.ts';

async function make(t: TestContext): Promise<HdfsFileStore | undefined> {
  const hdfs = await hdfsOrSkip(t);
  return hdfs && new HdfsFileStore(hdfsStoreConfigFor(hdfs));
}

fileStoreContract('hdfs', make);
joiningContract('hdfs', make);
