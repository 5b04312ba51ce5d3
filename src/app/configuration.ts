import { readFileSync } from 'node:fs';
import path from 'node:path';
import { compileSchema } from '../collector/schemas.ts';
import type { Fault, Setting } from '../config/read.ts';
import { readConfiguration } from '../config/read.ts';
import { COLLECTOR_FIELDS } from '../event/event.ts';
import { DEFAULT_TOPIC } from '../event/routing.ts';
import { COLLECTOR_DEAD_LETTERS } from '../log/dead-letter.ts';
import { checkKafkaConfig } from '../log/kafka/config.ts';
import { checkAccess } from '../operations/config.ts';
import { filesDirectory } from '../sinks/files/sink.ts';
import type { SinkKind } from '../sinks/registry.ts';
import { sinks } from '../sinks/registry.ts';
import { defineErrors, messageOf } from '../support/errors.ts';
import type { Configuration, ConnectorConfiguration } from './definition.ts';
import { configurationDefinition, DEFAULT_PARTITIONS } from './definition.ts';
import { brokenPromises } from './policy.ts';

export const configurationErrors = defineErrors({
  CONFIG_NOT_READABLE: {
    decision: 'stop',
    help: 'Name an existing file with --config or MILLRACE_CONFIG, or leave both out.',
  },
  CONFIG_INVALID: { decision: 'stop', help: 'Mend the faults listed above; "millrace config check" lists them again.' },
});

/** A configuration together with where it came from. */
export interface LoadedConfiguration {
  readonly configuration: Configuration;
  /** Absolute path of the file; `undefined` if there is none and all is default. */
  readonly file: string | undefined;
  /** All that is wrong; the configuration is to be used only if this is empty. */
  readonly faults: readonly Fault[];
}

export interface ConfigurationSource {
  /** From `--config`. */
  readonly file?: string | undefined;
  /** From `--set`. */
  readonly settings?: readonly Setting[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
}

/** Reads `--config`, else MILLRACE_CONFIG, else ./millrace.yaml if there is one, else nothing but defaults. */
export function loadConfiguration(source: ConfigurationSource): LoadedConfiguration {
  const named = source.file ?? source.environment['MILLRACE_CONFIG'];
  const file = path.resolve(source.workingDirectory, named ?? 'millrace.yaml');
  const text = readText(file, named === undefined);
  const reading = readConfiguration(configurationDefinition, text ?? '', source.environment, source.settings);
  const faults = [...reading.faults];
  if (faults.length === 0) {
    for (const fault of crossChecks(reading.value, path.dirname(file))) {
      const line = reading.lineOf(fault.path);
      faults.push({ ...fault, ...(line === undefined ? {} : { line }) });
    }
  }
  return { configuration: reading.value, file: text === undefined ? undefined : file, faults };
}

function readText(file: string, optional: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (optional && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw configurationErrors.CONFIG_NOT_READABLE(`The configuration ${file} can't be read: ${messageOf(error)}.`);
  }
}

/** The rules that tie fields together, each a function that names what it found. */
function crossChecks(configuration: Configuration, directory: string): Fault[] {
  return [
    ...typesMustHaveOneTopic(configuration),
    ...schemasMustCompile(configuration, directory),
    ...connectorsMustHaveOneSink(configuration),
    ...connectorTopicsMustExist(configuration),
    ...storesMustNotBeShared(configuration),
    ...keysMustBeTheEvents(configuration),
    ...brokenPromises(configuration),
    ...checkKafka(configuration),
    ...processesMustFit(configuration),
    ...checkAccess(configuration.operations).map((message) => ({ path: 'operations.listen', message })),
  ];
}

function typesMustHaveOneTopic({ topics }: Configuration): Fault[] {
  const seen = new Map<string, string>();
  const faults: Fault[] = [];
  for (const [name, { types }] of Object.entries(topics)) {
    for (const type of types) {
      const other = seen.get(type);
      if (other !== undefined) {
        faults.push({
          path: `topics.${name}.types`,
          message: `The type ${JSON.stringify(type)} already goes to the topic ${other}.`,
        });
      }
      seen.set(type, name);
    }
    if (name.startsWith(COLLECTOR_DEAD_LETTERS) || name.startsWith('millrace-replay-')) {
      faults.push({ path: `topics.${name}`, message: `${name} is a topic of Millrace's own; choose another name.` });
    }
  }
  return faults;
}

function schemasMustCompile(configuration: Configuration, directory: string): Fault[] {
  const faults: Fault[] = [];
  for (const [name, { schema, types }] of Object.entries(configuration.topics)) {
    if (schema === undefined) continue;
    const at = `topics.${name}.schema`;
    if (types.length === 0) faults.push({ path: at, message: `${at} has no effect: the topic names no types.` });
    try {
      compileSchema(readSchema(schema, directory));
    } catch (error) {
      faults.push({ path: at, message: `${at} can't be used: ${messageOf(error)}.` });
    }
  }
  return faults;
}

function readSchema(file: string, directory: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path.resolve(directory, file), 'utf8')) as Record<string, unknown>;
}

