/**
 * Kafka Connect's flat form of a connector's configuration, as ours. The rule: of the keys that
 * are not Connect's own, each is the dotted path of a field below `connectors.NAME.<sink>` in
 * millrace.yaml, or, with `loader.` before it, below `connectors.NAME.loader`; a value is written
 * as there, and entries of a list have commas between them. Confluent's names for some are aliases.
 */
import type { Definition } from '../../config/definition.ts';
import { definitionOf } from '../../config/definition.ts';
import type { Fault } from '../../config/read.ts';
import { readConfiguration, wanted } from '../../config/read.ts';
import { suggest } from '../../config/suggest.ts';
import type { LoaderConfig } from '../../loader/config.ts';
import { loaderConfig } from '../../loader/config.ts';
import { isOwnTopic } from '../../log/dead-letter.ts';
import type { FilesConfig } from '../../sinks/files/config.ts';
import { cautionsOfFiles, checkFilesConfig } from '../../sinks/files/config.ts';
import type { SinkKind } from '../../sinks/registry.ts';
import { sinks } from '../../sinks/registry.ts';
import type { SearchConfig } from '../../sinks/search/config.ts';
import { checkSearchConfig } from '../../sinks/search/config.ts';
import type { TableConfig } from '../../sinks/table/config.ts';
import { cautionsOfTable, checkTableConfig } from '../../sinks/table/config.ts';
import { messageOf } from '../../support/errors.ts';
import { ALIASES, aliasOf } from './aliases.ts';
import type { ConnectKey } from './connect-keys.ts';
import { CONNECT_KEYS, CONNECTOR_CLASSES, isConnectorClass, NOT_HERE } from './connect-keys.ts';
import type { ReferenceSources } from './references.ts';
import { hasReference, isReferenceOnly, resolveReferences } from './references.ts';
import type { FoundField } from './sink-keys.ts';
import { findField, keysOf } from './sink-keys.ts';
import { checkTopicPattern } from './topic-pattern.ts';

/** A configuration in Connect's form. */
export type FlatConfig = Readonly<Record<string, string>>;

/** One sentence about one key. It never holds what a reference stands for, nor a secret. */
export interface KeyNote {
  readonly key: string;
  readonly message: string;
}

/** Which topics a connector loads. */
export type TopicChoice =
  | { readonly names: readonly string[]; readonly pattern?: never }
  | { readonly pattern: string; readonly names?: never };

type SinkSettings =
  | { readonly kind: 'files'; readonly sinkConfig: FilesConfig }
  | { readonly kind: 'search'; readonly sinkConfig: SearchConfig }
  | { readonly kind: 'table'; readonly sinkConfig: TableConfig };

/** What a connector is started with; it holds secrets, and is neither stored nor shown. */
export type ConnectorSettings = SinkSettings & {
  readonly name: string;
  readonly topics: TopicChoice;
  /** The most workers that take part. */
  readonly tasksMax: number;
  readonly loaderConfig: LoaderConfig;
};

export interface Mapping {
  /** There if, and only if, there are no faults. */
  readonly settings: ConnectorSettings | undefined;
  readonly faults: readonly KeyNote[];
  /** What is taken, but changes nothing or is not safe. */
  readonly cautions: readonly KeyNote[];
}

/** Bounds of what may be offered; real configurations have some dozens of short values. */
export const MOST_KEYS = 500;
export const MOST_VALUE_CHARACTERS = 32 * 1024;
const LONGEST_KEY = 300;

/** Names of topics as Kafka takes them. */
const TOPIC = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;
const LOADER = 'loader.';
/** Keys of Connect that mean a field of the loader, and the unit in which they are written. */
const OF_THE_LOADER = [
  { key: 'errors.retry.delay.max.ms', to: 'retryMax', unit: 'ms' },
  { key: 'errors.tolerance', to: 'tolerance', unit: '' },
] as const;

/** Reads a connector's configuration: all that is wrong with it at once, or what to start it with. */
export function mapConnector(flat: FlatConfig, sources: ReferenceSources): Mapping {
  return new Mapper(flat, sources).map();
}

/** The definition of a sink's configuration. */
export function sinkDefinition(kind: SinkKind): Definition {
  return definitionOf(sinks[kind].config);
}

