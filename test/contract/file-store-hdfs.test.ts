import { HdfsFileStore } from '../../src/sinks/files/stores/hdfs/store.ts';
import { hdfsOrSkip, hdfsStoreConfigFor } from '../engines/hdfs-test.ts';
import { fileStoreContract } from './file-store.ts';

fileStoreContract('hdfs', async (t) => {
  const hdfs = await hdfsOrSkip(t);
  return hdfs && new HdfsFileStore(hdfsStoreConfigFor(hdfs));
});
