import { HdfsFileStore } from '../../src/sinks/files/stores/hdfs/store.ts';
import { hdfsStoreConfigFor } from '../engines/hdfs-config.ts';
import { hdfsOrSkip } from '../engines/hdfs-test.ts';
import { fileStoreContract } from './file-store.ts';

fileStoreContract('hdfs', async (t) => {
  const hdfs = await hdfsOrSkip(t);
  return hdfs && new HdfsFileStore(hdfsStoreConfigFor(hdfs));
});
