import { readConfiguration } from '../../src/config/read.ts';
import type { HdfsStoreConfig } from '../../src/sinks/files/stores/hdfs/config.ts';
import { hdfsStoreConfig } from '../../src/sinks/files/stores/hdfs/config.ts';
import type { Hdfs } from './hdfs.ts';

let roots = 0;

/** The configuration of a store over an empty root of its own, but for what is given. */
export function hdfsStoreConfigFor(hdfs: Hdfs, given: Partial<HdfsStoreConfig> = {}): HdfsStoreConfig {
  const own = { namenodes: [hdfs.url], path: `/test-${process.pid}-${++roots}`, user: hdfs.user };
  const { value, faults } = readConfiguration(hdfsStoreConfig, JSON.stringify({ ...own, ...given }), {});
  if (faults.length > 0) throw new Error(faults.map(({ message }) => message).join(' '));
  return value;
}
