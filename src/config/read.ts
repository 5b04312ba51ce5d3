import type { Node, ParsedNode } from 'yaml';
import { Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Definition } from './definition.ts';
import { definitionOf } from './definition.ts';
import type { Static, TSchema } from './fields.ts';
import { suggest } from './suggest.ts';
import { formatBytes, formatDuration, parseBytes, parseDuration } from './units.ts';

/** One thing that is wrong in a configuration. */
export interface Fault {
  /** Dotted path of the field, such as `collector.limits.bodyBytes`; empty for the file as a whole. */
  readonly path: string;
  /** 1-based; absent where the file has nothing at that path. */
  readonly line?: number;
  /** One sentence on what is wrong and what would be right. */
  readonly message: string;
}

/** One field given beside the file, over what it says. */
export interface Setting {
  /** Dotted, such as `collector.listen`. */
  readonly path: string;
  /** As it would stand in the file: YAML. */
  readonly value: string;
}

export interface Reading<T> {
  /** Complete, with defaults, if there are no faults; then and only then to be used. */
  readonly value: T;
  readonly faults: readonly Fault[];
  /** The line at which a path stands in the file. */
  lineOf(path: string): number | undefined;
}

/** More than any configuration needs; a larger file is a mistake. */
const MOST_CHARACTERS = 1_000_000;

/**
 * Reads a configuration by its definition: every default filled in, every `${ENV}` replaced,
 * every fault found at once. `${NAME:-text}` gives a variable's default; `$${` is a plain `${`.
 */
export function readConfiguration<T extends TSchema>(
  schema: T,
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
  settings: readonly Setting[] = [],
): Reading<Static<T>> {
  const reader = new Reader(text, environment);
  const value = reader.read(definitionOf(schema), settings);
  return {
    value: value as Static<T>,
    faults: reader.faults,
    lineOf: (path) => reader.lines.get(path),
  };
}

type Given = Node | ParsedNode | null | undefined;

class Reader {
  readonly faults: Fault[] = [];
  readonly lines = new Map<string, number>();
  readonly #text: string;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #counter = new LineCounter();
  /** Defaults that a field already read has decided, by path. */
  #preset: Readonly<Record<string, unknown>> = {};

  constructor(text: string, environment: Readonly<Record<string, string | undefined>>) {
    this.#text = text;
    this.#environment = environment;
  }

