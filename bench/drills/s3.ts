/** The drill of a store of files, on a real S3 server. */
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startS3 } from '../../test/engines/s3.ts';
import type { BenchResult } from '../result.ts';
import type { Report } from '../run.ts';
import type { StoreDrillOptions, StoreUnderTest } from './stores/drill.ts';
import { storeDrill } from './stores/drill.ts';
import { fileStoreCalls, intoFiles } from './stores/file-store.ts';

const PREFIX = 'web';
/** How long the server is away. */
const AWAY_MS = 5_000;

export const run = (report: Report) => s3Drill({ steps: 'all' }, report);

export function s3Drill(
  { steps, without = [] }: Pick<StoreDrillOptions, 'steps' | 'without'>,
  report: Report,
): Promise<BenchResult> {
  return storeDrill({ name: 's3', start: startUnderTest, steps, without }, report);
}

async function startUnderTest(): Promise<StoreUnderTest> {
  const s3 = await startS3();
  const { endpoint, accessKey: accessKeyId, secretKey: secretAccessKey } = s3;
  const bucket = await s3.makeBucket('drill');
  // The server keeps objects as files, so they can be read by no code of ours or the SDK's.
  const root = path.join(s3.data, bucket, PREFIX);
  return {
    sink: intoFiles({
      s3: { ...{ endpoint, bucket, accessKeyId, secretAccessKey }, pathStyle: true, prefix: PREFIX, deadline: '10s' },
    }),
    calls: fileStoreCalls('s3/store.ts', 'S3FileStore'),
    idsStored: async () => {
      const files = globSync('type=*/*/*/*.json', { cwd: root });
      const texts = await Promise.all(files.map((file) => readFile(path.join(root, file), 'utf8')));
      return texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => (JSON.parse(line) as { id: string }).id);
    },
    leftBehind: async () => [
      ...globSync('_millrace/tmp/**/*.part', { cwd: root }),
      ...(await s3.contents(bucket)).uploads,
    ],
    disturbances: {
      server_killed: async () => {
        await s3.kill();
        await delay(AWAY_MS);
        await s3.start();
      },
      server_frozen: async () => {
        await s3.freeze();
        await delay(AWAY_MS);
        s3.thaw();
      },
    },
    close: () => s3.close(),
  };
}
