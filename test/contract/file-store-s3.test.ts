import { S3FileStore } from '../../src/sinks/files/stores/s3/store.ts';
import { s3StoreConfigFor } from '../engines/s3-config.ts';
import { s3OrSkip } from '../engines/s3-test.ts';
import { fileStoreContract } from './file-store.ts';

fileStoreContract('s3', async (t) => {
  const server = await s3OrSkip(t);
  return server && new S3FileStore(await s3StoreConfigFor(server));
});
