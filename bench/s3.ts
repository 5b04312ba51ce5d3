/** Loading into S3, next to bare uploads by the same SDK. */
import type { CompletedPart } from '@aws-sdk/client-s3';
import { PART_BYTES } from '../src/sinks/files/stores/s3/config.ts';
import { startSeaweedfs } from '../test/engines/seaweedfs.ts';
import type { Report } from './run.ts';
import type { StoreBench } from './stores/bench.ts';
import { storeBench } from './stores/bench.ts';

export const run = (report: Report) => storeBench({ name: 's3', start }, report);

/** The tests' server copies all parts of an upload once more when it puts them together, which S3 itself does not. */
async function start(report: Report): Promise<StoreBench> {
  const s3 = await startSeaweedfs(report);
  const client = await s3.client();
  const { endpoint, region, accessKey: accessKeyId, secretKey: secretAccessKey } = s3;
  const bucket = await s3.makeBucket('bench');
  const config = { endpoint, region, accessKeyId, secretAccessKey, pathStyle: true, bucket };
  return {
    store: (folder) => ({ s3: { ...config, prefix: folder } }),
    put: async (file, content) => {
      await client.putObject({ Bucket: bucket, Key: `bare/${file}`, Body: content });
    },
    putInSteps: async (file, content) => {
      const at = { Bucket: bucket, Key: `bare/${file}` };
      const { UploadId } = await client.createMultipartUpload(at);
      const parts: CompletedPart[] = [];
      // As the store does unless it is told otherwise.
      for (let start = 0; start < content.length; start += PART_BYTES) {
        const PartNumber = parts.length + 1;
        const Body = content.subarray(start, start + PART_BYTES);
        const { ETag = '' } = await client.uploadPart({ ...at, UploadId, PartNumber, Body });
        parts.push({ PartNumber, ETag });
      }
      await client.completeMultipartUpload({ ...at, UploadId, MultipartUpload: { Parts: parts } });
    },
    close: async () => {
      client.destroy();
      await s3.close();
    },
  };
}
