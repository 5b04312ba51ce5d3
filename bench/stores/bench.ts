/**
 * Loading into a store of files through a connector, next to bare uploads of the same bytes in
 * files of the same size; then from a real Kafka by `millrace load`, whose memory is looked at.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { readConfiguration } from '../../src/config/read.ts';
import { openEmbeddedLog } from '../../src/log/embedded/open.ts';
import type { Log } from '../../src/log/log.ts';
import { filesConfig } from '../../src/sinks/files/config.ts';
import { createFilesSink } from '../../src/sinks/files/sink.ts';
import type { SinkContext } from '../../src/sinks/sink.ts';
import { EMBEDDED_DEFAULTS } from '../../test/support/embedded-log.ts';
import { loadByConnector } from '../load/by-connector.ts';
import { fill } from '../load/events.ts';
import { KafkaSource } from '../load/from-kafka.ts';
import type { BenchResult } from '../result.ts';
import { meets } from '../result.ts';
import type { Report } from '../run.ts';
import { median, round } from '../statistics.ts';

/** A store of files, and the barest way to bring a file into it. */
export interface StoreBench {
  /** `files.store` as it stands in a configuration, where everything goes below `folder`. */
  store(folder: string): object;
  /** Uploads one file, as large as `content`, and settles when the store has it whole. */
  put(file: string, content: Buffer): Promise<void>;
  /** The same bytes in the steps by which our store has to upload them, where those are others. */
  readonly putInSteps?: (file: string, content: Buffer) => Promise<void>;
  close(): Promise<void>;
}

const NEWLINE = Buffer.from('\n');
/** A file of this many events of the load has some 64 MB. */
const FILE_RECORDS = 200_000;
/** Enough that the start of a connector, whose claim costs two closes, does not count for much. */
const FILES_A_PARTITION = 16;
const ROUNDS = 3;
const LANES = [1, 2] as const;
/**
 * Small files before anything counts, in both ways: each commit asks a server for much that bare uploads never
 * ask, and one that has just started interprets and compiles that at a cost that one in service has long behind it.
 */
const WARM_UP = { topic: 'warm-up', files: 100, fileRecords: 1_000 };

export interface StoreBenchOptions {
  readonly name: string;
  readonly start: (report: Report) => Promise<StoreBench>;
}

export async function storeBench({ name, start }: StoreBenchOptions, report: Report): Promise<BenchResult> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(path.join(process.cwd(), `.bench-${name}-`));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const bench = await start(report);
  stack.defer(() => bench.close());
  const log = await openEmbeddedLog({ directory: path.join(directory, 'log'), ...EMBEDDED_DEFAULTS });
  stack.defer(() => log.close());

  report('filling the log …');
  for (const lanes of LANES) await fill(log, topicOf(lanes), FILE_RECORDS * FILES_A_PARTITION * lanes, lanes);
  const content = await contentOfAFile(log);
  report('warming up …');
  await warmUp(bench, log, directory, content);
  const ratios: Record<string, number> = {};
  const figures: Record<string, number> = { file_mb: round(content.length / 1e6, 1) };
  for (const lanes of LANES) {
    const rates: { ours: number; bare: number; steps?: number }[] = [];
    for (let turn = 1; turn <= ROUNDS; turn++) {
      const folder = `${lanes}-${turn}`;
      const bare = await putLanes(bench.put, `put-${folder}`, content, lanes);
      const ours = await load(bench, log, topicOf(lanes), folder, directory, FILE_RECORDS);
      const steps = bench.putInSteps && (await putLanes(bench.putInSteps, `steps-${folder}`, content, lanes));
      rates.push({ ours, bare, ...(steps === undefined ? {} : { steps }) });
      report(`${lanes} at once, round ${turn} of ${ROUNDS}: ${(ours / bare).toFixed(2)}`);
    }
    const suffix = lanes === 1 ? '' : `_${lanes}`;
    ratios[`load_vs_put${suffix}`] = round(median(rates.map(({ ours, bare }) => ours / bare)), 3);
    const stepped = rates.flatMap(({ ours, steps }) => (steps === undefined ? [] : [ours / steps]));
    if (stepped.length > 0) ratios[`load_vs_steps${suffix}`] = round(median(stepped), 3);
    const mbPerRecord = content.length / FILE_RECORDS / 1e6;
    figures[`load${suffix}_mb_per_s`] = round(median(rates.map(({ ours }) => ours)) * mbPerRecord, 1);
    figures[`put${suffix}_mb_per_s`] = round(median(rates.map(({ bare }) => bare)) * mbPerRecord, 1);
  }
  report('from Kafka …');
  await using source = await KafkaSource.start(directory);
  const files = { store: bench.store('kafka'), roll: { bytes: '64MiB', age: '5s' } };
  Object.assign(figures, await source.loadAll('files', { files }));
  const targets = { load_vs_put: 0.8, load_vs_put_2: 0.8, max_kafka_peak_rss_mb: 200 };
  return { name, ok: meets({ ...figures, ...ratios }, targets), figures, ratios, targets };
}

function topicOf(lanes: number): string {
  return `lanes-${lanes}`;
}

async function warmUp(bench: StoreBench, log: Log, directory: string, content: Buffer): Promise<void> {
  const { topic, files, fileRecords } = WARM_UP;
  await bench.put('warm-up/whole', content);
  const small = content.subarray(0, content.length / (FILE_RECORDS / fileRecords));
  for (let file = 0; file < files; file++) await bench.put(`warm-up/${file}`, small);
  await fill(log, topic, files * fileRecords);
  await load(bench, log, topic, 'warm-up', directory, fileRecords);
}

/** What the first full file of the load will hold. */
async function contentOfAFile(log: Log): Promise<Buffer> {
  const lines: Uint8Array[] = [];
  for (let offset = 0; offset < FILE_RECORDS; ) {
    const { records } = await log.read({ topic: topicOf(1), partition: 0, offset });
    for (const { value } of records.slice(0, FILE_RECORDS - offset)) lines.push(value, NEWLINE);
    offset = records.at(-1)!.offset + 1;
  }
  return Buffer.concat(lines);
}

/** Records a second that bare uploads reach. */
async function putLanes(put: StoreBench['put'], folder: string, content: Buffer, lanes: number): Promise<number> {
  const start = performance.now();
  const lane = async (index: number) => {
    for (let file = 0; file < FILES_A_PARTITION; file++) await put(`${folder}/${index}-${file}`, content);
  };
  await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)));
  return (FILE_RECORDS * FILES_A_PARTITION * lanes) / ((performance.now() - start) / 1_000);
}

/** Records a second that a connector reaches, from its start to its last commit. */
function load(
  bench: StoreBench,
  log: Log,
  topic: string,
  folder: string,
  directory: string,
  fileRecords: number,
): Promise<number> {
  const roll = { records: fileRecords, bytes: '1GiB', age: '1h' };
  const given = { store: bench.store(`load-${folder}`), roll };
  const { value: config, faults } = readConfiguration(filesConfig, JSON.stringify(given), {});
  if (faults.length > 0) throw new Error(faults.map(({ message }) => message).join(' '));
  const create = (context: SinkContext) => createFilesSink(config, context, { namedTypes: ['select-color'] });
  return loadByConnector(log, topic, `load-${folder}`, directory, create);
}
