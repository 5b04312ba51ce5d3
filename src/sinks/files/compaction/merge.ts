import { crc32 } from 'node:zlib';
import { isGone, isStoreTrouble } from '../errors.ts';
import type { ManifestFile } from '../manifest.ts';
import { readDataFile } from '../read-files.ts';
import type { StandingFile } from '../standing.ts';
import type { FileStore } from '../stores/file-store.ts';

/** What reading a file to its end told. */
export interface Measure {
  readonly length: number;
  /** CRC-32 of the bytes. */
  readonly checksum: number;
  /** CRC-32 of these behind all that come before them in the same merge. */
  readonly through: number;
  readonly records: number;
}

/** A file that is to become part of another one. */
export interface Part {
  readonly file: StandingFile;
  readonly measure: Measure;
}

/** What a manifest says of a merge. */
export interface Merge {
  readonly from: number;
  readonly to: number;
  readonly files: readonly ManifestFile[];
  readonly sources: readonly string[];
  readonly joined?: boolean;
}

/** Reads a file to its end; undefined if it is damaged. `before` is the CRC-32 of all that come before it. */
export async function measure(
  store: FileStore,
  path: string,
  before: number,
  signal: AbortSignal,
): Promise<Measure | undefined> {
  let [length, checksum, through, records] = [0, 0, before, 0];
  const read: FileStore['read'] = async function* (file, signal) {
    for await (const chunk of store.read(file, signal)) {
      length += chunk.length;
      checksum = crc32(chunk, checksum);
      through = crc32(chunk, through);
      yield chunk;
    }
  };
  try {
    for await (const _ of readDataFile({ read }, path, signal)) records++;
  } catch (error) {
    signal.throwIfAborted();
    if (isGone(error) || isStoreTrouble(error)) throw error;
    return undefined;
  }
  return { length, checksum, through, records };
}
