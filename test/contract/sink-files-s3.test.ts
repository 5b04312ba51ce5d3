import { S3FileStore } from '../../src/sinks/files/stores/s3/store.ts';
import { s3StoreConfigFor } from '../engines/s3-config.ts';
import { s3OrSkip } from '../engines/s3-test.ts';
import { sinkContract } from './sink.ts';
import { filesHarness } from './sink-files.ts';

sinkContract('files on S3', async (t) => {
  const server = await s3OrSkip(t);
  if (!server) return undefined;
  const config = await s3StoreConfigFor(server);
  return filesHarness(t, () => new S3FileStore(config), {});
});
