/** Loading into S3, next to bare uploads by the same SDK. */
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { startS3 } from '../test/engines/s3.ts';
import { s3StoreConfigFor } from '../test/engines/s3-config.ts';
import type { Report } from './run.ts';
import type { StoreBench } from './stores/bench.ts';
import { storeBench } from './stores/bench.ts';

export const run = (report: Report) => storeBench({ name: 's3', start }, report);

async function start(): Promise<StoreBench> {
  const s3 = await startS3();
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = s3;
  const client = new S3Client({
    ...{ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } },
    ...{ requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' },
  });
  return {
    store: (folder) => ({ s3: s3StoreConfigFor(s3, { prefix: folder }) }),
    put: async (file, content) => {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: `bare/${file}`, Body: content }));
    },
    close: async () => {
      client.destroy();
      await s3.close();
    },
  };
}
