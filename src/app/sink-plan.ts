import path from 'node:path';
import { eventTopics, sinkKind } from './configuration.ts';
import type { SinkPlan } from './connector-sink.ts';
import type { Configuration } from './definition.ts';

/** The plan of one connector of the configuration. */
export function sinkPlan(configuration: Configuration, name: string): SinkPlan {
  const connector = configuration.connectors[name];
  if (!connector) throw new Error(`there is no connector ${name}`);
  const kind = sinkKind(connector);
  return {
    name,
    kind,
    sinkConfig: connector[kind],
    namedTypes: eventTopics(configuration).flatMap(({ types }) => types),
    dataDirectory: path.resolve(configuration.data),
  };
}
