/** Stores of files that are elsewhere, on the real servers of the tests. */
import type { TestContext } from 'node:test';
import type { FileStore } from '../../src/sinks/files/stores/file-store.ts';
import { HdfsFileStore } from '../../src/sinks/files/stores/hdfs/store.ts';
import { S3FileStore } from '../../src/sinks/files/stores/s3/store.ts';
import { hdfsStoreConfigFor } from './hdfs-config.ts';
import { hdfsOrSkip } from './hdfs-test.ts';
import { s3StoreConfigFor } from './s3-config.ts';
import { s3OrSkip } from './s3-test.ts';

/** Makes one more store over the same root, not opened yet. */
export type MakeStore = () => FileStore;

/** By name, over an empty root of its own; undefined where the server can't run and the test was skipped. */
export const FILE_STORES: Readonly<Record<string, (t: TestContext) => Promise<MakeStore | undefined>>> = {
  HDFS: async (t) => {
    const hdfs = await hdfsOrSkip(t);
    if (!hdfs) return undefined;
    const config = hdfsStoreConfigFor(hdfs);
    return () => new HdfsFileStore(config);
  },
  S3: async (t) => {
    const server = await s3OrSkip(t);
    if (!server) return undefined;
    const config = await s3StoreConfigFor(server);
    return () => new S3FileStore(config);
  },
};
