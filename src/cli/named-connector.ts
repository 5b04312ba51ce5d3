import { existsSync } from 'node:fs';
import path from 'node:path';
import type { LoadedConfiguration } from '../app/configuration.ts';
import { eventTopics, sinkKind } from '../app/configuration.ts';
import type { SinkPlan } from '../app/connector-sink.ts';
import type { ConnectorConfiguration } from '../app/definition.ts';
import { chosenTopics, directoryOf, referencesOf, topicOfConnectors } from '../app/made-connectors.ts';
import { completePlan } from '../app/sink-plan.ts';
import type { FlatConfig } from '../connect/config/mapping.ts';
import { mapConnector } from '../connect/config/mapping.ts';
import { readConnectors } from '../connect/store/log-connector-store.ts';
import type { Admin } from '../log/log.ts';
import type { Call } from './command.ts';
import { cliErrors } from './command.ts';
import { logDirectory, openExistingLog } from './open-log.ts';
import { findProgram } from './target.ts';

/** A connector, as a command names it: of the file, or made at run time. */
export interface NamedConnector {
  readonly name: string;
  readonly loaded: LoadedConfiguration;
  readonly connector: Pick<ConnectorConfiguration, 'files' | 'search' | 'table' | 'loader'>;
  /** What it has on this machine, unless its configuration says otherwise; absolute. */
  readonly dataDirectory: string;
  /** The topics that it loads by now. */
  topicsIn(admin: Admin): Promise<readonly string[]>;
}

const NO_SINK = { files: undefined, search: undefined, table: undefined };

/** Finds the connector that the words of a command name. Where both have it, the file's is meant, as it is the one that runs. */
export async function namedConnector(
  command: string,
  { positionals: [name], loadValid }: Call,
): Promise<NamedConnector> {
  if (name === undefined) throw cliErrors.USAGE(`${command} needs the name of a connector.`);
  const loaded = loadValid();
  const { configuration } = loaded;
  const { connectors } = configuration;
  const connector = Object.hasOwn(connectors, name) ? connectors[name] : undefined;
  if (connector) {
    const topics = connector.topics ?? eventTopics(configuration).map((topic) => topic.name);
    const dataDirectory = path.resolve(configuration.data);
    return { name, loaded, connector, dataDirectory, topicsIn: async () => topics };
  }
  const config = await madeConnector(name, loaded);
  if (!config) throw cliErrors.USAGE(`There is no connector ${JSON.stringify(name)}.`);
  const { settings, faults } = mapConnector(config, referencesOf(configuration));
  if (!settings) throw cliErrors.CONNECTOR_UNUSABLE(faults.map(({ message }) => message).join(' '));
  const { kind, sinkConfig, loaderConfig: loader, topics } = settings;
  return {
    name,
    loaded,
    connector: { ...NO_SINK, loader, [kind]: sinkConfig },
    dataDirectory: directoryOf(configuration, name),
    topicsIn: (admin) => chosenTopics(topics, admin),
  };
}

/** What its sink is made from. */
export function planOf({ name, connector, dataDirectory, loaded }: NamedConnector): SinkPlan {
  const kind = sinkKind(connector);
  return completePlan(loaded.configuration, { name, kind, sinkConfig: connector[kind], dataDirectory });
}

/** The configuration of a connector made at run time, from the program that has the log, else from the log. */
async function madeConnector(name: string, loaded: LoadedConfiguration): Promise<FlatConfig | undefined> {
  const { configuration } = loaded;
  const program = configuration.log.embedded && (await findProgram(loaded, 'loads'));
  if (program) return program.connectorConfig(name);
  if (configuration.log.embedded && !existsSync(logDirectory(configuration))) return undefined;
  await using stack = new AsyncDisposableStack();
  const log = stack.adopt(await openExistingLog(loaded), (log) => log.close());
  return (await readConnectors(log, topicOfConnectors(configuration))).get(name)?.config;
}
