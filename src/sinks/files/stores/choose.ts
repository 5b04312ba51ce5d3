import type { FilesConfig } from '../config.ts';
import { localDirectory } from './directory.ts';
import type { FileStore } from './file-store.ts';
import { HdfsFileStore } from './hdfs/store.ts';
import { LocalFileStore } from './local.ts';
import { S3FileStore } from './s3/store.ts';

/** The store that a configuration names, not opened yet. */
export function storeOf({ store }: Pick<FilesConfig, 'store'>, dataDirectory: string): FileStore {
  if (store.hdfs) return new HdfsFileStore(store.hdfs);
  if (store.s3) return new S3FileStore(store.s3);
  return new LocalFileStore(localDirectory(store, dataDirectory));
}
