import { readConfiguration } from '../../src/config/read.ts';
import type { S3StoreConfig } from '../../src/sinks/files/stores/s3/config.ts';
import { s3StoreConfig } from '../../src/sinks/files/stores/s3/config.ts';
import type { S3Server } from './s3.ts';

let roots = 0;

/** The configuration of a store over an empty root of its own, but for what is given. */
export function s3StoreConfigFor(server: S3Server, given: Partial<S3StoreConfig> = {}): S3StoreConfig {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = server;
  const own = { endpoint, region, bucket, accessKeyId, secretAccessKey, pathStyle: true, prefix: `test-${++roots}` };
  const { value, faults } = readConfiguration(s3StoreConfig, JSON.stringify({ ...own, ...given }), {});
  if (faults.length > 0) throw new Error(faults.map(({ message }) => message).join(' '));
  return value;
}
