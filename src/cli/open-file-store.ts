import { existsSync } from 'node:fs';
import path from 'node:path';
import type { LoadedConfiguration } from '../app/configuration.ts';
import type { FilesConfig } from '../sinks/files/config.ts';
import { filesDirectory, storeOf } from '../sinks/files/stores/choose.ts';
import type { FileStore } from '../sinks/files/stores/file-store.ts';
import { cliErrors } from './command.ts';

/** Opens the store of a connector that loads into files, but makes none. Whoever asked closes it. */
export async function openFileStore(
  files: FilesConfig,
  { configuration }: LoadedConfiguration,
  signal: AbortSignal,
): Promise<FileStore> {
  const data = path.resolve(configuration.data);
  const directory = filesDirectory(files, data);
  if (directory !== undefined && !existsSync(directory)) throw cliErrors.NOT_REACHABLE(`There is no ${directory}.`);
  const store = storeOf(files, data);
  try {
    await store.open(signal);
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}
