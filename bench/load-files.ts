/** What the files sink costs over a bare loop that writes the same records to the same files with the same fsyncs. */
import type { FileHandle } from 'node:fs/promises';
import { link, mkdir, mkdtemp, open, rm, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Gzip } from 'node:zlib';
import { createGzip } from 'node:zlib';
import type { LogRecord } from '../src/log/log.ts';
import { TYPE_HEADER } from '../src/log/log.ts';
import type { FilesConfig } from '../src/sinks/files/config.ts';
import { PIECE_BYTES } from '../src/sinks/files/data-file.ts';
import { listDataFiles, readBack } from '../src/sinks/files/read-files.ts';
import { createFilesSink } from '../src/sinks/files/sink.ts';
import { LocalFileStore } from '../src/sinks/files/stores/local.ts';
import { systemClock } from '../src/support/clock.ts';
import { silentLogger } from '../src/support/logger.ts';
import { TestAdmin } from '../test/support/admin.ts';
import { filesConfigWith } from '../test/support/files.ts';
import type { BenchResult } from './result.ts';

const RECORDS = 300_000;
const RECORD_BYTES = 300;
const BATCH_RECORDS = 500;
const FILE_RECORDS = 100_000;
const ROUNDS = 5;
const COMPRESSIONS = ['none', 'gzip'] as const;
const TARGETS = { files_vs_write: 0.7, files_vs_write_gzip: 0.7 };

type Compression = (typeof COMPRESSIONS)[number];

const { signal } = new AbortController();

export async function run(): Promise<BenchResult> {
  // Not below the system's temporary directory, which may be memory: this measures a disk.
  const directory = await mkdtemp(path.join(process.cwd(), '.bench-files-'));
  try {
    const batches = makeBatches();
    const seconds = { none: { sink: [], bare: [] }, gzip: { sink: [], bare: [] } } as Record<
      Compression,
      { sink: number[]; bare: number[] }
    >;
    let readBackRecords = 0;
    // Turn by turn, so that what else the machine does meets both.
    for (let round = 0; round < ROUNDS; round++) {
      for (const compression of COMPRESSIONS) {
        const [sinkRoot, bareRoot] = ['sink', 'bare'].map((kind) => path.join(directory, kind)) as [string, string];
        await mkdir(bareRoot);
        seconds[compression].sink.push(await loadWithSink(sinkRoot, batches, compression));
        seconds[compression].bare.push(await timed(() => loadBare(bareRoot, batches, compression)));
        readBackRecords = await verify(sinkRoot);
        await Promise.all([sinkRoot, bareRoot].map((root) => rm(root, { recursive: true })));
      }
    }
    return report(seconds, readBackRecords);
  } finally {
    await rm(directory, { recursive: true });
  }
}

function report(
  seconds: Record<Compression, { readonly sink: number[]; readonly bare: number[] }>,
  readBackRecords: number,
): BenchResult {
  const ratio = ({ sink, bare }: { sink: number[]; bare: number[] }) => median(bare) / median(sink);
  const ratios = { files_vs_write: ratio(seconds.none), files_vs_write_gzip: ratio(seconds.gzip) };
  const figures = {
    sink_records_per_s: RECORDS / median(seconds.none.sink),
    bare_records_per_s: RECORDS / median(seconds.none.bare),
    sink_gzip_records_per_s: RECORDS / median(seconds.gzip.sink),
    bare_gzip_records_per_s: RECORDS / median(seconds.gzip.bare),
    records_sent: RECORDS,
    records_read_back: readBackRecords,
  };
  const met = Object.entries(TARGETS).every(([name, least]) => ratios[name as keyof typeof TARGETS] >= least);
  return { name: 'load-files', figures, ratios, targets: TARGETS, ok: met && readBackRecords === RECORDS };
}

/** Distinct events, in batches as a log hands them out: one headers object and one block of memory a batch. */
function makeBatches(): LogRecord[][] {
  const now = Date.now();
  return Array.from({ length: RECORDS / BATCH_RECORDS }, (_, batch) => {
    const headers = { [TYPE_HEADER]: 'select-color' };
    const block = Buffer.alloc(BATCH_RECORDS * RECORD_BYTES, 'x');
    return Array.from({ length: BATCH_RECORDS }, (_, i) => {
      const offset = batch * BATCH_RECORDS + i;
      const value = block.subarray(i * RECORD_BYTES, (i + 1) * RECORD_BYTES);
      value.write(`{"id":"${crypto.randomUUID()}","type":"select-color","offset":${offset},"text":"`);
      value.write('"}', RECORD_BYTES - 2);
      return { offset, timestamp: now, headers, value: new Uint8Array(value.buffer, value.byteOffset, value.length) };
    });
  });
}

