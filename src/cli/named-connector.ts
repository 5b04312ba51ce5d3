import type { LoadedConfiguration } from '../app/configuration.ts';
import { eventTopics } from '../app/configuration.ts';
import type { ConnectorConfiguration } from '../app/definition.ts';
import type { Call } from './command.ts';
import { cliErrors } from './command.ts';

/** A connector, as a command names it. */
export interface NamedConnector {
  readonly name: string;
  readonly loaded: LoadedConfiguration;
  readonly connector: ConnectorConfiguration;
  /** The topics that it loads. */
  readonly topics: readonly string[];
}

/** Finds the connector that the words of a command name. */
export function namedConnector(command: string, { positionals: [name], loadValid }: Call): NamedConnector {
  if (name === undefined) throw cliErrors.USAGE(`${command} needs the name of a connector.`);
  const loaded = loadValid();
  const { connectors } = loaded.configuration;
  const connector = Object.hasOwn(connectors, name) ? connectors[name] : undefined;
  if (!connector) throw cliErrors.USAGE(`There is no connector ${JSON.stringify(name)}.`);
  const topics = connector.topics ?? eventTopics(loaded.configuration).map((topic) => topic.name);
  return { name, loaded, connector, topics };
}
