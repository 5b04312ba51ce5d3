import { readConfiguration } from '../../src/config/read.ts';
import type { S3StoreConfig } from '../../src/sinks/files/stores/s3/config.ts';
import { s3StoreConfig } from '../../src/sinks/files/stores/s3/config.ts';
import type { S3Server } from './s3.ts';

let buckets = 0;

/** The configuration of a store over an empty bucket of its own, but for what is given. */
export async function s3StoreConfigFor(server: S3Server, given: Partial<S3StoreConfig> = {}): Promise<S3StoreConfig> {
  const { endpoint, region, accessKey: accessKeyId, secretKey: secretAccessKey } = server;
  const bucket = given.bucket ?? (await server.makeBucket(`test-${process.pid}-${++buckets}`));
  return s3ConfigWith({ endpoint, region, accessKeyId, secretAccessKey, pathStyle: true, bucket, ...given });
}

/** A configuration as it would be read from a file. */
export function s3ConfigWith(given: Partial<S3StoreConfig>): S3StoreConfig {
  const { value, faults } = readConfiguration(s3StoreConfig, JSON.stringify(given), {});
  if (faults.length > 0) throw new Error(faults.map(({ message }) => message).join(' '));
  return value;
}
