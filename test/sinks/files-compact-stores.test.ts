/** Merging on real HDFS and S3: see files-compact.test.ts for what merging has to keep. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { compactFiles } from '../../src/sinks/files/compaction/compact.ts';
import { listDataFiles, readBack } from '../../src/sinks/files/read-files.ts';
import { createFilesSink } from '../../src/sinks/files/sink.ts';
import type { FileStore } from '../../src/sinks/files/stores/file-store.ts';
import { HdfsFileStore } from '../../src/sinks/files/stores/hdfs/store.ts';
import { S3FileStore } from '../../src/sinks/files/stores/s3/store.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { hdfsStoreConfigFor } from '../engines/hdfs-config.ts';
import { hdfsOrSkip } from '../engines/hdfs-test.ts';
import { s3StoreConfigFor } from '../engines/s3-config.ts';
import { s3OrSkip } from '../engines/s3-test.ts';
import { TestAdmin } from '../support/admin.ts';
import { fakeSinkContext } from '../support/fake-sink-context.ts';
import { filesConfigWith } from '../support/files.ts';
import { recordAt, START } from '../support/records.ts';

const HOUR_MS = 3_600_000;
const RECORDS = 60;
const A_COMMIT = 10;
const PARTITION = { topic: 'select-color', partition: 0 };

type MakeStore = () => FileStore;

const STORES: Readonly<Record<string, (t: TestContext) => Promise<MakeStore | undefined>>> = {
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

for (const [name, start] of Object.entries(STORES)) {
  test(`files on ${name} are merged, also after a merge that was cut off`, async (t) => {
    const make = await start(t);
    if (!make) return;
    const config = filesConfigWith({ compression: 'gzip', roll: { records: A_COMMIT } });
    const opened = async () => {
      const store = make();
      await store.open(t.signal);
      t.after(() => store.close());
      return store;
    };
    const sink = createFilesSink(
      config,
      { ...fakeSinkContext({}, '/nowhere'), admin: new TestAdmin(), clock: systemClock },
      { namedTypes: ['select-color'], store: make() },
    );
    await sink.open(t.signal);
    const writer = await sink.partition(PARTITION, t.signal);
    const records = Array.from({ length: RECORDS }, (_, offset) => recordAt(offset));
    await writer.write(records, t.signal);
    await writer.flush(t.signal);
    await writer.abandon();
    await sink.close();
    const store = await opened();
    const files = () => Array.fromAsync(listDataFiles(store, t.signal));
    const [small = ''] = (await files()).sort();
    const count = (await files()).length;

    const compact = (through: FileStore) =>
      compactFiles({
        ...{ store: through, config, beforeMs: 2 * HOUR_MS, signal: t.signal, logger: silentLogger },
        clock: { ...systemClock, now: () => START + 5 * HOUR_MS },
        newId: () => crypto.randomUUID(),
      });
    // As if it were killed after the merged file got its name.
    const cut = await opened();
    const remove = cut.remove.bind(cut);
    cut.remove = (path, signal) =>
      path.startsWith('_millrace') ? remove(path, signal) : Promise.reject(new Error('killed'));
    await assert.rejects(compact(cut), /killed/);
    assert.ok((await files()).includes(small), 'nothing is removed yet');
    assert.equal((await files()).length, count + 1);

    await compact(store);
    const left = await files();
    assert.ok(!left.includes(small));
    assert.ok(left.length < count);
    const stored = (await Array.fromAsync(readBack(store, t.signal))).map((value) => value.toString());
    assert.deepEqual(stored.toSorted(), records.map(({ value }) => value.toString()).toSorted());
    assert.equal((await compact(store)).sources, 0);
  });
}
