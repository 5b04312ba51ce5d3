/** What the filters of all databases have in common. */
import type { EventFilter } from '../event-query.ts';
import { NOT_SEARCHED } from '../row.ts';
import type { Word } from '../words.ts';
import { wordsAsked } from '../words.ts';

/** A part of a statement, and what is bound to its `?`, in order. What a user sent is only ever bound. */
export interface Sql {
  readonly text: string;
  readonly parameters: readonly Parameter[];
}

export type Parameter = string | number;

export const NOTHING: Sql = { text: '', parameters: [] };

/** Words of values are a shortcut only: the first ones do, and FTS5 takes no more than some hundreds. */
const VALUE_WORDS = 16;

/**
 * All words that an event must contain: those asked for, and those of the texts that its fields
 * must have, since the words find these few events without reading the others.
 */
export function wordsToMatch({ text = '', where = [] }: EventFilter): readonly Word[] {
  const ofValues = where
    .filter(({ field, value }) => !NOT_SEARCHED.has(field.split('.')[0] ?? '') && literalOf(value) === undefined)
    .flatMap(({ value }) => wordsAsked(value).map(({ word }): Word => ({ word, prefix: false })))
    .slice(0, VALUE_WORDS);
  return [...wordsAsked(text), ...ofValues];
}

export function allOf(conditions: readonly Sql[]): Sql {
  const some = conditions.filter(({ text }) => text !== '');
  return {
    text: some.map(({ text }) => text).join(' AND '),
    parameters: some.flatMap(({ parameters }) => parameters),
  };
}

/** The value as a JSON number or boolean, if it is the text of one. */
export function literalOf(value: string): string | undefined {
  if (value === 'true' || value === 'false') return value;
  return value !== '' && String(Number(value)) === value && Number.isFinite(Number(value)) ? value : undefined;
}
