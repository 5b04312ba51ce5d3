import { filesErrors } from '../errors.ts';
import { mergedFileName } from '../paths.ts';
import { MeasuredReading } from '../read-files.ts';
import type { FileStore, SealedFile, StagedFile } from '../stores/file-store.ts';
import type { Measure, Merge, Part } from './merge.ts';

/** Where a copy is written, and what it is called. */
interface CopyPlace {
  readonly folder: string;
  readonly temporary: string;
  /** Number of the manifest that is to commit it. */
  readonly number: number;
}

/** Writes a file with the content of all parts, which replaces them once its manifest is published. */
export async function copy(
  store: FileStore,
  parts: readonly Part[],
  { folder, temporary, number }: CopyPlace,
  signal: AbortSignal,
): Promise<Merge> {
  const { chain, extension } = parts[0]!.file;
  const [from, to] = [parts[0]!.file.from, parts.at(-1)!.file.to];
  const first = Math.min(...parts.map(({ file }) => file.first));
  const final = `${folder}/${mergedFileName(chain, { first, from, to, number, extension })}`;
  const staged = await store.stage({ temporary, final }, signal);
  let sealed: SealedFile;
  try {
    for (const { file, measure } of parts) await append(store, file.path, measure, staged, signal);
    sealed = await staged.seal(signal);
    await staged.close(signal);
  } catch (error) {
    await staged.discard();
    throw error;
  }
  const records = parts.reduce((sum, { measure }) => sum + measure.records, 0);
  const sources = parts.map(({ file }) => file.path);
  return { from, to, files: [{ ...sealed, records, first, last: null }], sources };
}

async function append(
  store: FileStore,
  path: string,
  measure: Measure,
  staged: StagedFile,
  signal: AbortSignal,
): Promise<void> {
  const reading = new MeasuredReading(store);
  for await (const chunk of reading.read(path, signal)) await staged.write(chunk, signal);
  if (reading.length === measure.length && reading.checksum === measure.checksum) return;
  throw filesErrors.FILES_LENGTH_MISMATCH(`${path} changed while it was read`);
}
