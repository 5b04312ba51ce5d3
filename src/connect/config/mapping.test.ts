import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { temporaryDirectory } from '../../../test/support/temporary.ts';
import { definitionOf } from '../../config/definition.ts';
import type { TSchema } from '../../config/fields.ts';
import { readConfiguration } from '../../config/read.ts';
import { loaderConfig } from '../../loader/config.ts';
import { sinks } from '../../sinks/registry.ts';
import type { FlatConfig, Mapping } from './mapping.ts';
import { MOST_KEYS, MOST_VALUE_CHARACTERS, mapConnector, sinkDefinition } from './mapping.ts';
import { processReferences } from './references.ts';
import { findField, keysOf } from './sink-keys.ts';

const SECRET = 'not-to-be-shown';
const sources = processReferences({
  environment: { PASSWORD: SECRET, URL: `postgres://me:${SECRET}@db.example/db`, NODE: 'http://search.example:9200' },
});

const FILES = { name: 'f', 'connector.class': 'FilesSink', topics: 'web-events' };
const SEARCH = {
  name: 's',
  'connector.class': 'SearchSink',
  topics: 'web-events',
  'elasticsearch.nodes': 'http://127.0.0.1:9200',
};
const TABLE = { name: 't', 'connector.class': 'TableSink', topics: 'web-events', 'postgres.url': '${env:URL}' };

const map = (flat: FlatConfig): Mapping => mapConnector(flat, sources);

function settingsOf(flat: FlatConfig) {
  const { settings, faults } = map(flat);
  assert.deepEqual(faults, []);
  assert.ok(settings);
  return settings;
}

/** What a section of millrace.yaml gives. */
function read(schema: TSchema, yaml: object): unknown {
  const { value, faults } = readConfiguration(schema, JSON.stringify(yaml), {});
  assert.deepEqual(faults, []);
  return value;
}

test('a class and topics are enough for files', () => {
  assert.deepEqual(settingsOf(FILES), {
    name: 'f',
    kind: 'files',
    topics: { names: ['web-events'] },
    tasksMax: 1,
    loaderConfig: read(loaderConfig, {}),
    sinkConfig: read(sinks.files.config, {}),
  });
});

test('dotted keys are the fields of the file, of every kind', () => {
  const { sinkConfig, loaderConfig: loader } = settingsOf({
    ...FILES,
    'store.hdfs.namenodes': 'http://nn1:9870, http://nn2:9870',
    'store.hdfs.path': '/events',
    'store.hdfs.headers.X-Proxy': '${env:PASSWORD}',
    format: 'parquet',
    compression: 'zstd',
    'parquet.columns.colorName': 'string',
    'roll.bytes': '64MiB',
    'roll.age': ' 10m ',
    openFiles: '8',
    'loader.queueBytes': '1MiB',
  });
  assert.deepEqual(
    sinkConfig,
    read(sinks.files.config, {
      store: {
        hdfs: { namenodes: ['http://nn1:9870', 'http://nn2:9870'], path: '/events', headers: { 'X-Proxy': SECRET } },
      },
      format: 'parquet',
      compression: 'zstd',
      parquet: { columns: { colorName: 'string' } },
      roll: { bytes: '64MiB', age: '10m' },
      openFiles: 8,
    }),
  );
  assert.deepEqual(loader, read(loaderConfig, { queueBytes: '1MiB' }));
});

test('groups by a name of the user take their fields', () => {
  const { sinkConfig } = settingsOf({
    ...TABLE,
    'postgres.columns.colour.field': 'properties.colour',
    'postgres.columns.colour.type': 'text',
    'postgres.tls.rejectUnauthorized': 'FALSE',
  });
  const postgres = {
    url: `postgres://me:${SECRET}@db.example/db`,
    columns: { colour: { field: 'properties.colour', type: 'text' } },
    tls: { rejectUnauthorized: false },
  };
  assert.deepEqual(sinkConfig, read(sinks.table.config, { postgres }));
});

test("Confluent's keys are aliases", () => {
  const files = settingsOf({
    ...FILES,
    'flush.size': '500',
    'rotate.interval.ms': '60000',
    's3.bucket.name': 'events',
    's3.region': 'eu-central-1',
  });
  assert.deepEqual(
    files.sinkConfig,
    read(sinks.files.config, {
      store: { s3: { bucket: 'events', region: 'eu-central-1' } },
      roll: { records: 500, age: '60s' },
    }),
  );
  const { 'elasticsearch.nodes': _, ...search } = SEARCH;
  assert.deepEqual(
    settingsOf({
      ...search,
      'connection.url': 'http://a:9200,http://b:9200',
      'connection.username': 'kim',
      'connection.password': '${env:PASSWORD}',
      'batch.size': '2000',
      'max.in.flight.requests': '5',
    }).sinkConfig,
    read(sinks.search.config, {
      elasticsearch: { nodes: ['http://a:9200', 'http://b:9200'], username: 'kim', password: SECRET },
      bulk: { events: 2000, requests: 5 },
    }),
  );
});

