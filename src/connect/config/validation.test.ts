import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { CONNECTOR_CLASSES } from './connect-keys.ts';
import type { FlatConfig } from './mapping.ts';
import { mapConnector } from './mapping.ts';
import { processReferences } from './references.ts';
import { describeKeys, plugins, validateConfig } from './validation.ts';

const SECRET = 'not-to-be-shown';
const sources = processReferences({ environment: { PASSWORD: SECRET } });
const FILES = { name: 'f', 'connector.class': 'FilesSink', topics: 'web-events' };
const classes = Object.keys(CONNECTOR_CLASSES) as (keyof typeof CONNECTOR_CLASSES)[];

const validate = (flat: FlatConfig) => validateConfig('FilesSink', flat, (flat) => mapConnector(flat, sources)).answer;

function entry(flat: FlatConfig, key: string) {
  const found = validate(flat).configs.filter(({ value }) => value.name === key);
  assert.equal(found.length, 1, key);
  return found[0]!;
}

test('a good configuration has no errors, and all of its keys and the defaults of others', () => {
  const { name, error_count, groups } = validate(FILES);
  assert.deepEqual(
    { name, error_count, groups },
    {
      name: 'FilesSink',
      error_count: 0,
      groups: ['Common', 'Error Handling', 'Files', 'Loader'],
    },
  );
  assert.deepEqual(entry(FILES, 'roll.bytes'), {
    definition: {
      name: 'roll.bytes',
      type: 'STRING',
      required: false,
      default_value: '128MiB',
      importance: 'LOW',
      documentation: 'A file of this length is committed, with all others of its partition',
      group: 'Files',
      width: 'NONE',
      display_name: 'roll.bytes',
      dependents: [],
      order_in_group: entry(FILES, 'roll.bytes').definition!.order_in_group,
    },
    value: { name: 'roll.bytes', value: '128MiB', recommended_values: [], errors: [], visible: true },
  });
  assert.deepEqual(entry(FILES, 'format').value.recommended_values, ['json', 'parquet']);
});

test('errors stand with the key that was written', () => {
  const flat = { ...FILES, 'flush.size': 'x', nothing: 'y', 'parquet.columns.a': 'colour', topics: '' };
  assert.equal(entry(flat, 'flush.size').value.errors.length, 1);
  assert.equal(entry(flat, 'flush.size').value.value, 'x');
  assert.equal(entry(flat, 'topics').value.errors.length, 1);
  assert.equal(entry(flat, 'nothing').definition, null);
  assert.match(entry(flat, 'nothing').value.errors[0]!, /There is no key/);
  assert.equal(entry(flat, 'parquet.columns.a').definition?.name, 'parquet.columns.a');
  assert.equal(entry(flat, 'parquet.columns.a').value.errors.length, 1);
  assert.equal(validate(flat).error_count, 5);
});

test('a secret is a password, and shown only as a reference', () => {
  const key = 'store.s3.secretAccessKey';
  const base = { ...FILES, 's3.bucket.name': 'abc' };
  assert.equal(entry(base, key).definition?.type, 'PASSWORD');
  assert.deepEqual(entry({ ...base, [key]: SECRET }, key).value.value, null);
  assert.equal(entry({ ...base, [key]: SECRET }, key).value.errors.length, 1);
  assert.equal(entry({ ...base, [key]: '${env:PASSWORD}' }, key).value.value, '${env:PASSWORD}');
  for (const flat of [{ [key]: SECRET }, { [key]: '${env:PASSWORD}' }, { 'store.s3.secretAcessKey': SECRET }]) {
    assert.doesNotMatch(JSON.stringify(validate({ ...base, ...(flat as FlatConfig) })), new RegExp(SECRET));
  }
});

test('cautions are told beside the answer', () => {
  const { answer, cautions } = validateConfig('FilesSink', { ...FILES, 'errors.retry.timeout': '5' }, (flat) =>
    mapConnector(flat, sources),
  );
  assert.equal(answer.error_count, 0);
  assert.deepEqual(
    cautions.map(({ key }) => key),
    ['errors.retry.timeout'],
  );
});

test('every class describes each key once, with its docs and its place', () => {
  for (const name of classes) {
    const keys = describeKeys(name);
    assert.equal(new Set(keys.map((key) => key.name)).size, keys.length);
    for (const key of keys) assert.ok(key.documentation.length > 5, key.name);
    for (const [group, members] of Map.groupBy(keys, (key) => key.group)) {
      assert.deepEqual(
        members.map((member) => member.order_in_group),
        members.map((_, at) => at + 1),
        group,
      );
    }
  }
  assert.deepEqual(
    describeKeys('FilesSink')
      .filter(({ required }) => required)
      .map(({ name }) => name),
    ['name', 'connector.class'],
  );
  assert.deepEqual(plugins('1.2.3')[0], { class: 'FilesSink', type: 'sink', version: '1.2.3' });
});

test('a default that is written out changes nothing', () => {
  for (const { name, default_value: value, group } of describeKeys('FilesSink')) {
    if (value === null || group === 'Common' || name.includes('NAME')) continue;
    // Defaults below a store hold only if that is the store.
    if (name.startsWith('store.')) continue;
    const { settings, faults } = mapConnector({ ...FILES, [name]: value }, sources);
    assert.deepEqual(faults, [], name);
    assert.deepEqual(settings, mapConnector(FILES, sources).settings, name);
  }
});

test('as many errors are counted as are told, whatever is given', () => {
  const key = fc.oneof(
    fc.string(),
    fc.constantFrom('name', 'topics', 'flush.size', 'roll.age', '__proto__', 'loader.x'),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...classes),
      fc.dictionary(key, fc.string(), { noNullPrototype: true }),
      (name, flat) => {
        const { answer } = validateConfig(name, { ...flat, 'connector.class': name }, (flat) =>
          mapConnector(flat, sources),
        );
        const told = answer.configs.flatMap(({ value }) => value.errors);
        assert.equal(told.length, answer.error_count);
        for (const given of Object.keys(flat)) {
          assert.equal(answer.configs.filter(({ value }) => value.name === given).length, 1, given);
        }
      },
    ),
  );
});
