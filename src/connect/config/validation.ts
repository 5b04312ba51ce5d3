import type { Definition } from '../../config/definition.ts';
import { definitionOf } from '../../config/definition.ts';
import { formatBytes, formatDuration } from '../../config/units.ts';
import { loaderConfig } from '../../loader/config.ts';
import type { SinkKind } from '../../sinks/registry.ts';
import { ALIASES, aliasOf } from './aliases.ts';
import type { ConnectKey, ConnectorClass, Importance, KeyType } from './connect-keys.ts';
import { CONNECT_KEYS, CONNECTOR_CLASSES } from './connect-keys.ts';
import type { FlatConfig, KeyNote, Mapping } from './mapping.ts';
import { isSecret, sinkDefinition } from './mapping.ts';
import { isReferenceOnly } from './references.ts';
import type { SinkKey } from './sink-keys.ts';
import { findField, keysOf } from './sink-keys.ts';

/** What a key takes, as Kafka Connect's REST API says it (ConfigKeyInfo in its source). */
export interface KeyInfo {
  readonly name: string;
  readonly type: KeyType;
  readonly required: boolean;
  readonly default_value: string | null;
  readonly importance: Importance;
  readonly documentation: string;
  readonly group: string;
  readonly width: 'NONE' | 'SHORT' | 'MEDIUM' | 'LONG';
  readonly display_name: string;
  readonly dependents: readonly string[];
  /** Place in the group, from 1. */
  readonly order_in_group: number;
}

/** What was given for a key (ConfigValueInfo). */
export interface ValueInfo {
  readonly name: string;
  readonly value: string | null;
  readonly recommended_values: readonly string[];
  readonly errors: readonly string[];
  readonly visible: boolean;
}

/** The answer to `PUT /connector-plugins/{plugin}/config/validate` (ConfigInfos). */
export interface Validation {
  /** The class. */
  readonly name: string;
  readonly error_count: number;
  readonly groups: readonly string[];
  /** `definition` is null for a key that is not known. */
  readonly configs: readonly { readonly definition: KeyInfo | null; readonly value: ValueInfo }[];
}

export interface Validated {
  readonly answer: Validation;
  /** What Connect's form has no place for. */
  readonly cautions: readonly KeyNote[];
}

/** A key with all that is said of it. */
interface DescribedKey {
  readonly info: KeyInfo;
  readonly words: readonly string[];
  readonly isSecret: boolean;
}

const LARGEST_INT = 2 ** 31 - 1;
const LOADER_GROUP = 'Loader';

/** The keys of a class with their docs, as `GET /connector-plugins/{plugin}/config` lists them. */
export function describeKeys(connectorClass: ConnectorClass): readonly KeyInfo[] {
  return described(connectorClass).map(({ info }) => info);
}

/** Validates a configuration, and answers key by key. What a secret is, or a reference stands for, is not in the answer. */
export function validateConfig(
  connectorClass: ConnectorClass,
  flat: FlatConfig,
  map: (flat: FlatConfig) => Mapping,
): Validated {
  const { faults, cautions } = map(flat);
  const keys = described(connectorClass);
  const kind = CONNECTOR_CLASSES[connectorClass];
  const known = new Map(keys.map((key) => [key.info.name, key]));
  const named = [...Object.keys(flat), ...faults.map(({ key }) => key)];
  for (const name of named) {
    const key = known.get(name) ?? describeNamed(kind, name, keys.length);
    if (key) known.set(name, key);
  }
  const strangers = [...new Set(named)].filter((name) => !known.has(name));
  const errorsOf = (name: string) => faults.filter(({ key }) => key === name).map(({ message }) => message);
  const shown = (name: string, hide: boolean) => {
    const value = Object.hasOwn(flat, name) ? flat[name] : undefined;
    return value === undefined || (hide && !isReferenceOnly(value)) ? null : value;
  };
  const configs = [
    ...[...known.values()].map(({ info, words, isSecret: hide }) => ({
      definition: info,
      value: {
        name: info.name,
        value: Object.hasOwn(flat, info.name) ? shown(info.name, hide) : info.default_value,
        // Of classes there is a list of its own, GET /connector-plugins.
        recommended_values: info.name === 'connector.class' ? [] : words,
        errors: errorsOf(info.name),
        visible: true,
      },
    })),
    ...strangers.map((name) => ({
      definition: null,
      // Nobody knows whether it was meant to be a secret.
      value: { name, value: shown(name, true), recommended_values: [], errors: errorsOf(name), visible: true },
    })),
  ];
  const groups = [...new Set(keys.map(({ info }) => info.group))];
  return { answer: { name: connectorClass, error_count: faults.length, groups, configs }, cautions };
}