test('topics are names or a pattern, and exactly one of them', () => {
  assert.deepEqual(settingsOf({ ...FILES, topics: 'a, b,a,' }).topics, { names: ['a', 'b'] });
  assert.deepEqual(settingsOf({ ...FILES, topics: '', 'topics.regex': 'web-.*' }).topics, { pattern: 'web-.*' });
  for (const topics of [{ topics: ' ' }, { 'topics.regex': 'a' }, { topics: ',', 'topics.regex': '' }] as const) {
    const { settings, faults } = map({ ...FILES, ...topics });
    if (topics.topics === ',') continue;
    assert.equal(settings, undefined);
    assert.deepEqual(
      faults.map(({ key }) => key),
      ['topics', 'topics.regex'],
    );
  }
  for (const topics of ['a b', '..', 'millrace-dead-letters-x', 'millrace-replay-x', 'x'.repeat(250)]) {
    assert.deepEqual(
      map({ ...FILES, topics }).faults.map(({ key }) => key),
      ['topics'],
      topics,
    );
  }
  assert.match(map({ ...FILES, topics: '', 'topics.regex': '(a+)+' }).faults[0]!.message, /may not repeat a group/);
});

test("Connect's keys are honoured, refused by name, or taken with a word", () => {
  const { settings, faults, cautions } = map({
    ...FILES,
    'tasks.max': '3',
    'errors.tolerance': 'all',
    'errors.retry.delay.max.ms': '5000',
    'errors.retry.timeout': '0',
    'errors.deadletterqueue.topic.name': 'millrace-dead-letters-f',
    'errors.deadletterqueue.topic.replication.factor': '3',
    'errors.deadletterqueue.context.headers.enable': 'true',
    'errors.log.include.messages': 'true',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'false',
  });
  assert.deepEqual(faults, []);
  assert.equal(settings?.tasksMax, 3);
  assert.equal(settings?.loaderConfig.retryMax, 5_000);
  assert.equal(settings?.loaderConfig.tolerance, 'all');
  assert.equal(map({ ...FILES, 'errors.tolerance': ' none ' }).settings?.loaderConfig.tolerance, 'none');
  assert.deepEqual(cautions.map(({ key }) => key).sort(), [
    'errors.deadletterqueue.topic.replication.factor',
    'errors.log.include.messages',
    'errors.retry.timeout',
    'value.converter',
    'value.converter.schemas.enable',
  ]);
  for (const [key, value, why] of [
    ['tasks.max', '0', /whole number from 1/],
    ['tasks.max', 'many', /whole number from 1/],
    ['errors.tolerance', 'some', /must be all or none/],
    ['loader.tolerance', 'some', /all, none/],
    ['errors.retry.timeout', '-2', /whole number/],
    ['errors.retry.delay.max.ms', '0', /whole number/],
    ['errors.deadletterqueue.topic.name', 'mine', /must be left out/],
    ['value.converter', 'io.confluent.connect.avro.AvroConverter', /records are JSON/],
    ['value.converter.schemas.enable', 'true', /must be false/],
    ['value.converter.schema.registry.url', 'http://r', /no settings here/],
    ['transforms', 'a', /no transformations/],
    ['transforms.a.type', 'x', /no transformations/],
    ['consumer.override.max.poll.records', '1', /consumer can not be set/],
    ['name', 'Big', /small letters/],
  ] as const) {
    const found = map({ ...FILES, [key]: value }).faults.filter((fault) => fault.key === key);
    assert.equal(found.length, 1, `${key}=${value}: ${JSON.stringify(found)}`);
    assert.match(found[0]!.message, why);
  }
});

