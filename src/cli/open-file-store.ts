import { existsSync } from 'node:fs';
import type { FilesConfig } from '../sinks/files/config.ts';
import { storeOf } from '../sinks/files/stores/choose.ts';
import { filesDirectory } from '../sinks/files/stores/directory.ts';
import type { FileStore } from '../sinks/files/stores/file-store.ts';
import { cliErrors } from './command.ts';

/** Opens the store of a connector that loads into files, but makes none. Whoever asked closes it. */
export async function openFileStore(
  files: FilesConfig,
  dataDirectory: string,
  signal: AbortSignal,
): Promise<FileStore> {
  const directory = filesDirectory(files, dataDirectory);
  if (directory !== undefined && !existsSync(directory)) throw cliErrors.NOT_REACHABLE(`There is no ${directory}.`);
  const store = storeOf(files, dataDirectory);
  try {
    await store.open(signal);
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}
