/** A loader in a process of its own, that a test kills: argument 1 is the folder, 2 the number of records, 3 settings of the files. */
import { createFilesSink } from '../../src/sinks/files/sink.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { TestAdmin } from './admin.ts';
import { filesConfigWith } from './files.ts';
import { recordAt } from './records.ts';

const [directory = '', count = '0', settings = '{}'] = process.argv.slice(2);
const records = Number(count);
const batchRecords = 20;
const { signal } = new AbortController();

const sink = createFilesSink(
  filesConfigWith({
    store: { local: { path: directory } },
    ...JSON.parse(settings),
    roll: { records: 50, bytes: 1 << 20, age: 1_000 },
  }),
  {
    connector: 'test',
    admin: new TestAdmin(),
    deadLetters: { put: async () => {} },
    clock: systemClock,
    logger: silentLogger,
    dataDirectory: directory,
  },
  { namedTypes: ['select-color'] },
);
await sink.open(signal);
const writer = await sink.partition({ topic: 'select-color', partition: 0 }, signal);
for (let next = writer.resumeOffset() ?? 0; next < records; next += batchRecords) {
  const batch = Array.from({ length: Math.min(batchRecords, records - next) }, (_, i) => recordAt(next + i));
  const { durableUpTo } = await writer.write(batch, signal);
  process.stdout.write(`${durableUpTo ?? 0}\n`);
}
await writer.flush(signal);
await writer.abandon();
await sink.close();
