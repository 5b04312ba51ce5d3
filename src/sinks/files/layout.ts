/**
 * Where data files go, as the path template of the configuration says. Folders `name=value` are
 * what Hive, Spark and DuckDB read as columns; all files stand at the same depth, which those need.
 */
import { escaped, TOPIC_CHARACTERS } from './paths.ts';

export const DEFAULT_PATH = 'type={type}/date={yyyy-MM-dd}/hour={HH}';

/** The type of events whose type the configuration does not name: a visitor can't make folders. */
export const OTHER_TYPE = '_other';

/**
 * The value of a partition column that has none, as Hive writes it. Hive, Spark and DuckDB read it
 * as NULL, so that `date` stays a date although late events have none.
 */
const NO_VALUE = '__HIVE_DEFAULT_PARTITION__';

/** Stands for the time in a folder that is no `name=value`. */
const LATE = 'late';

const TYPE_CHARACTERS = 150;
/** HDFS, S3's tools and most disks take 255 bytes a component. */
const COMPONENT_BYTES = 255;
const TEMPLATE_CHARACTERS = 1_000;

/** Where each field of a time stands in an ISO 8601 text. */
const TIME_FIELDS = { yyyy: [0, 4], MM: [5, 7], dd: [8, 10], HH: [11, 13], mm: [14, 16] } as const;
const TIME_FIELD = /yyyy|MM|dd|HH|mm/g;
const TIME_FIELD_OR_REST = /(yyyy|MM|dd|HH|mm)/;
/** A folder holds one hour at most, so these must all stand somewhere in the path. */
const HOUR_FIELDS = ['yyyy', 'MM', 'dd', 'HH'] as const;

/** A part of a folder's name: text as it is, `{type}` or `{topic}`, or a time such as `{yyyy-MM-dd}`. */
type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'type' | 'topic' }
  | { readonly kind: 'time'; readonly pattern: string };

type Folder = readonly Part[];

export class Layout {
  readonly #folders: readonly Folder[];
  readonly #topic: string;
  /** Whether types have folders of their own. */
  readonly hasType: boolean;

  /** `template` must have passed `checkTemplate`. */
  constructor(template: string, topic: string) {
    this.#folders = parse(template);
    this.#topic = topic;
    this.hasType = this.#folders.flat().some(({ kind }) => kind === 'type');
  }

  /** The folder of a type and a window of time; `local` is its start on the wall clock, as if that were UTC. */
  folder(type: string, local: number): string {
    const time = new Date(local).toISOString();
    return this.#folders.map((parts) => this.#name(parts, type, time)).join('/');
  }

  /** The folder of events that happened too long ago, or lie too far ahead, to get one by their time. */
  lateFolder(type: string): string {
    return this.#folders.map((parts) => (hasTime(parts) ? lateName(parts) : this.#name(parts, type, ''))).join('/');
  }

  #name(parts: Folder, type: string, time: string): string {
    const name = parts.map((part) => this.#part(part, type, time)).join('');
    // Hadoop and Spark skip what begins so; a template that does is refused, so this is a type or a topic.
    return /^[_.]/.test(name) ? `%${name.charCodeAt(0).toString(16).toUpperCase()}${name.slice(1)}` : name;
  }

  #part(part: Part, type: string, time: string): string {
    switch (part.kind) {
      case 'text':
        return part.text;
      case 'type':
        return escaped(type, TYPE_CHARACTERS);
      case 'topic':
        return escaped(this.#topic, TOPIC_CHARACTERS);
      default:
        return part.pattern.replaceAll(TIME_FIELD, (field) =>
          time.slice(...TIME_FIELDS[field as keyof typeof TIME_FIELDS]),
        );
    }
  }
}

/**
 * Tells of a folder when its hour, or the minute it begins with, begins on the wall clock, as if
 * that were UTC; undefined for one without a time, or of another template.
 */
export function folderTimes(template: string): (folder: string) => number | undefined {
  const fields: string[] = [];
  const expressions = parse(template).map((parts) => parts.map((part) => expressionOf(part, fields)).join(''));
  const expression = new RegExp(`^${expressions.join('/')}$`);
  return (folder) => {
    const found = expression.exec(folder);
    if (!found) return undefined;
    const of = new Map(fields.map((field, index) => [field, found[index + 1]]));
    const text = `${of.get('yyyy')}-${of.get('MM')}-${of.get('dd')}T${of.get('HH')}:${of.get('mm') ?? '00'}:00Z`;
    const time = Date.parse(text);
    return Number.isNaN(time) ? undefined : time;
  };
}

