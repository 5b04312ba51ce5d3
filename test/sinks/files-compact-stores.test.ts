/** Merging on real HDFS and S3: see files-compact.test.ts for what merging has to keep. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { deadLetterTopic } from '../../src/log/dead-letter.ts';
import type { CompactOptions } from '../../src/sinks/files/compaction/compact.ts';
import { compactFiles } from '../../src/sinks/files/compaction/compact.ts';
import { filesErrors } from '../../src/sinks/files/errors.ts';
import { listDataFiles, readBack } from '../../src/sinks/files/read-files.ts';
import { createFilesSink } from '../../src/sinks/files/sink.ts';
import type { FileStore } from '../../src/sinks/files/stores/file-store.ts';
import type { HdfsStoreConfig } from '../../src/sinks/files/stores/hdfs/config.ts';
import { HdfsFileStore } from '../../src/sinks/files/stores/hdfs/store.ts';
import { WebHdfs } from '../../src/sinks/files/stores/hdfs/webhdfs.ts';
import { verifyFiles } from '../../src/sinks/files/verify/verify.ts';
import { isSound } from '../../src/sinks/verification.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import type { MakeStore } from '../engines/file-stores.ts';
import { FILE_STORES } from '../engines/file-stores.ts';
import { hdfsStoreConfigFor } from '../engines/hdfs-config.ts';
import { hdfsTest } from '../engines/hdfs-test.ts';
import { fakeSinkContext } from '../support/fake-sink-context.ts';
import { filesConfigWith } from '../support/files.ts';
import { recordAt, START } from '../support/records.ts';
import { openTestLog } from '../support/test-log.ts';

const HOUR_MS = 3_600_000;
const RECORDS = 60;
const A_COMMIT = 10;
const PARTITION = { topic: 'select-color', partition: 0 };
const CONNECTOR = 'files';
const CONFIG = filesConfigWith({ compression: 'gzip', roll: { records: A_COMMIT } });

/** Records of a log, loaded into a store. */
class Loaded {
  readonly store: FileStore;
  readonly #t: TestContext;
  readonly #make: MakeStore;
  readonly #log: Awaited<ReturnType<typeof openTestLog>>;

  private constructor(t: TestContext, make: MakeStore, log: Awaited<ReturnType<typeof openTestLog>>) {
    this.#t = t;
    this.#make = make;
    this.#log = log;
    this.store = make();
    t.after(() => this.store.close());
  }

  static async make(t: TestContext, make: MakeStore): Promise<Loaded> {
    const loaded = new Loaded(t, make, await openTestLog(t));
    await loaded.#load();
    return loaded;
  }

