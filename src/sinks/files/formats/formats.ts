import type { FilesConfig } from '../config.ts';
import type { Compression } from './compression.ts';
import type { FileFormat } from './format.ts';
import { JsonLines } from './json-lines.ts';
import { Parquet } from './parquet/parquet.ts';

/** The format that a configuration asks for; it must have passed `checkFilesConfig`. */
export function createFormat({ format, compression, parquet }: FilesConfig): FileFormat {
  if (format === 'json') return new JsonLines(compression as Compression);
  return new Parquet({ compression, ...parquet });
}
