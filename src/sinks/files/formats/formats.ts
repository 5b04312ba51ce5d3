import type { FilesConfig } from '../config.ts';
import type { FileFormat } from './format.ts';
import { JsonLines } from './json-lines.ts';

/** The format that a configuration asks for; it must have passed `checkFilesConfig`. */
export async function createFormat({ format, compression, parquet }: FilesConfig): Promise<FileFormat> {
  if (format === 'json' && compression !== 'snappy') return new JsonLines(compression);
  // Its library costs each thread memory, so it is loaded only where it is used.
  const { Parquet } = await import('./parquet/parquet.ts');
  return new Parquet({ compression, ...parquet });
}
