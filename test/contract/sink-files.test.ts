import path from 'node:path';
import { LocalFileStore } from '../../src/sinks/files/stores/local.ts';
import { sinkContract } from './sink.ts';
import { filesHarness } from './sink-files.ts';

const FORMATS = [
  { format: 'json', compression: 'none' },
  { format: 'json', compression: 'gzip' },
  { format: 'json', compression: 'zstd' },
  { format: 'parquet', compression: 'snappy' },
  { format: 'json', compression: 'gzip', guarantee: 'at-least-once' },
] as const;

for (const given of FORMATS) {
  const guarantee = 'guarantee' in given ? `, ${given.guarantee}` : '';
  sinkContract(`files, ${given.format} ${given.compression}${guarantee}`, async (t, directory) =>
    filesHarness(t, () => new LocalFileStore(path.join(directory, 'files')), given),
  );
}
