import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import fc from 'fast-check';
import { matchOf } from './table/sqlite/filter.ts';
import { SCHEMA } from './table/sqlite/schema.ts';
import { foldWords, wordsAsked } from './words.ts';

/** Whether FTS5 finds `stored` by `asked`; no words at all find everything. */
function finds(database: DatabaseSync, stored: string, asked: string): boolean {
  const match = matchOf({ text: asked });
  if (match === undefined) return true;
  database.exec('DELETE FROM event_text');
  database.prepare('INSERT INTO event_text (rowid, words) VALUES (1, ?)').run(foldWords(stored));
  return database.prepare('SELECT 1 FROM event_text WHERE event_text MATCH ?').get(match) !== undefined;
}

function database(): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  database.exec(SCHEMA);
  return database;
}

/** The meaning of a question, written down without an index. */
function means(stored: string, asked: string): boolean {
  const words = wordsAsked(stored).map(({ word }) => word);
  return wordsAsked(asked).every(({ word, prefix }) =>
    words.some((each) => (prefix ? each.startsWith(word) : each === word)),
  );
}

const letters = fc.constantFrom(...'aBzß1é한국어초록ΣσςİяЖ-_."\'*:()^+\0 \t/…😀\u0301'.split(/(?:)/u));
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: letters, maxLength: 24 }),
);

test('any text can be stored and asked, and finds what it means', () => {
  const table = database();
  fc.assert(
    fc.property(anyText, anyText, (stored, asked) => {
      assert.equal(finds(table, stored, asked), means(stored, asked));
    }),
    { numRuns: 1_000 },
  );
});

test('each text finds itself, in any case, and each word by its beginnings', () => {
  const table = database();
  fc.assert(
    fc.property(anyText, (stored) => {
      assert.ok(finds(table, stored, stored), 'itself');
      assert.ok(finds(table, stored, foldWords(stored)), 'folded');
      for (const { word } of wordsAsked(stored)) {
        assert.ok(finds(table, stored, word), 'a word');
        const beginning = [...word].slice(0, 2).join('');
        assert.ok(finds(table, `x ${word} y`, `${beginning}*`), 'a beginning');
      }
    }),
    { numRuns: 500 },
  );
});

test('a question of very many words is a question', () => {
  const table = database();
  const words = Array.from({ length: 128 }, (_, i) => `w${i}`).join(' ');
  assert.ok(finds(table, words, words));
});

test('words are parted by everything that is no letter or digit, and folded', () => {
  assert.deepEqual(wordsAsked('Hello, WORLD* foo-bar a_b'), [
    { word: 'hello', prefix: false },
    { word: 'world', prefix: true },
    { word: 'foo', prefix: false },
    { word: 'bar', prefix: false },
    { word: 'a', prefix: false },
    { word: 'b', prefix: false },
  ]);
  assert.deepEqual(wordsAsked('한국* ΟΔΟΣ'), [
    { word: '한국', prefix: true },
    { word: 'οδοσ', prefix: false },
  ]);
  assert.deepEqual(wordsAsked(' -- * "" '), []);
  // A name typed on a Mac comes in parts, and is the same name.
  assert.deepEqual(wordsAsked('한국'.normalize('NFD')), [{ word: '한국', prefix: false }]);
});