  read(definition: Definition, settings: readonly Setting[]): unknown {
    if (this.#text.length > MOST_CHARACTERS) {
      this.#fault('', undefined, `The file is larger than ${MOST_CHARACTERS} characters.`);
      return undefined;
    }
    const document = parseDocument(this.#text, { lineCounter: this.#counter, prettyErrors: false });
    for (const error of document.errors) {
      this.faults.push({
        path: '',
        line: this.#counter.linePos(error.pos[0]).line,
        message: `This is not valid YAML: ${error.message}`,
      });
    }
    if (document.errors.length > 0) return undefined;
    const contents = settings.reduce<Given>((node, setting) => this.#set(node, setting), document.contents);
    return this.#any(definition, contents, '');
  }

  /** The contents with one field set; groups on its way are made where there are none. */
  #set(contents: Given, { path, value }: Setting): Given {
    const document = new Document(contents ?? {});
    const parsed = parseDocument(value, { prettyErrors: false });
    if (parsed.errors.length > 0) this.#fault(path, undefined, `The value set for ${path} is not valid YAML.`);
    else {
      try {
        document.setIn(path.split('.'), document.createNode(parsed.toJS()));
      } catch {
        this.#fault(path, undefined, `${path} can't be set: what stands above it is not a group of fields.`);
      }
    }
    return document.contents as Given;
  }

  #any(definition: Definition, node: Given, path: string): unknown {
    if (isAlias(node)) {
      this.#fault(path, node, 'Anchors and aliases are not supported here; write the value out.');
      return undefined;
    }
    if (node?.range) this.lines.set(path, this.#counter.linePos(node.range[0]).line);
    const absent = node === null || node === undefined || (isScalar(node) && node.value === null);
    if (absent && definition.type !== 'object' && Object.hasOwn(this.#preset, path)) return this.#preset[path];
    if (absent && definition.default === undefined) {
      if (definition.optional) return undefined;
      if (definition.type !== 'object' || definition.choice) {
        this.#fault(path, node, `${path} is missing: ${definition.description ?? 'it has no default'}.`);
        return undefined;
      }
    }
    if (absent && definition.default !== undefined && definition.type !== 'object') return definition.default;
    if (definition.type === 'object') {
      // A default group is read like a written one, so that it may leave out what has defaults of its own.
      const fallback = definition.default === undefined ? undefined : new Document(definition.default).contents;
      return this.#object(definition, absent ? fallback : node, path);
    }
    if (definition.type === 'array') return this.#array(definition, node, path);
    return this.#scalar(definition, node, path);
  }

  #object(definition: Definition, node: Given, path: string): unknown {
    if (node !== undefined && !isMap(node)) {
      this.#fault(path, node, `${path || 'The configuration'} must be a group of fields ("name: value").`);
      return undefined;
    }
    const given = new Map<string, Given>();
    for (const { key, value } of node?.items ?? []) {
      // A key from the file is a node; one of a setting is plain text.
      const name = isScalar(key) ? String(key.value) : typeof key === 'string' ? key : '';
      given.set(name, value as Given);
      const known = definition.properties === undefined || Object.hasOwn(definition.properties, name);
      if (!known) this.#unknown(definition, key as Given, at(path, name), name);
    }
    if (definition.choice) return this.#choice(definition, node, given, path);
    if (definition.properties) {
      const fields = Object.entries(definition.properties);
      return Object.fromEntries(
        fields.map(([name, field]) => {
          const value = this.#any(field, given.get(name), at(path, name));
          if (name === definition.presets?.by) this.#preset = definition.presets.of[String(value)] ?? {};
          return [name, value];
        }),
      );
    }
    return this.#map(definition, given, path);
  }

  #choice(definition: Definition, node: Given, given: ReadonlyMap<string, Given>, path: string): unknown {
    const sections = definition.properties ?? {};
    const chosen = [...given.keys()];
    const [name] = chosen;
    const section = name === undefined ? undefined : sections[name];
    if (chosen.length !== 1 || name === undefined) {
      this.#fault(path, node, `${path} must name exactly one of: ${Object.keys(sections).join(', ')}.`);
      return undefined;
    }
    return section ? { [name]: this.#any(section, given.get(name), at(path, name)) } : undefined;
  }

  #map(definition: Definition, given: ReadonlyMap<string, Given>, path: string): unknown {
    const entries = definition.additionalProperties || undefined;
    const names = definition.namePattern === undefined ? undefined : new RegExp(definition.namePattern, 'u');
    const read: [string, unknown][] = [];
    for (const [name, value] of given) {
      if (names && !names.test(name)) {
        this.#fault(
          at(path, name),
          value,
          `${JSON.stringify(name)} is not a possible name here; it must match ${names.source}.`,
        );
      }
      if (entries) read.push([name, this.#any(entries, value, at(path, name))]);
    }
    return Object.fromEntries(read);
  }

  #array(definition: Definition, node: Given, path: string): unknown {
    if (!isSeq(node)) {
      this.#fault(path, node, `${path} must be a list ("[a, b]").`);
      return undefined;
    }
    if (node.items.length < (definition.minItems ?? 0)) {
      this.#fault(path, node, `${path} must have at least ${definition.minItems} entries.`);
    }
    const items = definition.items;
    return items ? node.items.map((item, index) => this.#any(items, item as Given, at(path, String(index)))) : [];
  }

  #scalar(definition: Definition, node: Given, path: string): unknown {
    if (!isScalar(node)) {
      this.#fault(path, node, `${path} must be ${wanted(definition)}.`);
      return undefined;
    }
    const value = typeof node.value === 'string' ? this.#substitute(node.value, node, path) : node.value;
    if (value === undefined) return undefined;
    const converted = convert(definition, value, typeof node.value === 'string' && node.value !== value);
    if (converted === undefined) {
      const shown = definition.secret ? 'its value' : JSON.stringify(value);
      const near = definition.enum ? suggest(String(value), definition.enum) : undefined;
      const hint = near === undefined ? '' : ` Did you mean "${near}"?`;
      this.#fault(path, node, `${path} must be ${wanted(definition)}, but is ${shown}.${hint}`);
    }
    return converted;
  }

  #substitute(text: string, node: Given, path: string): string | undefined {
    let missing = false;
    const replaced = text.replaceAll(
      /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
      (whole: string, name?: string, fallback?: string) => {
        if (name === undefined) return '${';
        const value = this.#environment[name] ?? fallback;
        if (value !== undefined) return value;
        missing = true;
        this.#fault(path, node, `${path} needs the environment variable ${name}, which is not set.`);
        return whole;
      },
    );
    return missing ? undefined : replaced;
  }

