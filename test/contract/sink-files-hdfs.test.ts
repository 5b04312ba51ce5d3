import { HdfsFileStore } from '../../src/sinks/files/stores/hdfs/store.ts';
import { hdfsStoreConfigFor } from '../engines/hdfs-config.ts';
import { hdfsOrSkip } from '../engines/hdfs-test.ts';
import { sinkContract } from './sink.ts';
import { filesHarness } from './sink-files.ts';

sinkContract('files on HDFS', async (t) => {
  const hdfs = await hdfsOrSkip(t);
  return hdfs && filesHarness(t, new HdfsFileStore(hdfsStoreConfigFor(hdfs)), {});
});