interface Given {
  /** As it stands in the configuration, so that faults are told under that name. */
  readonly key: string;
  readonly field: FoundField;
  readonly refers: boolean;
}

class Mapper {
  readonly #flat: FlatConfig;
  readonly #sources: ReferenceSources;
  readonly #faults: KeyNote[] = [];
  readonly #cautions: KeyNote[] = [];
  /** What was given for the sink and the loader, by the path of the field. */
  readonly #given = { sink: new Map<string, Given>(), loader: new Map<string, Given>() };
  readonly #trees: { readonly sink: Tree; readonly loader: Tree } = { sink: new Map(), loader: new Map() };

  constructor(flat: FlatConfig, sources: ReferenceSources) {
    this.#flat = flat;
    this.#sources = sources;
  }

  map(): Mapping {
    if (this.#isTooLarge()) return this.#result(undefined);
    const name = this.#own('name') ?? '';
    const connectorClass = this.#own('connector.class');
    for (const key of CONNECT_KEYS) this.#checkOwn(key, name);
    const topics = this.#topics();
    // Without a class nobody knows what the other keys are.
    if (!isConnectorClass(connectorClass)) return this.#result(undefined);
    const kind = CONNECTOR_CLASSES[connectorClass];
    for (const [key, value] of Object.entries(this.#flat)) {
      if (!CONNECT_KEYS.some((own) => own.name === key)) this.#take(kind, key, value);
    }
    this.#takeLoader();
    const loader = this.#read('loader', loaderConfig) as LoaderConfig | undefined;
    const sink = this.#read('sink', sinks[kind].config);
    if (sink !== undefined) this.#checkSink({ kind, sinkConfig: sink } as SinkSettings);
    if (this.#faults.length > 0 || topics === undefined) return this.#result(undefined);
    const tasksMax = Number(this.#own('tasks.max') ?? 1);
    const settings = { name, kind, topics, tasksMax, loaderConfig: loader, sinkConfig: sink } as ConnectorSettings;
    return this.#result(settings);
  }

  #result(settings: ConnectorSettings | undefined): Mapping {
    return { settings, faults: this.#faults, cautions: this.#cautions };
  }

  #fault(key: string, message: string): void {
    this.#faults.push({ key, message });
  }

  #own(key: string): string | undefined {
    return Object.hasOwn(this.#flat, key) ? this.#flat[key] : undefined;
  }

  #isTooLarge(): boolean {
    const entries = Object.entries(this.#flat);
    if (entries.length > MOST_KEYS) this.#fault('name', `There are more than ${MOST_KEYS} keys.`);
    for (const [key, value] of entries) {
      const shown = key.slice(0, LONGEST_KEY);
      if (key === '' || key.length > LONGEST_KEY) {
        this.#fault(shown, `The name of a key must have 1 to ${LONGEST_KEY} characters.`);
      }
      if (value.length > MOST_VALUE_CHARACTERS) {
        this.#fault(shown, `${shown} must have ${MOST_VALUE_CHARACTERS} characters at most.`);
      }
    }
    return this.#faults.length > 0;
  }

  #checkOwn({ name, required, check, caution }: ConnectKey, connector: string): void {
    const value = this.#own(name);
    if (value === undefined) {
      if (required) this.#fault(name, `${name} is missing, and has no default.`);
      return;
    }
    const wrong = check?.(value, connector);
    if (wrong !== undefined) {
      this.#fault(name, `${name} ${wrong}`);
      return;
    }
    const idle = caution?.(value);
    if (idle !== undefined) this.#cautions.push({ key: name, message: `${name} ${idle}` });
  }

  #topics(): TopicChoice | undefined {
    // An empty text is Connect's own default of both.
    const [list, pattern] = [this.#own('topics') ?? '', this.#own('topics.regex') ?? ''];
    if ((list.trim() === '') === (pattern === '')) {
      const message = 'Give exactly one of topics and topics.regex.';
      this.#fault('topics', message);
      this.#fault('topics.regex', message);
      return undefined;
    }
    if (pattern !== '') {
      const wrong = checkTopicPattern(pattern);
      if (wrong !== undefined) this.#fault('topics.regex', `topics.regex ${wrong}.`);
      return { pattern };
    }
    const names = split(list);
    for (const name of names) {
      if (!TOPIC.test(name)) {
        this.#fault('topics', `${JSON.stringify(name)} can't be the name of a topic.`);
      } else if (isOwnTopic(name)) {
        this.#fault('topics', `${name} is a topic of Millrace's own, which no connector loads.`);
      }
    }
    return { names: [...new Set(names)] };
  }

  #take(kind: SinkKind, key: string, value: string): void {
    const alias = aliasOf(kind, key);
    const name = alias?.to ?? key;
    const part = name.startsWith(LOADER) ? 'loader' : 'sink';
    const definition = part === 'loader' ? definitionOf(loaderConfig) : sinkDefinition(kind);
    const field = findField(definition, part === 'loader' ? name.slice(LOADER.length) : name);
    if (!field) {
      this.#fault(key, unknownKey(kind, key));
      return;
    }
    const text = alias?.convert?.(value) ?? value;
    this.#put(part, { key, field, refers: hasReference(text) }, text);
  }

  /** Connect's own names for fields of the loader. */
  #takeLoader(): void {
    for (const { key, to, unit } of OF_THE_LOADER) {
      const value = this.#own(key);
      const field = findField(definitionOf(loaderConfig), to);
      const isWrong = this.#faults.some((fault) => fault.key === key);
      if (value !== undefined && field && !isWrong) {
        this.#put('loader', { key, field, refers: false }, `${value.trim()}${unit}`);
      }
    }
  }

