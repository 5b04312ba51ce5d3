import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_TOPIC, keyOf, Router } from './routing.ts';

const topics = { colors: { types: ['select-color', 'mix-color'] }, empty: { types: [] } };

test('named types go to their topic, all others to the default', () => {
  const router = new Router({ topics, unknownTypes: 'accept', headersOf: (type) => ({ type }) });
  assert.equal(router.route('mix-color')?.topic, 'colors');
  assert.equal(router.route('colors')?.topic, DEFAULT_TOPIC);
  assert.equal(router.route('__proto__')?.topic, DEFAULT_TOPIC);
  assert.deepEqual(router.route('a"b')?.headers, { type: 'a"b' });
  assert.equal(router.route('select-color')?.headers, router.route('select-color')?.headers, 'headers are shared');
});

test('unnamed types are refused where only named ones are taken', () => {
  const router = new Router({ topics, unknownTypes: 'reject', headersOf: (type) => ({ type }) });
  assert.equal(router.route('other'), undefined);
  assert.equal(router.route('select-color')?.topic, 'colors');
});

test('routes stay right when visitors bring more types than are kept', () => {
  const router = new Router({ topics, unknownTypes: 'accept', headersOf: (type) => ({ type }) });
  for (let n = 0; n < 5000; n++) assert.deepEqual(router.route(`t${n}`)?.headers, { type: `t${n}` });
  assert.equal(router.route('select-color')?.topic, 'colors');
});

test('a topic may name the field that keys its records', () => {
  const keyed = new Router({
    topics: { orders: { types: ['order'], key: 'customer' }, 'web-events': { types: [], key: 'page' } },
    unknownTypes: 'accept',
    headersOf: (type) => ({ type }),
  });
  assert.equal(keyed.route('order')?.key, 'customer');
  assert.equal(keyed.route('anything')?.key, 'page');

  const text = (key: Uint8Array | undefined) => key && Buffer.from(key).toString();
  assert.equal(text(keyOf('customer', { customer: 'Ada 데이지' })), 'Ada 데이지');
  assert.equal(text(keyOf('customer', { customer: 7 })), '7');
  assert.equal(text(keyOf('customer', { customer: { name: 'Ada' } })), undefined);
  assert.equal(text(keyOf('customer', {})), undefined);
  assert.equal(text(keyOf('toString', {})), undefined);
});
