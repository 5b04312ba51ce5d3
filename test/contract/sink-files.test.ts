import path from 'node:path';
import { LocalFileStore } from '../../src/sinks/files/stores/local.ts';
import { sinkContract } from './sink.ts';
import { filesHarness } from './sink-files.ts';

const FORMATS = [
  { format: 'json', compression: 'none' },
  { format: 'json', compression: 'gzip' },
  { format: 'json', compression: 'zstd' },
  { format: 'parquet', compression: 'snappy' },
] as const;

for (const given of FORMATS) {
  sinkContract(`files, ${given.format} ${given.compression}`, async (t, directory) =>
    filesHarness(t, new LocalFileStore(path.join(directory, 'files')), given),
  );
}