test('all faults are told at once, each by the key that was written', () => {
  const { settings, faults } = map({
    ...FILES,
    'flush.size': 'lots',
    'roll.age': '5',
    formt: 'json',
    store: 'local',
    'roll.window': '7m',
    'openFiles.more': '1',
    timezone: 'Mars/Olympus',
  });
  assert.equal(settings, undefined);
  const byKey = new Map(faults.map(({ key, message }) => [key, message]));
  assert.match(byKey.get('flush.size')!, /^flush\.size must be a number, at least 1, but is "lots"/);
  assert.match(byKey.get('roll.age')!, /a time such as/);
  const [delay] = map({ ...FILES, 'errors.retry.delay.max.ms': 'x' }).faults;
  assert.match(delay?.message ?? '', /^errors\.retry\.delay\.max\.ms must be/);
  const { 'elasticsearch.nodes': nodes, ...search } = SEARCH;
  const [node] = map({ ...search, 'connection.url': `${nodes},nowhere` }).faults;
  assert.match(node?.message ?? '', /^connection\.url\.1 must be/);
  assert.match(byKey.get('formt')!, /Did you mean format\?/);
  assert.match(byKey.get('store')!, /There is no key "store"/);
  assert.match(byKey.get('openFiles.more')!, /There is no key/);
  const { faults: tied } = map({ ...FILES, 'roll.window': '7m', timezone: 'Mars/Olympus' });
  assert.deepEqual(tied.map(({ key }) => key).sort(), ['roll.window', 'timezone']);
});

test('what is missing is told', () => {
  assert.deepEqual(
    map({}).faults.map(({ key }) => key),
    ['name', 'connector.class', 'topics', 'topics.regex'],
  );
  assert.match(map({ ...FILES, 'connector.class': 'toString' }).faults[0]!.message, /FilesSink, SearchSink, TableSink/);
  const { 'postgres.url': _, ...table } = TABLE;
  assert.equal(map(table).settings, undefined);
  assert.deepEqual(
    map({ ...FILES, 's3.region': 'x' }).faults.map(({ key }) => key),
    ['store.s3.bucket'],
  );
});

test('an alias and its own key are not given both, nor two stores', () => {
  const twice = map({ ...FILES, 'roll.records': '1', 'flush.size': '2' });
  assert.match(twice.faults[0]!.message, /flush\.size says the same as roll\.records/);
  const delays = map({ ...FILES, 'loader.retryMax': '1s', 'errors.retry.delay.max.ms': '2' });
  assert.match(delays.faults[0]!.message, /says the same as loader\.retryMax/);
  assert.notDeepEqual(map({ ...FILES, 's3.bucket.name': 'abc', 'store.local.path': 'x' }).faults, []);
});

test('a secret is only ever referred to, and neither it nor what a reference stands for is told', () => {
  const told = [
    map({ ...TABLE, 'postgres.url': `postgres://me:${SECRET}@h/db` }),
    map({ ...TABLE, 'postgres.url': `postgres://me:${SECRET}@h/${'${env:PASSWORD}'}` }),
    map({ ...TABLE, 'postgres.url': '${env:PASSWORD}' }),
    map({ ...SEARCH, 'elasticsearch.username': 'kim', 'connection.password': SECRET }),
    map({ ...FILES, timezone: '${env:PASSWORD}' }),
    map({ ...FILES, format: '${env:PASSWORD}' }),
    map({ ...FILES, path: '{${env:PASSWORD}}' }),
    map({ ...FILES, 'roll.records': '${env:PASSWORD}' }),
    map({ ...FILES, 'store.s3.bucket': 'abc', 'store.s3.secretAccessKey': SECRET }),
    map({ ...FILES, 'store.hdfs.path': '/e', 'store.hdfs.namenodes': 'http://[${env:PASSWORD}' }),
    map({ ...TABLE, 'postgres.url': '${env:MISSING}' }),
  ];
  for (const [at, { settings, faults, cautions }] of told.entries()) {
    assert.equal(settings, undefined, `case ${at}`);
    assert.ok(faults.length > 0, `case ${at}`);
    assert.doesNotMatch(JSON.stringify([faults, cautions]), new RegExp(SECRET), `case ${at}`);
  }
  assert.match(told.at(-1)!.faults[0]!.message, /environment variable MISSING, which is not set/);
  const { cautions } = map(TABLE);
  assert.equal(cautions.length, 1);
  assert.doesNotMatch(cautions[0]!.message, /db\.example|not-to-be-shown/);
});

test('what a reference stands for is not looked through again', () => {
  const text = 'x-${env:B}-${HOME}-$${';
  const nested = processReferences({ environment: { A: text, B: 'b' }, stores: '/stores' });
  const { settings } = mapConnector({ ...FILES, 'store.local.path': '${env:A}' }, nested);
  assert.equal(settings?.kind === 'files' ? settings.sinkConfig.store.local?.path : '', `/stores/f/${text}`);
});

