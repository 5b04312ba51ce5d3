import { isGone, isStoreTrouble } from '../errors.ts';
import type { ManifestFile } from '../manifest.ts';
import { MeasuredReading, readDataFile } from '../read-files.ts';
import type { StandingFile } from '../standing.ts';
import type { FileStore } from '../stores/file-store.ts';

/** What reading a file to its end told. */
export interface Measure {
  readonly length: number;
  /** CRC-32 of the bytes; of files that are joined, of these behind all before them in the same merge. */
  readonly checksum: number;
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

/** Reads a file to its end; undefined if it is damaged. `before` is the CRC-32 of all that it is to be joined to. */
export async function measure(
  store: FileStore,
  path: string,
  before: number,
  signal: AbortSignal,
): Promise<Measure | undefined> {
  const reading = new MeasuredReading(store, before);
  let records = 0;
  try {
    for await (const _ of readDataFile(reading, path, signal)) records++;
  } catch (error) {
    signal.throwIfAborted();
    if (isGone(error) || isStoreTrouble(error)) throw error;
    return undefined;
  }
  const { length, checksum } = reading;
  return { length, checksum, records };
}
