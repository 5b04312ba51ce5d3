import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { checkTopicPattern, topicPattern } from './topic-pattern.ts';

test('a pattern is of whole names', () => {
  const pattern = topicPattern('web-.*|clicks');
  for (const name of ['web-', 'web-events', 'clicks']) assert.ok(pattern.test(name), name);
  for (const name of ['my-web-events', 'clicks2', 'web']) assert.ok(!pattern.test(name), name);
});

test('usual patterns pass', () => {
  for (const pattern of ['web-.*', 'a|b', '(web|app)-events', 'web\\.[a-z0-9]+', '(?:a|b)?c{2,3}', '^web-.*$', '.*']) {
    assert.equal(checkTopicPattern(pattern), undefined, pattern);
  }
});

test('what could run away, or is nothing, does not', () => {
  const long = 'a'.repeat(501);
  for (const pattern of [
    '',
    '(a+)+',
    '(a|b)*',
    '(a){9}',
    '.*.*.*',
    `${'a?'.repeat(30)}`,
    '(a|a)'.repeat(30),
    '(?=a)',
    '(a)\\1',
    '(?<n>a)',
    '(',
    ')',
    '*',
    long,
  ]) {
    assert.notEqual(checkTopicPattern(pattern), undefined, pattern);
  }
});

test('any text is judged, and what passes is a pattern', () => {
  const parts = fc.constantFrom('a', '-', '.', '*', '+', '?', '(', ')', '|', '[a-z]', '{2}', '\\.', '^', '$', '(?:');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(parts).map((some) => some.join('')),
      ),
      (pattern) => {
        if (checkTopicPattern(pattern) === undefined) topicPattern(pattern).test('web-events');
      },
    ),
  );
});
