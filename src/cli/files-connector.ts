import { existsSync } from 'node:fs';
import path from 'node:path';
import type { LoadedConfiguration } from '../app/configuration.ts';
import type { FilesConfig } from '../sinks/files/config.ts';
import { filesDirectory, storeOf } from '../sinks/files/stores/choose.ts';
import type { FileStore } from '../sinks/files/stores/file-store.ts';
import type { Call } from './command.ts';
import { cliErrors } from './command.ts';

/** A connector that loads into files, as a command names it. */
export interface FilesConnector {
  readonly name: string;
  readonly loaded: LoadedConfiguration;
  readonly topics: readonly string[] | undefined;
  readonly files: FilesConfig;
}

/** Finds the connector that the words of a command name. */
export function filesConnector(command: string, { positionals: [name], loadValid }: Call): FilesConnector {
  if (name === undefined) throw cliErrors.USAGE(`${command} needs the name of a connector.`);
  const loaded = loadValid();
  const { connectors } = loaded.configuration;
  const connector = Object.hasOwn(connectors, name) ? connectors[name] : undefined;
  if (!connector) throw cliErrors.USAGE(`There is no connector ${JSON.stringify(name)}.`);
  const { files, topics } = connector;
  if (!files) throw cliErrors.USAGE(`${command} is for connectors that load into files, and ${name} does not.`);
  return { name, loaded, topics, files };
}

/** Opens its store, but makes none. Whoever asked closes it. */
export async function openStore({ files, loaded }: FilesConnector, signal: AbortSignal): Promise<FileStore> {
  const data = path.resolve(loaded.configuration.data);
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
