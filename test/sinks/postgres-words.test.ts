import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isRefusal, toRow } from '../../src/sinks/row.ts';
import { encodeRow } from '../../src/sinks/table/postgres/encode.ts';
import { conditionsOf } from '../../src/sinks/table/postgres/filter.ts';
import { wordsAsked } from '../../src/sinks/words.ts';
import { askPostgres, postgresTest } from '../engines/postgres-test.ts';

const PAIRS = 5_000;

/** The meaning of a question, written down without an index. */
function means(stored: string, asked: string): boolean {
  const words = wordsAsked(stored).map(({ word }) => word);
  return wordsAsked(asked).every(({ word, prefix }) =>
    words.some((each) => (prefix ? each.startsWith(word) : each === word)),
  );
}

/** The words as the insert gets them. */
function wordsText(text: string): string {
  const value = JSON.stringify({ id: 'a', type: 'b', text });
  const row = toRow({ offset: 0, timestamp: 0, value: Buffer.from(value) }, 't+0');
  assert.ok(!isRefusal(row));
  return String((JSON.parse(encodeRow(row, {})) as { words: string }).words);
}

const letters = fc.constantFrom(...'aBzß1é한국어초록ΣσςİяЖ-_."\'*:()^+\0 \t/…😀\u0301'.split(/(?:)/u));
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: letters, maxLength: 24 }),
);

postgresTest('any text can be stored and asked, and finds what it means', async (server) => {
  const pairs = fc.sample(fc.tuple(anyText, anyText), PAIRS).flatMap(([stored, asked]) => {
    const [word] = wordsAsked(stored);
    const beginning = word ? [`${[...word.word].slice(0, 2).join('')}*`] : [];
    return [asked, stored, ...beginning].map((text) => ({ stored, text }));
  });
  const asked = pairs.flatMap(({ stored, text }) => {
    const [query] = conditionsOf({ text }).parameters;
    return query === undefined ? [] : [{ words: wordsText(stored), query, found: means(stored, text) }];
  });
  assert.ok(asked.some(({ found }) => found) && asked.some(({ found }) => !found));
  const rows = await askPostgres<{ found: boolean }>(
    server,
    `SELECT array_to_tsvector(string_to_array(words, ' ')) @@ query::tsquery AS found
     FROM unnest($1::text[], $2::text[]) AS pair (words, query)`,
    [asked.map(({ words }) => words), asked.map(({ query }) => query)],
  );
  for (const [i, { words, query, found }] of asked.entries()) assert.equal(rows[i]?.found, found, `${words} ${query}`);
});
