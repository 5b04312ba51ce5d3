/** Loading into S3, next to bare uploads by the same SDK. */
import { startS3 } from '../test/engines/s3.ts';
import type { Report } from './run.ts';
import type { StoreBench } from './stores/bench.ts';
import { storeBench } from './stores/bench.ts';

export const run = (report: Report) => storeBench({ name: 's3', start }, report);

async function start(): Promise<StoreBench> {
  const s3 = await startS3();
  const client = await s3.client();
  const { endpoint, region, accessKey: accessKeyId, secretKey: secretAccessKey } = s3;
  const bucket = await s3.makeBucket('bench');
  const config = { endpoint, region, accessKeyId, secretAccessKey, pathStyle: true, bucket };
  return {
    store: (folder) => ({ s3: { ...config, prefix: folder } }),
    put: async (file, content) => {
      await client.putObject({ Bucket: bucket, Key: `bare/${file}`, Body: content });
    },
    close: async () => {
      client.destroy();
      await s3.close();
    },
  };
}
