import { HdfsFileStore } from '../../src/sinks/files/stores/hdfs/store.ts';
import { hdfsOrSkip, hdfsStoreConfigFor } from '../engines/hdfs-test.ts';
import { sinkContract } from './sink.ts';
import { filesHarness } from './sink-files.ts';

sinkContract('files on HDFS', async (t) => {
  const hdfs = await hdfsOrSkip(t);
  return hdfs && filesHarness(t, new HdfsFileStore(hdfsStoreConfigFor(hdfs)), {});
});