function described(connectorClass: ConnectorClass): DescribedKey[] {
  const kind = CONNECTOR_CLASSES[connectorClass];
  const group = groupOf(kind);
  const own = keysOf(sinkDefinition(kind)).map((key) => describeField(key, group));
  const loader = keysOf(definitionOf(loaderConfig)).map((key) =>
    describeField({ ...key, name: `loader.${key.name}` }, LOADER_GROUP),
  );
  const aliases = Object.entries(ALIASES[kind]).flatMap(([name, { to }]) => {
    const key = own.find(({ info }) => info.name === to);
    return key ? [asAlias(key, name)] : [];
  });
  return inOrder([...CONNECT_KEYS.map(describeOwn), ...own, ...aliases, ...loader]);
}

function inOrder(keys: readonly DescribedKey[]): DescribedKey[] {
  const counts = new Map<string, number>();
  return keys.map((key) => {
    const order = (counts.get(key.info.group) ?? 0) + 1;
    counts.set(key.info.group, order);
    return { ...key, info: { ...key.info, order_in_group: order } };
  });
}

function groupOf(kind: SinkKind): string {
  return `${kind[0]!.toUpperCase()}${kind.slice(1)}`;
}

/** A key with names of the user in it, which the list has only as a pattern. */
function describeNamed(kind: SinkKind, name: string, order: number): DescribedKey | undefined {
  if (aliasOf(kind, name)) return undefined;
  const field = findField(sinkDefinition(kind), name);
  if (!field) return undefined;
  const key = describeField({ name, definition: field.definition, required: false }, groupOf(kind));
  return { ...key, info: { ...key.info, order_in_group: order } };
}

function describeOwn(key: ConnectKey): DescribedKey {
  const { name, type, required = false, importance, documentation, group, words = [] } = key;
  const info = aboutKey(name, type, required, key.default ?? null, importance, documentation, group);
  return { info, words, isSecret: false };
}

function describeField({ name, definition, required }: SinkKey, group: string): DescribedKey {
  const importance = required ? 'HIGH' : name.includes('.') ? 'LOW' : 'MEDIUM';
  const documentation = definition.description ?? '';
  const info = aboutKey(name, typeOf(definition), required, defaultOf(definition), importance, documentation, group);
  return { info, words: definition.enum ?? [], isSecret: isSecret(definition) };
}

/** An alias does without a default, which would be said twice. */
function asAlias(key: DescribedKey, name: string): DescribedKey {
  const { info } = key;
  const documentation = `Another name of ${info.name}: ${info.documentation}`;
  const isTime = name.endsWith('.ms');
  return {
    ...key,
    info: {
      ...info,
      name,
      display_name: name,
      default_value: null,
      required: false,
      ...(isTime ? { type: 'LONG' as const } : {}),
      documentation: isTime ? `${documentation}, in milliseconds` : documentation,
    },
  };
}

function aboutKey(
  name: string,
  type: KeyType,
  required: boolean,
  defaultValue: string | null,
  importance: Importance,
  documentation: string,
  group: string,
): KeyInfo {
  return {
    name,
    type,
    required,
    default_value: defaultValue,
    importance,
    documentation,
    group,
    width: 'NONE',
    display_name: name,
    dependents: [],
    order_in_group: 0,
  };
}

function typeOf(definition: Definition): KeyType {
  if (isSecret(definition)) return 'PASSWORD';
  // Written with its unit.
  if (definition.unit !== undefined) return 'STRING';
  if (definition.type === 'array') return 'LIST';
  if (definition.type === 'boolean') return 'BOOLEAN';
  if (definition.type === 'number') return 'DOUBLE';
  if (definition.type !== 'integer') return 'STRING';
  return (definition.maximum ?? Number.POSITIVE_INFINITY) <= LARGEST_INT ? 'INT' : 'LONG';
}

function defaultOf({ default: value, unit }: Definition): string | null {
  if (value === undefined) return null;
  if (unit === 'bytes') return formatBytes(value as number);
  if (unit === 'duration') return formatDuration(value as number);
  return Array.isArray(value) ? value.join(',') : String(value);
}

/** The plugins there are, as `GET /connector-plugins` lists them. */
export function plugins(version: string): readonly { class: ConnectorClass; type: 'sink'; version: string }[] {
  return (Object.keys(CONNECTOR_CLASSES) as ConnectorClass[]).map((name) => ({ class: name, type: 'sink', version }));
}
