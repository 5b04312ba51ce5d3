/** Loading into a real pair of NameNodes that change places, and past a DataNode that is gone. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { hdfsStoreConfigFor } from '../engines/hdfs-config.ts';
import { hdfsOrSkip } from '../engines/hdfs-test.ts';
import { HdfsLoading } from '../support/hdfs-loading.ts';

/** The NameNode sends each of two files of a commit to one of three DataNodes. */
const COMMITS = 10;

test('loading goes on when the NameNodes change places, in order and by a kill', async (t) => {
  const hdfs = await hdfsOrSkip(t, { pair: true });
  if (!hdfs?.standby) return;
  const config = hdfsStoreConfigFor(hdfs, { namenodes: [hdfs.url, hdfs.standby.url] });
  const loading = await HdfsLoading.start(t, config);
  await loading.progress();

  const others = loading.sendOn();
  await hdfs.haAdmin('-failover', 'nn1', 'nn2');
  await loading.progress();

  await hdfs.standby.nameNode.kill();
  await loading.meets('FILES_HDFS_STANDBY', 'RUNNING');
  await hdfs.haAdmin('-transitionToActive', '--forceactive', 'nn1');
  await loading.progress();

  // Who comes back stands by, and is passed over.
  await hdfs.standby.nameNode.start();
  await hdfs.writable();
  await hdfs.haAdmin('-failover', 'nn1', 'nn2');
  await loading.progress();
  await others.stop();
  await loading.progress();
  assert.deepEqual(await loading.copies(t.signal), { lost: 0, doubled: 0 });
});

test('a DataNode that is gone, and not missed yet, is passed over', async (t) => {
  const hdfs = await hdfsOrSkip(t, { dataNodes: 3, replication: 2 });
  if (!hdfs) return;
  const loading = await HdfsLoading.start(t, hdfsStoreConfigFor(hdfs));
  await loading.progress();
  await hdfs.dataNodes[0]!.kill();
  // What was on its way there fails, once.
  await loading.progress();
  const { restarts } = loading;
  for (let commit = 0; commit < COMMITS; commit++) await loading.progress();
  assert.equal(loading.restarts, restarts, `it started anew: ${loading.lastError}`);
  assert.deepEqual(await loading.copies(t.signal), { lost: 0, doubled: 0 });
});
