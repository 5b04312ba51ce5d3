import type { EventFilter, FieldValue } from '../../event-query.ts';
import { NOT_SEARCHED } from '../../row.ts';
import type { Word } from '../../words.ts';
import { wordsAsked } from '../../words.ts';

export type Parameter = string | number;

/** A part of a statement, and what is bound to it, in order. What a user sent is only ever bound. */
export interface Sql {
  readonly text: string;
  readonly parameters: readonly Parameter[];
}

/** Fields that are columns, since a record's type may stand in its header alone. */
const COLUMNS: Readonly<Record<string, string>> = { id: 'event.id', type: 'event.type' };

/** Words of values are a shortcut only: the first ones do, and FTS5 takes no more than some hundreds. */
const VALUE_WORDS = 16;

/**
 * The MATCH expression of all words that an event must contain: those asked for, and those of the
 * texts that its fields must have, since the words find these few events without reading the others.
 * Every word is quoted; without its quotes it would be FTS5's query language.
 */
export function matchOf({ text = '', where = [] }: EventFilter): string | undefined {
  const ofValues = where
    .filter(({ field, value }) => !NOT_SEARCHED.has(field.split('.')[0] ?? '') && literal(value) === undefined)
    .flatMap(({ value }) => wordsAsked(value).map(({ word }): Word => ({ word, prefix: false })))
    .slice(0, VALUE_WORDS);
  const all = [...wordsAsked(text), ...ofValues];
  if (all.length === 0) return undefined;
  return [...new Set(all.map(({ word, prefix }) => `"${word}"${prefix ? '*' : ''}`))].join(' AND ');
}

/** The conditions of a filter but for its words. */
export function conditionsOf({ from, to, type, where = [] }: EventFilter): Sql {
  const conditions: Sql[] = [];
  if (from !== undefined) conditions.push({ text: 'event.timestamp >= ?', parameters: [from] });
  if (to !== undefined) conditions.push({ text: 'event.timestamp < ?', parameters: [to] });
  if (type !== undefined) conditions.push({ text: 'event.type = ?', parameters: [type] });
  return allOf([...conditions, ...where.map(fieldHasValue)]);
}

export function allOf(conditions: readonly Sql[]): Sql {
  const some = conditions.filter(({ text }) => text !== '');
  return {
    text: some.map(({ text }) => text).join(' AND '),
    parameters: some.flatMap(({ parameters }) => parameters),
  };
}

/**
 * A field as JSON text, or NULL: `"red"`, `5`, `true`. Values are stored as JSON.stringify writes
 * them, so equal values are equal texts; SQLite's own numbers would be written in another way.
 */
export function jsonOf(field: string): Sql {
  const column = COLUMNS[field];
  if (column) return { text: `json_quote(${column})`, parameters: [] };
  const nested = pathOf(field.split('.'));
  if (!field.includes('.')) return { text: 'event.value -> ?', parameters: [nested] };
  // A name may itself contain a dot; a field of the very name goes first.
  return { text: 'coalesce(event.value -> ?, event.value -> ?)', parameters: [pathOf([field]), nested] };
}

function fieldHasValue({ field, value }: FieldValue): Sql {
  const column = COLUMNS[field];
  if (column) return { text: `${column} = ?`, parameters: [value] };
  const json = jsonOf(field);
  const forms = [JSON.stringify(value), literal(value)].filter((form) => form !== undefined);
  return {
    text: `(${json.text}) IN (${forms.map(() => '?').join(', ')})`,
    parameters: [...json.parameters, ...forms],
  };
}

/** The value as a JSON number or boolean, if it is the text of one. */
function literal(value: string): string | undefined {
  if (value === 'true' || value === 'false') return value;
  return value !== '' && String(Number(value)) === value && Number.isFinite(Number(value)) ? value : undefined;
}

/** A path in SQLite's JSON functions; a quoted label takes JSON's own escapes, and so any name. */
function pathOf(names: readonly string[]): string {
  return `$${names.map((name) => `.${JSON.stringify(name)}`).join('')}`;
}