/** What matches a part of a folder; notes which fields of a time its groups are. */
function expressionOf(part: Part, fields: string[]): string {
  if (part.kind === 'text') return RegExp.escape(part.text);
  if (part.kind !== 'time') return '[^/]+';
  return part.pattern
    .split(TIME_FIELD_OR_REST)
    .map((piece) => {
      if (!Object.hasOwn(TIME_FIELDS, piece)) return RegExp.escape(piece);
      fields.push(piece);
      return `(\\d{${piece.length}})`;
    })
    .join('');
}

/** What keeps a path template from being used; each fault is the rest of a sentence about it. */
export function checkTemplate(template: string): string[] {
  if (template.length > TEMPLATE_CHARACTERS) return [`is longer than ${TEMPLATE_CHARACTERS} characters`];
  const folders = parse(template);
  const faults = folders.flatMap(checkFolder);
  const times = timeFieldsOf(folders);
  const missing = HOUR_FIELDS.filter((field) => !times.includes(field));
  if (missing.length > 0) {
    faults.push(`mixes events of different hours in one folder: it lacks ${missing.map((f) => `{${f}}`).join(', ')}`);
  }
  return [...new Set(faults)];
}

/** Whether windows below an hour have folders of their own. */
export function hasMinutes(template: string): boolean {
  return timeFieldsOf(parse(template)).includes('mm');
}

function timeFieldsOf(folders: readonly Folder[]): readonly string[] {
  return folders.flat().flatMap((part) => (part.kind === 'time' ? (part.pattern.match(TIME_FIELD) ?? []) : []));
}

/** The names of the partition columns that a template makes: `type`, `date` and `hour`. */
export function partitionColumns(template: string): string[] {
  return parse(template).flatMap(([first]) =>
    first?.kind === 'text' ? (/^([^=]+)=/.exec(first.text)?.[1] ?? []) : [],
  );
}

function checkFolder(folder: Folder): string[] {
  const [first] = folder;
  if (!first) return ['has a folder without a name: "/" stands only between names'];
  const texts = folder.flatMap((part) => (part.kind === 'text' ? part.text : []));
  const unknown = texts.flatMap((text) => text.match(/\{[^}]*\}?|\}/) ?? []);
  if (unknown.length > 0) {
    return [`has ${unknown[0]}; it may have {type}, {topic}, {yyyy}, {MM}, {dd}, {HH}, {mm} and such as {yyyy-MM-dd}`];
  }
  const faults: string[] = [];
  const forbidden = texts.join('').match(/[\p{Cc}\p{Cs}:\\"*?<>|[\]]/u);
  if (forbidden) faults.push(`has ${JSON.stringify(forbidden[0])}, which not every store takes in a name`);
  if (first.kind === 'text' && /^[_.]/.test(first.text)) {
    faults.push('has a folder that begins with "_" or ".", which Spark and Hive skip');
  }
  const bytes = folder.reduce((sum, part) => sum + mostBytes(part), 0);
  if (bytes > COMPONENT_BYTES) faults.push(`can make the name of a folder longer than ${COMPONENT_BYTES} bytes`);
  return faults;
}

function mostBytes(part: Part): number {
  if (part.kind === 'text') return Buffer.byteLength(part.text);
  if (part.kind === 'time') return part.pattern.length;
  return part.kind === 'type' ? TYPE_CHARACTERS : TOPIC_CHARACTERS;
}

function parse(template: string): Folder[] {
  return template.split('/').map((name) =>
    name
      .split(/(\{[^{}]*\})/)
      .filter((text) => text !== '')
      .map(parsePart),
  );
}

/** What is no field stays text; `checkFolder` finds the braces. */
function parsePart(text: string): Part {
  if (text === '{type}') return { kind: 'type' };
  if (text === '{topic}') return { kind: 'topic' };
  const [, pattern] = /^\{((?:yyyy|MM|dd|HH|mm|[-_.T])+)\}$/.exec(text) ?? [];
  return pattern?.match(TIME_FIELD) ? { kind: 'time', pattern } : { kind: 'text', text };
}

function hasTime(folder: Folder): boolean {
  return folder.some(({ kind }) => kind === 'time');
}

function lateName([first]: Folder): string {
  const [column] = first?.kind === 'text' ? (/^[^=]+=/.exec(first.text) ?? []) : [];
  return column === undefined ? LATE : `${column}${NO_VALUE}`;
}