  #put(part: 'sink' | 'loader', given: Given, text: string): void {
    const { key, field } = given;
    const at = field.path.join('.');
    const other = this.#given[part].get(at);
    if (other) {
      this.#fault(key, `${key} says the same as ${other.key}; give only one of them.`);
      return;
    }
    this.#given[part].set(at, given);
    if (isSecret(field.definition) && !isReferenceOnly(text)) {
      const message = `${key} is a secret, which is never kept with the configuration: give \${env:NAME} or \${file:NAME}.`;
      this.#fault(key, message);
      return;
    }
    const resolution = resolveReferences(text, this.#sources);
    if ('fault' in resolution) {
      this.#fault(key, `${key} ${resolution.fault}.`);
      return;
    }
    setIn(this.#trees[part], field.path, typed(field.definition, this.#placed(key, field.definition, resolution.text)));
  }

  /** A path of this machine as an absolute one, any other text as it is. */
  #placed(key: string, { path }: Definition, text: string): string {
    if (path === undefined) return text;
    try {
      return path === 'input' ? this.#sources.input(text) : this.#sources.store(this.#own('name') ?? '', text);
    } catch (error) {
      this.#fault(key, `${key} is a path that can't be used: ${messageOf(error)}.`);
      return text;
    }
  }

  #read(part: 'sink' | 'loader', schema: Parameters<typeof readConfiguration>[0]): unknown {
    const reading = readConfiguration(schema, toYaml(this.#trees[part]), {});
    for (const fault of reading.faults) this.#tell(part, fault);
    return reading.faults.length === 0 ? reading.value : undefined;
  }

  /** A fault of the reader, by the key that it is about. */
  #tell(part: 'sink' | 'loader', { path, message }: Fault): void {
    const given = this.#givenAt(part, path);
    const key = given?.key ?? (part === 'loader' ? `${LOADER}${path}` : path);
    // A key that was refused already is missing only by that.
    if (this.#faults.some((fault) => fault.key === key)) return;
    if (given?.refers || (given && isSecret(given.field.definition))) {
      this.#fault(key, `${key} must be ${wanted(given.field.definition)}, which what it refers to is not.`);
    } else {
      // The reader begins the sentence with its own name of the field, and has none of the sink as a whole.
      const field = given?.field.path.join('.') ?? path;
      const sentence = message.startsWith(field) ? `${key || 'The sink'}${message.slice(field.length)}` : message;
      this.#fault(key || 'connector.class', sentence);
    }
  }

  /** What was given for a field, or for the list that it is an entry of. */
  #givenAt(part: 'sink' | 'loader', path: string): Given | undefined {
    return this.#given[part].get(path) ?? this.#given[part].get(path.replace(/\.\d+$/, ''));
  }

