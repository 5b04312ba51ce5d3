import assert from 'node:assert/strict';
import test from 'node:test';
import { readConfiguration } from '../../../config/read.ts';
import { withoutSecrets } from '../../../config/write.ts';
import { checkPostgresTable, postgresTableConfig } from './config.ts';

const URL = 'postgres://me:hunter2@db/events';
const read = (given: object) => readConfiguration(postgresTableConfig, JSON.stringify({ url: URL, ...given }), {});

/** The fields with a fault, in themselves or beside others. */
function faulty(given: object): string[] {
  const { value, faults } = read(given);
  return faults.length > 0 ? faults.map(({ path }) => path) : checkPostgresTable(value).map(({ field }) => field);
}

test('a URL is all that is needed, and is never shown', () => {
  assert.deepEqual(faulty({}), []);
  assert.doesNotMatch(JSON.stringify(withoutSecrets(postgresTableConfig, read({}).value)), /hunter2/);
  const { value } = read({ url: 'postgres://me:hunter2@/' });
  const [fault] = checkPostgresTable(value);
  assert.equal(fault?.field, 'url');
  assert.doesNotMatch(String(fault?.message), /hunter2/);
});

test('names are such that they need no more than quotes', () => {
  for (const table of ['events', 'a.b', '_x9']) assert.deepEqual(faulty({ table }), []);
  for (const table of ['Events', 'a.b.c', 'a"b', '9a', 'a b', '', 'a'.repeat(46)]) {
    assert.deepEqual(faulty({ table }), ['table'], table);
  }
  const column = { field: 'x', type: 'text' };
  assert.deepEqual(faulty({ columns: { city: column } }), []);
  assert.deepEqual(faulty({ columns: { 'ci"ty': column } }), ['columns.ci"ty']);
  assert.deepEqual(faulty({ columns: { words: column } }), ['columns.words']);
});

test('settings of TLS go together', () => {
  assert.deepEqual(faulty({ tls: { ca: 'ca.pem' } }), []);
  assert.deepEqual(faulty({ tls: { cert: 'c.pem' } }), ['tls']);
  assert.deepEqual(faulty({ url: `${URL}?sslmode=disable`, tls: {} }), ['tls']);
});
