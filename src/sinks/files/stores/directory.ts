import path from 'node:path';
import type { FilesConfig } from '../config.ts';

/** The folder on this machine where the files of a configuration are; undefined if they are elsewhere. */
export function filesDirectory({ store }: Pick<FilesConfig, 'store'>, dataDirectory: string): string | undefined {
  return store.local && localDirectory(store, dataDirectory);
}

/** The folder of a local store, the default one included. */
export function localDirectory({ local }: FilesConfig['store'], dataDirectory: string): string {
  return path.resolve(local?.path ?? path.join(dataDirectory, 'files'));
}
