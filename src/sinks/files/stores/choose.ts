import path from 'node:path';
import type { FilesConfig } from '../config.ts';
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

/** The folder on this machine where the files of a configuration are; undefined if they are elsewhere. */
export function filesDirectory({ store }: Pick<FilesConfig, 'store'>, dataDirectory: string): string | undefined {
  return store.local && localDirectory(store, dataDirectory);
}

function localDirectory({ local }: FilesConfig['store'], dataDirectory: string): string {
  return path.resolve(local?.path ?? path.join(dataDirectory, 'files'));
}