  #unknown(definition: Definition, key: Given, path: string, name: string): void {
    const names = Object.keys(definition.properties ?? {});
    const near = suggest(name, names);
    const hint = near === undefined ? `Known here: ${names.join(', ')}.` : `Did you mean "${near}"?`;
    this.#fault(path, key, `There is no field ${JSON.stringify(name)}. ${hint}`);
  }

  #fault(path: string, node: Given, message: string): void {
    const line = node?.range ? this.#counter.linePos(node.range[0]).line : undefined;
    this.faults.push({ path, ...(line === undefined ? {} : { line }), message });
  }
}

/** The value as the definition wants it; `undefined` if it does not fit. Text from `${ENV}` may stand for numbers and booleans. */
function convert(definition: Definition, value: unknown, fromEnvironment: boolean): unknown {
  if (definition.type === 'string') {
    // A word that looks like a number in YAML, such as `acks: 1`.
    if (typeof value === 'number' && definition.enum?.includes(String(value))) return String(value);
    if (typeof value !== 'string') return undefined;
    if (definition.enum && !definition.enum.includes(value)) return undefined;
    if (value.length < (definition.minLength ?? 0)) return undefined;
    return definition.pattern === undefined || new RegExp(definition.pattern, 'u').test(value) ? value : undefined;
  }
  if (definition.type === 'boolean') {
    if (fromEnvironment) return value === 'true' ? true : value === 'false' ? false : undefined;
    return typeof value === 'boolean' ? value : undefined;
  }
  const number = toNumber(definition, value, fromEnvironment);
  if (number === undefined || !Number.isFinite(number)) return undefined;
  if (definition.type === 'integer' && !Number.isSafeInteger(number)) return undefined;
  const low = definition.minimum ?? Number.NEGATIVE_INFINITY;
  const high = definition.maximum ?? Number.POSITIVE_INFINITY;
  return number >= low && number <= high ? number : undefined;
}

function toNumber(definition: Definition, value: unknown, fromEnvironment: boolean): number | undefined {
  if (definition.unit === 'bytes') return parseBytes(String(value));
  if (definition.unit === 'duration') return parseDuration(String(value));
  if (fromEnvironment && /^-?\d+(\.\d+)?$/.test(String(value))) return Number(value);
  return typeof value === 'number' ? value : undefined;
}

/** What a field takes, as part of a sentence. */
export function wanted(definition: Definition): string {
  if (definition.enum) return `one of ${definition.enum.join(', ')}`;
  if (definition.type === 'boolean') return 'true or false';
  if (definition.type === 'array') return 'a list';
  if (definition.type === 'object') return 'a group of fields';
  if (definition.type === 'string')
    return definition.form ?? (definition.pattern === undefined ? 'text' : `text that matches ${definition.pattern}`);
  const show = { bytes: formatBytes, duration: formatDuration, none: String }[definition.unit ?? 'none'];
  const kind = { bytes: 'a size such as 64KiB', duration: 'a time such as 250ms or 10m', none: 'a number' }[
    definition.unit ?? 'none'
  ];
  const from = definition.minimum ? `, at least ${show(definition.minimum)}` : '';
  return `${kind}${from}${definition.maximum === undefined ? '' : `, at most ${show(definition.maximum)}`}`;
}

function at(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
