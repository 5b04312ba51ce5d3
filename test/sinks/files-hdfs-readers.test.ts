/** Files in a real HDFS, asked by Hadoop's own shell and by Spark, after a field was added and its type changed. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { compactFiles } from '../../src/sinks/files/compaction/compact.ts';
import { createFilesSink } from '../../src/sinks/files/sink.ts';
import { HdfsFileStore } from '../../src/sinks/files/stores/hdfs/store.ts';
import { silentLogger } from '../../src/support/logger.ts';
import type { Hdfs } from '../engines/hdfs.ts';
import { hdfsStoreConfigFor } from '../engines/hdfs-config.ts';
import { hdfsOrSkip, hdfsTest } from '../engines/hdfs-test.ts';
import { orSkip } from '../engines/python.ts';
import { spark } from '../engines/spark.ts';
import { TestAdmin } from '../support/admin.ts';
import { TestClock } from '../support/clock.ts';
import { fakeSinkContext } from '../support/fake-sink-context.ts';
import type { FilesChanges } from '../support/files.ts';
import { filesConfigWith } from '../support/files.ts';
import { START } from '../support/records.ts';

const HOUR_MS = 3_600_000;
const EVENTS = 40;

/** Of two hours. From the 20th on events have a level, from the 30th on it is text. */
const events = Array.from({ length: EVENTS }, (_, i) => ({
  id: `event-${String(i).padStart(2, '0')}`,
  type: 'select-color',
  timestamp: new Date(START + (i % 2) * HOUR_MS + i * 1_000).toISOString(),
  userName: `사용자 ${i}`,
  ...(i < 20 ? {} : { level: i < 30 ? i : `level ${i}` }),
}));

const ofSecondHour = events.filter(({ timestamp }) => timestamp >= '2026-11-22T13').map(({ id }) => id);
const leveled = events.flatMap(({ id, level }) => (level === undefined ? [] : [[id, String(level)]]));
const numbered = events.flatMap(({ id, level }) => (typeof level === 'number' ? [[id, level]] : []));

/** Loads the events in four commits; gives the folder of the files. */
async function load(t: TestContext, hdfs: Hdfs, changes: FilesChanges): Promise<string> {
  const store = hdfsStoreConfigFor(hdfs);
  const context = { ...fakeSinkContext({}, ''), admin: new TestAdmin(), clock: new TestClock(START) };
  const config = filesConfigWith({ store: { hdfs: store }, roll: { records: 10 }, ...changes });
  const sink = createFilesSink(config, context, { namedTypes: ['select-color'] });
  await sink.open(t.signal);
  const writer = await sink.partition({ topic: 'select-color', partition: 0 }, t.signal);
  const records = events.map((event, offset) => ({
    ...{ offset, timestamp: Date.parse(event.timestamp), value: Buffer.from(JSON.stringify(event)) },
  }));
  await writer.write(records, t.signal);
  await writer.flush(t.signal);
  await writer.abandon();
  await sink.close();
  return store.path;
}

/** Joins files of hours that are over; resolves to how many. */
async function join(t: TestContext, hdfs: Hdfs, root: string, changes: FilesChanges): Promise<number> {
  const store = new HdfsFileStore(hdfsStoreConfigFor(hdfs, { path: root }));
  await store.open(t.signal);
  t.after(() => store.close());
  const { sources } = await compactFiles({
    ...{ store, config: filesConfigWith(changes), beforeMs: HOUR_MS, logger: silentLogger, signal: t.signal },
    ...{ clock: new TestClock(START + 5 * HOUR_MS), newId: () => crypto.randomUUID() },
  });
  return sources;
}

for (const [compression, extension] of [
  ['none', 'json'],
  ['gzip', 'json.gz'],
] as const) {
  hdfsTest(`Hadoop's own shell reads the lines of an hour, also of joined files, ${compression}`, async (hdfs, t) => {
    const root = await load(t, hdfs, { compression });
    const ids = async () => {
      const text = await hdfs.shell('-text', `${root}/type=select-color/date=2026-11-22/hour=13/*.${extension}`);
      return text
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id);
    };
    assert.deepEqual((await ids()).sort(), ofSecondHour);
    assert.ok((await join(t, hdfs, root, { compression })) > 2);
    // The joined file is the first, and its records are in order.
    assert.deepEqual(await ids(), ofSecondHour);
  });
}

// As in files-readers.test.ts: Spark is 350 MB to keep.
const withSpark = process.env['CI'] === 'true' || process.env['MILLRACE_SPARK'] === '1';

test('Spark asks HDFS by time, and for a field that was added and changed its type', {
  skip: !withSpark && 'MILLRACE_SPARK=1 runs it',
}, async (t) => {
  const hdfs = await hdfsOrSkip(t);
  if (!hdfs) return;
  const json = `${hdfs.fileSystem}${await load(t, hdfs, { compression: 'gzip' })}`;
  const columns = { userName: 'string', level: 'integer' } as const;
  const parquetConfig = { ...filesConfigWith().parquet, columns };
  const parquet = `${hdfs.fileSystem}${await load(t, hdfs, { format: 'parquet', compression: 'zstd', parquet: parquetConfig })}`;
  const inHour = "timestamp >= '2026-11-22 13:00' AND timestamp < '2026-11-22 14:00'";
  const schema = 'id string, timestamp timestamp, level bigint';
  const byTime = `SELECT id FROM events WHERE ${inHour} ORDER BY id`;
  const byFolder = "SELECT id FROM events WHERE date = '2026-11-22' AND hour = 13 ORDER BY id";
  const asNumber = 'SELECT id, level FROM events WHERE level IS NOT NULL ORDER BY id';
  const overWebHdfs = json.replace(hdfs.fileSystem, hdfs.url.replace('http:', 'webhdfs:'));
  const answers = await orSkip(t, () =>
    spark([
      { format: 'json', path: json, schema, query: byTime },
      { format: 'json', path: json, schema, query: byFolder },
      { format: 'json', path: json, schema, query: asNumber },
      { format: 'json', path: json, schema: 'id string, level string', query: asNumber },
      { format: 'json', path: overWebHdfs, schema, query: byFolder },
      { format: 'parquet', path: parquet, query: byTime },
      { format: 'parquet', path: parquet, query: byFolder },
      { format: 'parquet', path: parquet, query: asNumber },
      {
        ...{ format: 'parquet', path: parquet },
        query:
          "SELECT id, get_json_object(event, '$.level') AS level FROM events WHERE event LIKE '%\"level\"%' ORDER BY id",
      },
    ]),
  );
  if (!answers) return;
  const wanted = ofSecondHour.map((id) => [id]);
  assert.deepEqual(answers, [wanted, wanted, numbered, leveled, wanted, wanted, wanted, numbered, leveled]);
});