function connectorsMustHaveOneSink({ connectors }: Configuration): Fault[] {
  const kinds = Object.keys(sinks) as SinkKind[];
  return Object.entries(connectors)
    .filter(([, connector]) => kinds.filter((kind) => connector[kind] !== undefined).length !== 1)
    .map(([name]) => ({
      path: `connectors.${name}`,
      message: `connectors.${name} must have exactly one of: ${kinds.join(', ')}.`,
    }));
}

function connectorTopicsMustExist(configuration: Configuration): Fault[] {
  const known = eventTopics(configuration).map(({ name }) => name);
  return Object.entries(configuration.connectors).flatMap(([name, { topics = [] }]) =>
    topics
      .filter((topic) => !known.includes(topic))
      .map((topic) => ({
        path: `connectors.${name}.topics`,
        message: `connectors.${name}.topics names ${JSON.stringify(topic)}, which is not a topic here (${known.join(', ')}).`,
      })),
  );
}

/** Two connectors in one local directory would refuse each other at run time; say it before. */
function storesMustNotBeShared({ connectors, data }: Configuration): Fault[] {
  const seen = new Map<string, string>();
  const faults: Fault[] = [];
  for (const [name, { files }] of Object.entries(connectors)) {
    if (!files) continue;
    const directory = filesDirectory(files, data);
    const other = seen.get(directory);
    if (other !== undefined) {
      faults.push({
        path: `connectors.${name}.files`,
        message: `connectors.${name} writes to the same directory as connectors.${other}; give it a "path" of its own.`,
      });
    }
    seen.set(directory, name);
  }
  return faults;
}

/** A field that the collector sets is known only after a client's own was dropped; it makes no key. */
function keysMustBeTheEvents({ topics }: Configuration): Fault[] {
  const fields: readonly string[] = COLLECTOR_FIELDS;
  return Object.entries(topics)
    .filter(([, { key }]) => key !== undefined && fields.includes(key))
    .map(([name, { key }]) => ({
      path: `topics.${name}.key`,
      message: `topics.${name}.key is ${JSON.stringify(key)}, which the collector sets; name a field of the event's own.`,
    }));
}

function processesMustFit({ collector: { processes, demo }, log }: Configuration): Fault[] {
  if (processes === 1) return [];
  const path = 'collector.processes';
  const faults: Fault[] = [];
  if (!log.kafka) faults.push({ path, message: `${path} above 1 needs "log.kafka": the embedded log has one writer.` });
  if (demo)
    faults.push({ path: 'collector.demo', message: `The demo page follows events of one process; ${path} must be 1.` });
  return faults;
}

function checkKafka({ log }: Configuration): Fault[] {
  return log.kafka ? checkKafkaConfig(log.kafka).map((message) => ({ path: 'log.kafka', message })) : [];
}

export type EventTopic = { readonly name: string } & Configuration['topics'][string];

/** Every topic that events go to, the default one included. */
export function eventTopics({ topics }: Configuration): EventTopic[] {
  const named = Object.entries(topics).map(([name, topic]) => ({ name, ...topic }));
  if (named.some(({ name }) => name === DEFAULT_TOPIC)) return named;
  const unset = { replication: undefined, config: undefined, key: undefined, schema: undefined };
  return [...named, { name: DEFAULT_TOPIC, partitions: DEFAULT_PARTITIONS, types: [], ...unset }];
}

/** The JSON Schemas of the configuration, by event type. */
export function eventSchemas({ configuration, file }: LoadedConfiguration): Map<string, Record<string, unknown>> {
  const schemas = new Map<string, Record<string, unknown>>();
  for (const { schema, types } of Object.values(configuration.topics)) {
    if (schema === undefined) continue;
    const parsed = readSchema(schema, path.dirname(file ?? '.'));
    for (const type of types) schemas.set(type, parsed);
  }
  return schemas;
}

/** The kind of sink that a connector has. */
export function sinkKind(connector: ConnectorConfiguration): SinkKind {
  return connector.files ? 'files' : 'table';
}