/** Seconds from the first record to the last commit; taking the partition over comes before, once. */
async function loadWithSink(root: string, batches: LogRecord[][], compression: Compression): Promise<number> {
  const config: FilesConfig = filesConfigWith({
    store: { local: { path: root } },
    compression,
    roll: { records: FILE_RECORDS, bytes: 1 << 30, age: 3_600_000 },
  });
  const context = {
    connector: 'bench',
    admin: new TestAdmin(),
    deadLetters: { put: async () => {} },
    clock: systemClock,
    logger: silentLogger,
    dataDirectory: root,
  };
  const sink = createFilesSink(config, context, { namedTypes: ['select-color'] });
  await sink.open(signal);
  const writer = await sink.partition({ topic: 'select-color', partition: 0 }, signal);
  const seconds = await timed(async () => {
    for (const batch of batches) await writer.write(batch, signal);
    await writer.flush(signal);
  });
  await writer.abandon();
  await sink.close();
  return seconds;
}

/** The same pieces, and the same fsyncs for each commit: data, manifest, their folder, the manifest's name, the data's. */
async function loadBare(root: string, batches: LogRecord[][], compression: Compression): Promise<void> {
  const piece = new Uint8Array(PIECE_BYTES);
  const perFile = FILE_RECORDS / BATCH_RECORDS;
  for (let first = 0; first < batches.length; first += perFile) {
    const name = path.join(root, String(first));
    const file = await open(`${name}.part`, 'wx');
    const gzip = compression === 'gzip' ? createGzip({ chunkSize: PIECE_BYTES }) : undefined;
    const compressed: Buffer[] = [];
    gzip?.on('data', (chunk: Buffer) => compressed.push(chunk));
    let used = 0;
    for (let batch = first; batch < first + perFile; batch++) {
      for (const { value } of batches[batch] ?? []) {
        if (used + value.length >= PIECE_BYTES) {
          await writePiece(file, piece.subarray(0, used), gzip, compressed);
          used = 0;
        }
        piece.set(value, used);
        piece[used + value.length] = 0x0a;
        used += value.length + 1;
      }
    }
    await writePiece(file, piece.subarray(0, used), gzip, compressed);
    if (gzip) {
      await new Promise<void>((resolve) => gzip.once('end', resolve).end());
      for (const chunk of compressed.splice(0)) await file.write(chunk);
    }
    await file.datasync();
    await file.close();
    await writeSmall(`${name}.manifest.part`, 'what is in the file');
    await syncDirectory(root);
    await move(`${name}.manifest.part`, `${name}.manifest`);
    await move(`${name}.part`, `${name}.json`);
  }
}

async function writePiece(file: FileHandle, piece: Uint8Array, gzip: Gzip | undefined, compressed: Buffer[]) {
  if (!gzip) {
    await file.write(piece);
    return;
  }
  await new Promise<void>((resolve) => gzip.write(piece, () => resolve()));
  for (const chunk of compressed.splice(0)) await file.write(chunk);
}

async function writeSmall(name: string, content: string): Promise<void> {
  const file = await open(name, 'wx');
  await file.write(content);
  await file.datasync();
  await file.close();
}

async function move(from: string, to: string): Promise<void> {
  await link(from, to);
  await syncDirectory(path.dirname(to));
  await unlink(from);
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await handle.sync();
  await handle.close();
}

async function verify(root: string): Promise<number> {
  const store = new LocalFileStore(root);
  const files = await Array.fromAsync(listDataFiles(store, signal));
  if (files.length !== RECORDS / FILE_RECORDS) throw new Error(`${files.length} files instead of the bare loop's`);
  const offsets = new Set<number>();
  for await (const line of readBack(store, signal)) {
    offsets.add((JSON.parse(line.toString('utf8')) as { offset: number }).offset);
  }
  return offsets.size;
}

async function timed(act: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await act();
  return (performance.now() - start) / 1_000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
