import type { EventFilter, FieldValue } from '../../event-query.ts';
import type { Sql } from '../filter.ts';
import { allOf, literalOf, wordsToMatch } from '../filter.ts';

/** Fields that are columns, since a record's type may stand in its header alone. */
const COLUMNS: Readonly<Record<string, string>> = { id: 'event.id', type: 'event.type' };

/**
 * The MATCH expression of all words that an event must contain. Every word is quoted; without its
 * quotes it would be FTS5's query language.
 */
export function matchOf(filter: EventFilter): string | undefined {
  const all = wordsToMatch(filter);
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
  const forms = [JSON.stringify(value), literalOf(value)].filter((form) => form !== undefined);
  return {
    text: `(${json.text}) IN (${forms.map(() => '?').join(', ')})`,
    parameters: [...json.parameters, ...forms],
  };
}

/** A path in SQLite's JSON functions; a quoted label takes JSON's own escapes, and so any name. */
function pathOf(names: readonly string[]): string {
  return `$${names.map((name) => `.${JSON.stringify(name)}`).join('')}`;
}