  /** The rules that tie fields together. What they say may quote a value, so not if that was referred to. */
  #checkSink(sink: SinkSettings): void {
    const { faults, cautions } = checksOf(sink);
    const all = [...this.#given.sink.values()];
    for (const { field, message } of faults) {
      const about = all.filter((given) => isWithin(given.field.path.join('.'), field));
      const key = about[0]?.key ?? field;
      const refers = about.some((given) => given.refers);
      this.#fault(key, refers ? `${key} can't be used as it is: look at what it refers to.` : message);
    }
    const refers = all.some((given) => given.refers);
    for (const message of cautions) {
      this.#cautions.push({
        key: 'connector.class',
        message: refers ? 'What the connector sends can be read by anyone on the way: it is not encrypted.' : message,
      });
    }
  }
}

function isWithin(field: string, group: string): boolean {
  return field === group || field.startsWith(`${group}.`);
}

type Checks = {
  readonly faults: readonly { readonly field: string; readonly message: string }[];
  readonly cautions: readonly string[];
};

/** The cautions take apart what the faults are about, so they are for a configuration without. */
function checksOf({ kind, sinkConfig }: SinkSettings): Checks {
  const faults = {
    files: () => checkFilesConfig(sinkConfig as FilesConfig),
    search: () => checkSearchConfig(sinkConfig as SearchConfig),
    table: () => checkTableConfig(sinkConfig as TableConfig),
  }[kind]();
  if (faults.length > 0) return { faults, cautions: [] };
  if (kind === 'files') return { faults, cautions: cautionsOfFiles(sinkConfig) };
  return { faults, cautions: kind === 'table' ? cautionsOfTable(sinkConfig) : [] };
}

/** Whether a field, or each entry of a list, is never shown. */
export function isSecret(definition: Definition): boolean {
  return definition.secret === true || definition.items?.secret === true;
}

function unknownKey(kind: SinkKind, key: string): string {
  const [, why] = NOT_HERE.find(([prefix]) => key.startsWith(prefix)) ?? [];
  if (why !== undefined) return `${key} is not known here. ${why}`;
  const names = [
    ...CONNECT_KEYS.map(({ name }) => name),
    ...Object.keys(ALIASES[kind]),
    ...keysOf(sinkDefinition(kind)).map(({ name }) => name),
    ...keysOf(definitionOf(loaderConfig)).map(({ name }) => LOADER + name),
  ];
  const near = suggest(key, names);
  const hint = near === undefined ? 'See GET /connector-plugins and its "config".' : `Did you mean ${near}?`;
  return `There is no key ${JSON.stringify(key)}. ${hint}`;
}

/** Maps rather than objects, since a name may be `__proto__`. */
type Tree = Map<string, Tree | unknown>;

function setIn(tree: Tree, path: readonly string[], value: unknown): void {
  let at = tree;
  for (const name of path.slice(0, -1)) {
    const below = at.get(name) instanceof Map ? (at.get(name) as Tree) : new Map<string, unknown>();
    at.set(name, below);
    at = below;
  }
  at.set(path.at(-1)!, value);
}

/** JSON is YAML; a `${` of a value that was looked up already must not be looked up again. */
function toYaml(tree: Tree): string {
  const write = (value: unknown): string => {
    if (value instanceof Map) {
      return `{${Array.from(value as Tree, ([name, one]) => `${JSON.stringify(name)}: ${write(one)}`).join(', ')}}`;
    }
    if (Array.isArray(value)) return `[${value.map(write).join(', ')}]`;
    return JSON.stringify(typeof value === 'string' ? value.replaceAll('${', () => '$${') : value);
  };
  return write(tree);
}

/** A text as the definition's type wants it; as it is where it does not fit, which the reader then tells. */
function typed(definition: Definition, text: string): unknown {
  if (definition.type === 'array') return split(text).map((item) => typed(definition.items!, item));
  const trimmed = text.trim();
  if (definition.type === 'boolean' && /^(true|false)$/i.test(trimmed)) return trimmed.toLowerCase() === 'true';
  if (definition.unit !== undefined) return trimmed;
  const isNumber = definition.type === 'integer' || definition.type === 'number';
  return isNumber && /^-?\d{1,15}(\.\d{1,15})?$/.test(trimmed) ? Number(trimmed) : text;
}

/** A list as Kafka's configuration writes it. */
function split(text: string): string[] {
  return text.split(',').flatMap((item) => (item.trim() === '' ? [] : [item.trim()]));
}
