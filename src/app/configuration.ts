import { readFileSync } from 'node:fs';
import path from 'node:path';
import { compileSchema } from '../collector/schemas.ts';
import type { Fault, Reading, Setting } from '../config/read.ts';
import { readConfiguration } from '../config/read.ts';
import { COLLECTOR_FIELDS } from '../event/event.ts';
import { DEFAULT_TOPIC } from '../event/routing.ts';
import { isOwnTopic } from '../log/dead-letter.ts';
import { checkKafkaConfig } from '../log/kafka/config.ts';
import { checkAccess } from '../operations/config.ts';
import type { FilesConfig } from '../sinks/files/config.ts';
import { checkFilesConfig } from '../sinks/files/config.ts';
import { filesDirectory } from '../sinks/files/stores/directory.ts';
import type { SinkKind } from '../sinks/registry.ts';
import { sinks } from '../sinks/registry.ts';
import { checkSearchConfig } from '../sinks/search/config.ts';
import type { TableConfig } from '../sinks/table/config.ts';
import { checkTableConfig } from '../sinks/table/config.ts';
import { tableFile } from '../sinks/table/sqlite/file.ts';
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
  for (const fault of crossChecks(reading, path.dirname(file))) {
    const line = reading.lineOf(fault.path);
    faults.push({ ...fault, ...(line === undefined ? {} : { line }) });
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

/** What was read, together with which parts of it are as their definitions promise. */
class Reviewed {
  readonly configuration: Configuration;
  readonly #faulty: readonly string[];

  constructor({ value, faults }: Reading<Configuration>) {
    this.configuration = value;
    this.#faulty = faults.map((fault) => fault.path);
  }

  /** Whether there is no fault in a field, in what holds it, and in what it holds. */
  isSound(field: string): boolean {
    return !this.#faulty.some((fault) => isWithin(field, fault) || isWithin(fault, field));
  }

  /** The entries of a group by their names, as far as they are groups themselves. */
  entries<G extends 'topics' | 'connectors'>(group: G): [string, Configuration[G][string]][] {
    const entries = Object.entries(this.configuration?.[group] ?? {}) as [string, Configuration[G][string]][];
    return entries.filter(([, entry]) => entry !== undefined);
  }
}

function isWithin(field: string, group: string): boolean {
  return group === '' || field === group || field.startsWith(`${group}.`);
}

/**
 * The rules that tie fields together, each a function that names what it found. A rule looks only
 * at fields that have no fault of their own, so that faults of both kinds are told at once.
 */
function crossChecks(reading: Reading<Configuration>, directory: string): Fault[] {
  const reviewed = new Reviewed(reading);
  return [
    ...typesMustHaveOneTopic(reviewed),
    ...schemasMustCompile(reviewed, directory),
    ...connectorsMustHaveOneSink(reviewed),
    ...connectorTopicsMustExist(reviewed),
    ...storesMustNotBeShared(reviewed),
    ...filesMustFit(reviewed),
    ...searchMustFit(reviewed),
    ...tablesMustFit(reviewed),
    ...keysMustBeTheEvents(reviewed),
    ...promisesMustHold(reviewed),
    ...kafkaMustFit(reviewed),
    ...processesMustFit(reviewed),
    ...accessMustBeGuarded(reviewed),
  ];
}

function typesMustHaveOneTopic(reviewed: Reviewed): Fault[] {
  const seen = new Map<string, string>();
  const faults: Fault[] = [];
  for (const [name, { types }] of reviewed.entries('topics')) {
    if (isOwnTopic(name)) {
      faults.push({ path: `topics.${name}`, message: `${name} is a topic of Millrace's own; choose another name.` });
    }
    const at = `topics.${name}.types`;
    if (!reviewed.isSound(at)) continue;
    for (const type of types) {
      const other = seen.get(type);
      if (other !== undefined) {
        faults.push({ path: at, message: `The type ${JSON.stringify(type)} already goes to the topic ${other}.` });
      }
      seen.set(type, name);
    }
  }
  return faults;
}

function schemasMustCompile(reviewed: Reviewed, directory: string): Fault[] {
  const faults: Fault[] = [];
  for (const [name, { schema, types }] of reviewed.entries('topics')) {
    const at = `topics.${name}.schema`;
    if (schema === undefined || !reviewed.isSound(at)) continue;
    if (reviewed.isSound(`topics.${name}.types`) && types.length === 0) {
      faults.push({ path: at, message: `${at} has no effect: the topic names no types.` });
    }
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

function connectorsMustHaveOneSink(reviewed: Reviewed): Fault[] {
  const kinds = Object.keys(sinks) as SinkKind[];
  return reviewed.entries('connectors').flatMap(([name, connector]) => {
    const at = `connectors.${name}`;
    // A sink that is wrong in itself, or misspelled, is reported as that.
    const given = kinds.filter((kind) => connector[kind] !== undefined || !reviewed.isSound(`${at}.${kind}`));
    if (given.length === 1 || (given.length === 0 && !reviewed.isSound(at))) return [];
    return [{ path: at, message: `${at} must have exactly one of: ${kinds.join(', ')}.` }];
  });
}

function connectorTopicsMustExist(reviewed: Reviewed): Fault[] {
  // What a group that could not be read was to name is not known.
  if (reviewed.configuration?.topics === undefined) return [];
  const known = topicNames(Object.keys(reviewed.configuration.topics));
  return reviewed.entries('connectors').flatMap(([name, { topics = [] }]) => {
    const at = `connectors.${name}.topics`;
    if (!reviewed.isSound(at)) return [];
    return topics
      .filter((topic) => !known.includes(topic))
      .map((topic) => ({
        path: at,
        message: `${at} names ${JSON.stringify(topic)}, which is not a topic here (${known.join(', ')}).`,
      }));
  });
}

/** A store on this machine. */
export interface LocalStore {
  readonly what: string;
  /** Absolute path. */
  readonly place: string;
  /** The field below the sink that chooses it. */
  readonly field: string;
}

/** Where a connector writes on this machine; undefined if it writes elsewhere. */
export function localStore(
  { files, table }: { readonly files?: FilesConfig | undefined; readonly table?: TableConfig | undefined },
  data: string,
): LocalStore | undefined {
  const directory = files && filesDirectory(files, data);
  if (directory !== undefined) return { what: 'directory', place: directory, field: 'store.local.path' };
  const file = table && tableFile(table, data);
  return file === undefined ? undefined : { what: 'database file', place: file, field: 'sqlite.path' };
}

/** Two connectors that write to one place would be in each other's way at run time; say it before. */
function storesMustNotBeShared(reviewed: Reviewed): Fault[] {
  if (!reviewed.isSound('data')) return [];
  const seen = new Map<string, string>();
  const faults: Fault[] = [];
  for (const [name, connector] of reviewed.entries('connectors')) {
    for (const kind of ['files', 'table'] as const) {
      const at = `connectors.${name}.${kind}`;
      const sink = reviewed.isSound(at) ? { [kind]: connector[kind] } : {};
      const { what, place } = localStore(sink, reviewed.configuration.data) ?? {};
      if (place === undefined) continue;
      const other = seen.get(place);
      if (other !== undefined) {
        faults.push({
          path: at,
          message: `connectors.${name} writes to the same ${what} as connectors.${other}; give it a "path" of its own.`,
        });
      }
      seen.set(place, name);
    }
  }
  return faults;
}

function filesMustFit(reviewed: Reviewed): Fault[] {
  return reviewed.entries('connectors').flatMap(([name, { files }]) => {
    const at = `connectors.${name}.files`;
    if (!files || !reviewed.isSound(at)) return [];
    return checkFilesConfig(files).map(({ field, message }) => ({ path: `${at}.${field}`, message }));
  });
}

function searchMustFit(reviewed: Reviewed): Fault[] {
  return reviewed.entries('connectors').flatMap(([name, { search }]) => {
    const at = `connectors.${name}.search`;
    if (!search || !reviewed.isSound(at)) return [];
    return checkSearchConfig(search).map(({ field, message }) => ({ path: `${at}.${field}`, message }));
  });
}

function tablesMustFit(reviewed: Reviewed): Fault[] {
  return reviewed.entries('connectors').flatMap(([name, { table }]) => {
    const at = `connectors.${name}.table`;
    if (!table || !reviewed.isSound(at)) return [];
    return checkTableConfig(table).map(({ field, message }) => ({ path: `${at}.${field}`, message }));
  });
}

/** A field that the collector sets is known only after a client's own was dropped; it makes no key. */
function keysMustBeTheEvents(reviewed: Reviewed): Fault[] {
  const fields: readonly string[] = COLLECTOR_FIELDS;
  return reviewed
    .entries('topics')
    .filter(([name, { key }]) => reviewed.isSound(`topics.${name}.key`) && key !== undefined && fields.includes(key))
    .map(([name, { key }]) => ({
      path: `topics.${name}.key`,
      message: `topics.${name}.key is ${JSON.stringify(key)}, which the collector sets; name a field of the event's own.`,
    }));
}

/** Which settings a policy wants depends on all of these. */
function promisesMustHold(reviewed: Reviewed): Fault[] {
  const parts = ['policy', 'collector.acknowledge', 'log', 'topics'];
  return parts.every((part) => reviewed.isSound(part)) ? brokenPromises(reviewed.configuration) : [];
}

function accessMustBeGuarded(reviewed: Reviewed): Fault[] {
  const [listen, token] = ['operations.listen', 'operations.token'];
  if (!reviewed.isSound(listen) || !reviewed.isSound(token)) return [];
  return checkAccess(reviewed.configuration.operations).map((message) => ({ path: listen, message }));
}

function processesMustFit(reviewed: Reviewed): Fault[] {
  if (!['collector.processes', 'collector.demo', 'log'].every((part) => reviewed.isSound(part))) return [];
  const { collector, log } = reviewed.configuration;
  const { processes, demo } = collector;
  if (processes === 1) return [];
  const path = 'collector.processes';
  const faults: Fault[] = [];
  if (!log.kafka) faults.push({ path, message: `${path} above 1 needs "log.kafka": the embedded log has one writer.` });
  if (demo)
    faults.push({ path: 'collector.demo', message: `The demo page follows events of one process; ${path} must be 1.` });
  return faults;
}

function kafkaMustFit(reviewed: Reviewed): Fault[] {
  if (!reviewed.isSound('log')) return [];
  const { log, delivery } = reviewed.configuration;
  if (!log.kafka) return [];
  const faults: Fault[] = checkKafkaConfig(log.kafka).map((message) => ({ path: 'log.kafka', message }));
  // One batch is one send, and Kafka bounds it as it bounds a record.
  if (reviewed.isSound('delivery.batchBytes') && delivery.batchBytes > log.kafka.recordBytes) {
    const path = 'delivery.batchBytes';
    faults.push({ path, message: `${path} must be at most log.kafka.recordBytes, which is ${log.kafka.recordBytes}.` });
  }
  return faults;
}

export type EventTopic = { readonly name: string } & Configuration['topics'][string];

/** Every topic that events go to, the default one included. */
export function eventTopics({ topics }: Configuration): EventTopic[] {
  const unset = { replication: undefined, config: undefined, key: undefined, schema: undefined };
  return topicNames(Object.keys(topics)).map((name) => ({
    name,
    ...(topics[name] ?? { partitions: DEFAULT_PARTITIONS, types: [], ...unset }),
  }));
}

function topicNames(named: readonly string[]): readonly string[] {
  return named.includes(DEFAULT_TOPIC) ? named : [...named, DEFAULT_TOPIC];
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
export function sinkKind(connector: Pick<ConnectorConfiguration, SinkKind>): SinkKind {
  if (connector.files) return 'files';
  return connector.search ? 'search' : 'table';
}