  async #load(): Promise<void> {
    const { signal } = this.#t;
    const { admin } = this.#log;
    for (const topic of [PARTITION.topic, deadLetterTopic(CONNECTOR)])
      await admin.createTopic(topic, { partitions: 1 });
    const records = Array.from({ length: RECORDS }, (_, offset) => recordAt(offset));
    await this.#log.producer().send(PARTITION, records);
    const context = { ...fakeSinkContext({}, '/nowhere'), connector: CONNECTOR, admin, clock: systemClock };
    const sink = createFilesSink(CONFIG, context, { namedTypes: [PARTITION.topic], store: this.#make() });
    await sink.open(signal);
    const writer = await sink.partition(PARTITION, signal);
    await writer.write(records, signal);
    await writer.flush(signal);
    await writer.abandon();
    await sink.close();
    await this.store.open(signal);
  }

  /** A store of the same place, of which the test may replace what it wants to. */
  async another(): Promise<FileStore> {
    const store = this.#make();
    await store.open(this.#t.signal);
    this.#t.after(() => store.close());
    return store;
  }

  async files(): Promise<string[]> {
    return (await Array.fromAsync(listDataFiles(this.store, this.#t.signal))).sort();
  }

  compact(options: Partial<CompactOptions> = {}) {
    return compactFiles({
      ...{ store: this.store, config: CONFIG, beforeMs: 2 * HOUR_MS, signal: this.#t.signal, logger: silentLogger },
      clock: { ...systemClock, now: () => START + 5 * HOUR_MS },
      newId: () => crypto.randomUUID(),
      ...options,
    });
  }

  async isSound(): Promise<boolean> {
    const { guarantee } = CONFIG;
    const topics = [PARTITION.topic];
    const { store, signal } = { store: this.store, signal: this.#t.signal };
    const found = await verifyFiles({ log: this.#log, store, guarantee, connector: CONNECTOR, topics, signal });
    assert.equal(found[0]?.records, RECORDS);
    return found.every(isSound);
  }

  /** Whether all that stands, whatever it is called, holds each record once. */
  async holdsEachOnce(): Promise<boolean> {
    const stored = await Array.fromAsync(readBack(this.store, this.#t.signal));
    const all = Array.from({ length: RECORDS }, (_, offset) => recordAt(offset).value.toString());
    return stored.map(String).sort().join() === all.sort().join();
  }
}

for (const [name, start] of Object.entries(FILE_STORES)) {
  test(`files on ${name} are merged by copying, also after a merge that was cut off`, async (t) => {
    const make = await start(t);
    if (!make) return;
    const loaded = await Loaded.make(t, make);
    const before = await loaded.files();
    const [small = ''] = before;

    // As if it were killed after the merged file got its name.
    const cut = await loaded.another();
    const remove = cut.remove.bind(cut);
    cut.remove = (path, signal) =>
      path.startsWith('_millrace') ? remove(path, signal) : Promise.reject(new Error('killed'));
    await assert.rejects(loaded.compact({ store: cut, copy: true }), /killed/);
    assert.ok((await loaded.files()).includes(small), 'nothing is removed yet');
    assert.equal((await loaded.files()).length, before.length + 1);
    assert.ok(await loaded.isSound());

    await loaded.compact({ copy: true });
    const left = await loaded.files();
    assert.ok(!left.includes(small));
    assert.ok(left.length < before.length);
    assert.ok(await loaded.holdsEachOnce());
    assert.ok(await loaded.isSound());
    assert.equal((await loaded.compact({ copy: true })).sources, 0);
  });
}

/** Which files were joined, and to how many others. */
function joinedOf(files: readonly string[]): readonly string[] {
  return files.filter((file) => /\+\d+_\d+\+\d+\.json\.gz$/.test(file));
}

hdfsTest('files on HDFS are joined where they lie, and nothing is written', async (hdfs, t) => {
  const config = hdfsStoreConfigFor(hdfs);
  const loaded = await Loaded.make(t, () => new HdfsFileStore(config));
  const before = await loaded.files();
  const store = await loaded.another();
  const stage = store.stage.bind(store);
  store.stage = (paths, signal) => {
    assert.ok(paths.final.startsWith('_millrace/'), 'nothing but manifests');
    return stage(paths, signal);
  };
  const { bytes, ...found } = await loaded.compact({ store });
  const sources = before.length - 1;
  assert.deepEqual(found, { folders: 1, sources, merged: 1, damaged: [], refused: [] });
  const left = await loaded.files();
  assert.equal(left.length, 2);
  const [joined = ''] = joinedOf(left);
  assert.equal(Buffer.concat(await Array.fromAsync(store.read(joined, t.signal))).length, bytes);
  assert.ok(await loaded.holdsEachOnce());
  assert.ok(await loaded.isSound());
  assert.equal((await loaded.compact()).sources, 0);
});

/** What becomes of requests to join. */
type Cut = (concat: () => Promise<unknown>) => Promise<never>;

const CUTS: Readonly<Record<string, Cut>> = {
  'before its first request': () => Promise.reject(filesErrors.FILES_PATH_OCCUPIED('killed')),
  'after it, the answer of which is lost': async (concat) => {
    await concat();
    throw filesErrors.FILES_PATH_OCCUPIED('killed');
  },
};

/** A store that joins two files at a time, so that there is something between, and whose requests meet their end. */
async function storeCut(t: TestContext, config: HdfsStoreConfig, cut: Cut): Promise<FileStore> {
  const client = new WebHdfs({ ...config, ca: undefined });
  const concat = client.concat.bind(client);
  client.concat = (target, sources, signal) => cut(() => concat(target, sources.slice(0, 2), signal));
  const store = new HdfsFileStore(config, async () => client);
  await store.open(t.signal);
  t.after(() => store.close());
  return store;
}

for (const [when, cut] of Object.entries(CUTS)) {
  hdfsTest(`a join on HDFS that is cut off ${when} is ended by the next run`, async (hdfs, t) => {
    const config = hdfsStoreConfigFor(hdfs);
    const loaded = await Loaded.make(t, () => new HdfsFileStore(config));
    const before = await loaded.files();
    await assert.rejects(loaded.compact({ store: await storeCut(t, config, cut) }), /killed/);
    assert.equal(joinedOf(await loaded.files()).length, 1);
    assert.ok((await loaded.files()).length > 2);
    assert.ok(await loaded.holdsEachOnce());
    assert.ok(await loaded.isSound());

    assert.deepEqual((await loaded.compact()).refused, []);
    assert.equal((await loaded.files()).length, 2);
    assert.equal((await loaded.files()).at(-1), before.at(-1));
    assert.ok(await loaded.holdsEachOnce());
    assert.ok(await loaded.isSound());
  });
}

hdfsTest('a join whose answer is lost is looked up, and goes on in the same run', async (hdfs, t) => {
  const config = hdfsStoreConfigFor(hdfs);
  const loaded = await Loaded.make(t, () => new HdfsFileStore(config));
  const client = new WebHdfs({ ...config, ca: undefined });
  const concat = client.concat.bind(client);
  const asked: number[] = [];
  client.concat = async (target, sources, signal) => {
    asked.push(sources.length);
    if (asked.length > 1) return concat(target, sources, signal);
    await concat(target, sources.slice(0, 2), signal);
    throw filesErrors.FILES_STORE_UNAVAILABLE('no answer');
  };
  const store = new HdfsFileStore(config, async () => client);
  await store.open(t.signal);
  t.after(() => store.close());
  const { sources, refused } = await loaded.compact({ store });
  assert.deepEqual(asked, [sources - 1, sources - 3]);
  assert.deepEqual(refused, []);
  assert.ok(await loaded.holdsEachOnce());
  assert.ok(await loaded.isSound());
});

hdfsTest('files in a snapshot are not joined, stay sound, and are joined once it is gone', async (hdfs, t) => {
  const config = hdfsStoreConfigFor(hdfs);
  const loaded = await Loaded.make(t, () => new HdfsFileStore(config));
  const before = await loaded.files();
  await hdfs.admin('-allowSnapshot', config.path);
  await hdfs.shell('-createSnapshot', config.path, 'kept');

  // Also the renamed file, a part of the snapshot, is known again by whoever ends what was begun.
  const dying = await storeCut(t, config, () => Promise.reject(filesErrors.FILES_PATH_OCCUPIED('killed')));
  await assert.rejects(loaded.compact({ store: dying }), /killed/);
  for (let run = 0; run < 2; run++) {
    const { sources, merged, refused } = await loaded.compact();
    assert.deepEqual({ sources, merged }, { sources: 0, merged: 0 });
    assert.deepEqual(refused, before.slice(1, -1));
    // The first one only has another name.
    assert.equal((await loaded.files()).length, before.length);
    assert.equal(joinedOf(await loaded.files()).length, 1);
    assert.ok(await loaded.holdsEachOnce());
    assert.ok(await loaded.isSound());
  }
  assert.equal((await loaded.compact({ copy: true })).sources, 0);

  await hdfs.shell('-deleteSnapshot', config.path, 'kept');
  const { sources, merged, refused } = await loaded.compact();
  assert.deepEqual({ sources, merged, refused }, { sources: before.length - 2, merged: 1, refused: [] });
  assert.equal((await loaded.files()).length, 2);
  assert.ok(await loaded.holdsEachOnce());
  assert.ok(await loaded.isSound());
});

hdfsTest('files with larger blocks than the first are left as they are, and can be copied', async (hdfs, t) => {
  const config = hdfsStoreConfigFor(hdfs);
  let made = 0;
  // The first store only looks on.
  const loaded = await Loaded.make(
    t,
    () => new HdfsFileStore({ ...config, blockSize: ++made === 1 ? 2 << 20 : 1 << 20 }),
  );
  const before = await loaded.files();
  const [first = ''] = before;
  const client = new WebHdfs({ ...config, ca: undefined, blockSize: 4 << 20 });
  t.after(() => client.close());
  // As when the configuration was changed meanwhile.
  const [from, to] = [`${config.path}/${before[1]}`, `${config.path}/other`];
  const content = await Array.fromAsync(client.read(from, t.signal));
  const file = await client.create(to, t.signal);
  await file.write(Buffer.concat(content), t.signal);
  await file.end(t.signal);
  await client.remove(from, t.signal);
  assert.equal(await client.rename(to, from, t.signal), 'done');

  const { sources, refused } = await loaded.compact();
  assert.deepEqual({ sources, refused }, { sources: 0, refused: before.slice(0, -1) });
  assert.deepEqual(await loaded.files(), before);
  assert.equal((await loaded.compact({ copy: true })).sources, before.length - 1);
  assert.ok(!(await loaded.files()).includes(first));
  assert.ok(await loaded.holdsEachOnce());
});
