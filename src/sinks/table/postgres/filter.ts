import { MAX_TIME } from '../../../event/time.ts';
import type { EventFilter, FieldValue } from '../../event-query.ts';
import type { Sql } from '../filter.ts';
import { allOf, literalOf, wordsToMatch } from '../filter.ts';
import { isText, timeText } from './encode.ts';

/** Fields that are columns, since a record's type may stand in its header alone. */
const COLUMNS: Readonly<Record<string, string>> = { id: 'id', type: 'type' };

/** Nothing in the table has it. */
const NEVER: Sql = { text: 'false', parameters: [] };

export function conditionsOf(filter: EventFilter): Sql {
  const { from, to, type, where = [] } = filter;
  const conditions: Sql[] = [matchOf(filter)];
  if (from !== undefined) {
    conditions.push(from > MAX_TIME ? NEVER : { text: 'timestamp >= ?::timestamptz', parameters: [timeText(from)] });
  }
  if (to !== undefined && to <= MAX_TIME) {
    conditions.push({ text: 'timestamp < ?::timestamptz', parameters: [timeText(to)] });
  }
  if (type !== undefined) conditions.push(hasValue({ field: 'type', value: type }));
  return allOf([...conditions, ...where.map(hasValue)]);
}

/** The words are letters, digits and marks; quoted, none of them is part of the language of tsquery. */
function matchOf(filter: EventFilter): Sql {
  const words = [...new Set(wordsToMatch(filter).map(({ word, prefix }) => `'${word}'${prefix ? ':*' : ''}`))];
  if (words.length === 0) return { text: '', parameters: [] };
  return { text: 'words @@ ?::tsquery', parameters: [words.join(' & ')] };
}

/** A field as jsonb, or NULL. The names of the path lead into objects only, also if they are digits. */
export function jsonOf(field: string): Sql {
  const column = COLUMNS[field];
  if (column) return { text: `to_jsonb(${column})`, parameters: [] };
  const names = field.split('.');
  const nested = { text: `value${names.map(() => ' -> ?::text').join('')}`, parameters: names };
  if (names.length === 1) return nested;
  // A name may itself contain a dot; a field of the very name goes first.
  return { text: `coalesce(value -> ?::text, ${nested.text})`, parameters: [field, ...names] };
}

function hasValue({ field, value }: FieldValue): Sql {
  if (!isText(field) || !isText(value)) return NEVER;
  const column = COLUMNS[field];
  if (column) return { text: `${column} = ?`, parameters: [value] };
  const json = jsonOf(field);
  const literal = literalOf(value);
  return {
    text: `(${json.text}) IN (to_jsonb(?::text)${literal === undefined ? '' : ', ?::jsonb'})`,
    parameters: [...json.parameters, value, ...(literal === undefined ? [] : [literal])],
  };
}

/** The statement with `$1`, `$2`, … for each `?`, as PostgreSQL has them. */
export function numbered(text: string): string {
  let number = 0;
  return text.replaceAll('?', () => `$${++number}`);
}
