/** What a real HDFS answers when it will not take files, what the connector does, and that loading then goes on. */
import assert from 'node:assert/strict';
import { hdfsStoreConfigFor } from '../engines/hdfs-config.ts';
import { hdfsTest } from '../engines/hdfs-test.ts';
import { HdfsLoading } from '../support/hdfs-loading.ts';

const NOTHING_WRONG = { lost: 0, doubled: 0 };

hdfsTest('in safe mode loading waits, and so does a start', async (hdfs, t) => {
  const config = hdfsStoreConfigFor(hdfs);
  const loading = await HdfsLoading.start(t, config);
  await loading.progress();
  await hdfs.admin('-safemode', 'enter');
  assert.match(await loading.meets('FILES_HDFS_SAFE_MODE', 'RUNNING'), /Name node is in safe mode/);
  loading.restart();
  await loading.meets('FILES_HDFS_SAFE_MODE', 'RESTARTING');
  await hdfs.admin('-safemode', 'leave');
  await loading.progress();
  assert.deepEqual(await loading.copies(t.signal), NOTHING_WRONG);
});

/** What an operator sets, and takes back. */
const QUOTAS = {
  'of names': ['-setQuota', '1', '-clrQuota'],
  'of space': ['-setSpaceQuota', '1m', '-clrSpaceQuota'],
} as const;

for (const [what, [set, to, clear]] of Object.entries(QUOTAS)) {
  hdfsTest(`a quota ${what} stops the connector, which goes on from there once it is raised`, async (hdfs, t) => {
    const config = hdfsStoreConfigFor(hdfs);
    const loading = await HdfsLoading.start(t, config);
    await loading.progress();
    await hdfs.admin(set, to, config.path);
    assert.match(await loading.meets('FILES_HDFS_QUOTA', 'FAILED'), /quota .* is exceeded/i);
    await hdfs.admin(clear, config.path);
    loading.restart();
    await loading.progress();
    assert.deepEqual(await loading.copies(t.signal), NOTHING_WRONG);
  });
}

hdfsTest(
  'a quota that lets a commit be published and not its files be moved loses and doubles nothing',
  async (hdfs, t) => {
    const config = hdfsStoreConfigFor(hdfs);
    const loading = await HdfsLoading.start(t, config);
    await loading.progress();
    const folder = `${config.path}/type=select-color`;
    await hdfs.admin('-setQuota', '1', folder);
    assert.match(await loading.meets('FILES_HDFS_QUOTA', 'FAILED'), /type=select-color/);
    await hdfs.admin('-clrQuota', folder);
    loading.restart();
    await loading.progress();
    assert.deepEqual(await loading.copies(t.signal), NOTHING_WRONG);
  },
);

hdfsTest('who may not write stops the connector, until he may', async (hdfs, t) => {
  const config = hdfsStoreConfigFor(hdfs, { user: 'visitor' });
  const loading = await HdfsLoading.start(t, config);
  await loading.meets('FILES_NOT_PERMITTED', 'FAILED');
  await hdfs.shell('-mkdir', config.path);
  await hdfs.shell('-chown', 'visitor', config.path);
  loading.restart();
  await loading.progress();
  // As when someone takes the folder over.
  await hdfs.shell('-chown', '-R', hdfs.user, config.path);
  assert.match(await loading.meets('FILES_NOT_PERMITTED', 'FAILED'), /user=visitor, access=WRITE/);
  await hdfs.shell('-chown', '-R', 'visitor', config.path);
  loading.restart();
  await loading.progress();
  assert.deepEqual(await loading.copies(t.signal), NOTHING_WRONG);
});

hdfsTest('what HDFS will never take stops the connector at once', async (hdfs, t) => {
  const refused = [
    [{ replication: 1_000 }, /replication factor of 1000 exceeds/],
    [{ blockSize: (1 << 20) + 1 }, /must divide block size/],
  ] as const;
  for (const [given, reason] of refused) {
    const loading = await HdfsLoading.start(t, hdfsStoreConfigFor(hdfs, given));
    assert.match(await loading.meets('FILES_HDFS_REFUSED', 'FAILED'), reason);
  }
});

hdfsTest('without a DataNode loading waits until there is one', async (hdfs, t) => {
  const config = hdfsStoreConfigFor(hdfs);
  const loading = await HdfsLoading.start(t, config);
  await loading.progress();
  const [dataNode] = hdfs.dataNodes;
  await dataNode!.kill();
  // The NameNode sends us there until it misses its heartbeats, and knows no other one when it is asked for one.
  await loading.meets('FILES_HDFS_NO_DATANODE', 'RUNNING');
  await dataNode!.start();
  await loading.progress();
  assert.deepEqual(await loading.copies(t.signal), NOTHING_WRONG);
});
