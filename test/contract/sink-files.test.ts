import path from 'node:path';
import { readBack } from '../../src/sinks/files/read-files.ts';
import { createFilesSink } from '../../src/sinks/files/sink.ts';
import { LocalFileStore } from '../../src/sinks/files/stores/local.ts';
import { filesConfigWith } from '../support/files.ts';
import { sinkContract } from './sink.ts';

const FORMATS = [
  { format: 'json', compression: 'none' },
  { format: 'json', compression: 'gzip' },
  { format: 'json', compression: 'zstd' },
  { format: 'parquet', compression: 'snappy' },
] as const;

for (const given of FORMATS) {
  sinkContract(`files, ${given.format} ${given.compression}`, async (t, directory) => {
    const store = new LocalFileStore(path.join(directory, 'files'));
    return {
      create: (context) => createFilesSink(filesConfigWith(given), context, { namedTypes: ['select-color'], store }),
      readBack: async () => {
        const events: { id: string }[] = [];
        for await (const line of readBack(store, t.signal)) events.push(JSON.parse(line.toString('utf8')));
        return events;
      },
      refused: Buffer.from('{"id":"two\nlines"}'),
    };
  });
}
