/** What stands for HDFS in other tests joins files as HDFS does. */
import { HdfsFileStore } from '../../src/sinks/files/stores/hdfs/store.ts';
import { LocalFileStore } from '../../src/sinks/files/stores/local.ts';
import { LocalJoining } from '../support/local-joining.ts';
import { MemoryDisk, MemoryFileStore } from '../support/memory-file-store.ts';
import { MemoryNameNode } from '../support/memory-namenode.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { joiningContract } from './joining.ts';

joiningContract('memory', async () => new MemoryFileStore(new MemoryDisk(), undefined, { joins: true }));

joiningContract('NameNode in memory', async () => {
  const nameNode = new MemoryNameNode('/events');
  const config = { namenodes: [], path: '/events', headers: {}, deadline: 1_000 };
  return new HdfsFileStore(config as never, async () => nameNode.client());
});

joiningContract('local', async (t) => {
  const root = temporaryDirectory(t);
  return Object.assign(new LocalFileStore(root), { joining: new LocalJoining(root) });
});