test('paths of this machine lead nowhere but to the folders that are meant for them', (t) => {
  const directory = temporaryDirectory(t);
  const [stores, secrets] = [path.join(directory, 'stores'), path.join(directory, 'secrets')];
  mkdirSync(secrets);
  writeFileSync(path.join(secrets, 'ca.pem'), 'a certificate');
  writeFileSync(path.join(directory, 'outside.pem'), 'another one');
  symlinkSync(path.join(directory, 'outside.pem'), path.join(secrets, 'link.pem'));
  const placed = processReferences({ environment: {}, directory: secrets, stores });
  const faultsOf = (flat: FlatConfig) => mapConnector(flat, placed).faults.map(({ key }) => key);
  const files = mapConnector({ ...FILES, 'store.local.path': 'deep/er' }, placed).settings;
  assert.equal(files?.kind === 'files' && files.sinkConfig.store.local?.path, path.join(stores, 'f', 'deep/er'));
  assert.deepEqual(faultsOf({ ...FILES, 'store.local.path': '../g' }), []);
  for (const given of ['..', '../..', '/etc', '../../stores-too', `${stores}-too`, directory]) {
    assert.deepEqual(faultsOf({ ...FILES, 'store.local.path': given }), ['store.local.path'], given);
    const sqlite = { name: 't', 'connector.class': 'TableSink', topics: 'web-events', 'sqlite.path': given };
    assert.deepEqual(faultsOf(sqlite), ['sqlite.path'], given);
  }
  const secure = { ...SEARCH, 'elasticsearch.nodes': 'https://search:9200' };
  const search = mapConnector({ ...secure, 'elasticsearch.ca': 'ca.pem' }, placed).settings;
  const { ca } = (search?.kind === 'search' && search.sinkConfig.elasticsearch) || {};
  assert.equal(ca, path.join(secrets, 'ca.pem'));
  for (const given of ['link.pem', '../outside.pem', '/etc/passwd', 'none.pem', '.']) {
    assert.deepEqual(faultsOf({ ...secure, 'elasticsearch.ca': given }), ['elasticsearch.ca'], given);
  }
});

test('a configuration has its paths from nobody who has no folders for them', () => {
  assert.deepEqual(
    map({ ...FILES, 'store.local.path': 'x' }).faults.map(({ key }) => key),
    ['store.local.path'],
  );
});

test('input is bounded', () => {
  const many = Object.fromEntries(Array.from({ length: MOST_KEYS + 1 }, (_, at) => [`k${at}`, 'x']));
  assert.equal(map(many).faults.length, 1);
  assert.match(map({ ...FILES, path: 'x'.repeat(MOST_VALUE_CHARACTERS + 1) }).faults[0]!.message, /at most/);
  assert.match(map({ ...FILES, ['x'.repeat(301)]: '' }).faults[0]!.message, /1 to 300 characters/);
});

test('every key that is listed can be found, and no other field', () => {
  for (const kind of ['files', 'search', 'table'] as const) {
    const keys = keysOf(sinkDefinition(kind));
    assert.ok(keys.length > 5);
    for (const { name, definition } of keys) {
      assert.equal(findField(sinkDefinition(kind), name.replaceAll('NAME', 'mine'))?.definition, definition, name);
    }
  }
  for (const name of ['', '.', 'roll', 'roll.', 'roll.bytes.x', 'constructor', '__proto__', 'store.local.toString']) {
    assert.equal(findField(definitionOf(sinks.files.config), name), undefined, name);
  }
});

test('anything is judged: each key is honoured or told of', () => {
  const keys = [
    ...keysOf(sinkDefinition('files')).map(({ name }) => name),
    'flush.size',
    'topics',
    'topics.regex',
    'tasks.max',
    'errors.tolerance',
    '__proto__',
    'parquet.columns.__proto__',
    'store.hdfs.headers.constructor',
  ];
  const key = fc.oneof(fc.constantFrom(...keys), fc.string({ unit: 'binary', maxLength: 20 }));
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('1', 'true', '10m', 'json', '${env:PASSWORD}'));
  fc.assert(
    fc.property(fc.dictionary(key, value, { noNullPrototype: true }), (more) => {
      const { settings, faults } = map({ ...FILES, ...more });
      assert.equal(settings === undefined, faults.length > 0);
      for (const fault of faults) assert.ok(!fault.message.includes(SECRET));
      for (const name of Object.keys(more)) {
        const known = findField(sinkDefinition('files'), name) !== undefined || keys.includes(name);
        if (!known && Object.hasOwn({ ...FILES, ...more }, name)) {
          assert.ok(settings === undefined, `${name} was dropped`);
        }
      }
    }),
  );
});
