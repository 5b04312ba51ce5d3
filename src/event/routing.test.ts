import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_TOPIC, Router } from './routing.ts';

const topics = { colors: { types: ['select-color', 'mix-color'] }, empty: { types: [] } };

test('named types go to their topic, all others to the default', () => {
  const router = new Router({ topics, unknownTypes: 'accept', typeHeader: 'type' });
  assert.equal(router.route('mix-color')?.topic, 'colors');
  assert.equal(router.route('colors')?.topic, DEFAULT_TOPIC);
  assert.equal(router.route('__proto__')?.topic, DEFAULT_TOPIC);
  assert.deepEqual(router.route('a"b')?.headers, { type: 'a"b' });
  assert.equal(router.route('select-color')?.headers, router.route('select-color')?.headers, 'headers are shared');
});

test('unnamed types are refused where only named ones are taken', () => {
  const router = new Router({ topics, unknownTypes: 'reject', typeHeader: 'type' });
  assert.equal(router.route('other'), undefined);
  assert.equal(router.route('select-color')?.topic, 'colors');
});

test('routes stay right when visitors bring more types than are kept', () => {
  const router = new Router({ topics, unknownTypes: 'accept', typeHeader: 'type' });
  for (let n = 0; n < 5000; n++) assert.deepEqual(router.route(`t${n}`)?.headers, { type: `t${n}` });
  assert.equal(router.route('select-color')?.topic, 'colors');
});
