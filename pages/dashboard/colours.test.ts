import assert from 'node:assert/strict';
import test from 'node:test';
import { safeColour } from './colours.ts';

test('only names and hex numbers of colours become a style', () => {
  assert.equal(safeColour('Red'), 'red');
  assert.equal(safeColour('rebeccapurple'), 'rebeccapurple');
  assert.equal(safeColour('#FFF'), '#fff');
  assert.equal(safeColour('#12ab9f'), '#12ab9f');
  for (const value of [
    '',
    'red;',
    'url(x)',
    '#12',
    '#12345',
    'var(--ink)',
    'inherit',
    'transparent',
    'red\n',
    ' red',
    '빨강',
  ])
    assert.equal(safeColour(value), undefined, JSON.stringify(value));
});
