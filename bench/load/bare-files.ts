/** What a loader that only writes files would do: the same pieces, compression, renames and fsyncs as the sink. */
import type { FileHandle } from 'node:fs/promises';
import { link, open, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Gzip } from 'node:zlib';
import { createGzip } from 'node:zlib';
import type { LogRecord } from '../../src/log/log.ts';
import { PIECE_BYTES } from '../../src/sinks/files/formats/json-lines.ts';

/** Both ways write files of this many records. */
export const FILE_RECORDS = 100_000;

export type Compression = 'none' | 'gzip';

/** The same pieces, and the same fsyncs for each commit: data, manifest, their folder, the manifest's name, the data's. */
export async function writeBare(
  root: string,
  batches: AsyncIterable<readonly LogRecord[]>,
  compression: Compression,
): Promise<void> {
  let open: BareFile | undefined;
  let number = 0;
  for await (const batch of batches) {
    open ??= await BareFile.create(path.join(root, String(number++)), compression);
    await open.write(batch);
    if (open.records < FILE_RECORDS) continue;
    await open.finish(root);
    open = undefined;
  }
  await open?.finish(root);
}

class BareFile {
  records = 0;
  readonly #name: string;
  readonly #file: FileHandle;
  readonly #gzip: Gzip | undefined;
  readonly #compressed: Buffer[] = [];
  readonly #piece = new Uint8Array(PIECE_BYTES);
  #used = 0;

  private constructor(name: string, file: FileHandle, compression: Compression) {
    this.#name = name;
    this.#file = file;
    this.#gzip = compression === 'gzip' ? createGzip({ chunkSize: PIECE_BYTES }) : undefined;
    this.#gzip?.on('data', (chunk: Buffer) => this.#compressed.push(chunk));
  }

  static async create(name: string, compression: Compression): Promise<BareFile> {
    return new BareFile(name, await open(`${name}.part`, 'wx'), compression);
  }

  async write(batch: readonly LogRecord[]): Promise<void> {
    for (const { value } of batch) {
      if (this.#used + value.length >= PIECE_BYTES) await this.#writePiece();
      this.#piece.set(value, this.#used);
      this.#piece[this.#used + value.length] = 0x0a;
      this.#used += value.length + 1;
    }
    this.records += batch.length;
  }

  async finish(root: string): Promise<void> {
    await this.#writePiece();
    const gzip = this.#gzip;
    if (gzip) await new Promise<void>((resolve) => gzip.once('end', resolve).end());
    for (const chunk of this.#compressed.splice(0)) await this.#file.write(chunk);
    await this.#file.datasync();
    await this.#file.close();
    await writeSmall(`${this.#name}.manifest.part`, 'what is in the file');
    await syncDirectory(root);
    await move(`${this.#name}.manifest.part`, `${this.#name}.manifest`);
    await move(`${this.#name}.part`, `${this.#name}.json`);
  }

  async #writePiece(): Promise<void> {
    const piece = this.#piece.subarray(0, this.#used);
    this.#used = 0;
    const gzip = this.#gzip;
    if (!gzip) {
      await this.#file.write(piece);
      return;
    }
    await new Promise<void>((resolve) => gzip.write(piece, () => resolve()));
    for (const chunk of this.#compressed.splice(0)) await this.#file.write(chunk);
  }
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
