import path from 'node:path';
import { eventTopics, sinkKind } from './configuration.ts';
import type { SinkPlan } from './connector-sink.ts';
import type { Configuration } from './definition.ts';

/** What a connector adds to a plan by itself, wherever it was made. */
export type SinkParts = Pick<SinkPlan, 'name' | 'kind' | 'sinkConfig' | 'dataDirectory'>;

/** The plan of one connector of the configuration. */
export function sinkPlan(configuration: Configuration, name: string): SinkPlan {
  const connector = configuration.connectors[name];
  if (!connector) throw new Error(`there is no connector ${name}`);
  const kind = sinkKind(connector);
  const dataDirectory = path.resolve(configuration.data);
  return completePlan(configuration, { name, kind, sinkConfig: connector[kind], dataDirectory });
}

/** Adds what the configuration says to all connectors. */
export function completePlan(configuration: Configuration, parts: SinkParts): SinkPlan {
  return { ...parts, namedTypes: eventTopics(configuration).flatMap(({ types }) => types) };
}
