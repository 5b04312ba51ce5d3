import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import fc from 'fast-check';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import { COLLECTOR_DEAD_LETTERS, deadLetterTopic, replayTopic } from '../log/dead-letter.ts';
import type { LoadedConfiguration } from './configuration.ts';
import { loadConfiguration } from './configuration.ts';

/** Reads a configuration from a file, beside others that it may name. */
function load(t: TestContext, text: string, others: Readonly<Record<string, unknown>> = {}): LoadedConfiguration {
  const workingDirectory = temporaryDirectory(t);
  writeFileSync(path.join(workingDirectory, 'millrace.yaml'), text);
  for (const [name, content] of Object.entries(others))
    writeFileSync(path.join(workingDirectory, name), typeof content === 'string' ? content : JSON.stringify(content));
  return loadConfiguration({ environment: {}, workingDirectory });
}

test('a schema is checked as the collector will use it', (t) => {
  const topics = 'topics: { clicks: { types: [click], schema: click.json } }';
  const faultOf = (schema: unknown) => load(t, topics, { 'click.json': schema }).faults.map(({ message }) => message);
  const properties = { at: { type: 'string', format: 'date-time' } };
  assert.deepEqual(faultOf({ $schema: 'http://json-schema.org/draft-07/schema#', properties }), []);
  assert.deepEqual(faultOf({ $schema: 'https://json-schema.org/draft/2020-12/schema', properties }), []);
  assert.match(faultOf({ propertees: {} }).join(), /unknown keyword/);
  assert.match(faultOf({ properties: { at: { format: 'no-format' } } }).join(), /unknown format/);
  assert.match(faultOf({ $schema: 'https://example.com/other', properties }).join(), /no schema with key/);
  for (const none of [null, 5, [], 'true']) assert.match(faultOf(none).join(), /no JSON object/);
  assert.match(faultOf('{').join(), /JSON/);
});

test('faults in fields and faults between them are told at once, each with its line', (t) => {
  const { faults } = load(
    t,
    [
      'collector: { deliveryTimeout: soon }',
      'topics:',
      '  clicks: { types: [click], partitions: none }',
      '  taps: { types: [click] }',
      '  swipes: 7',
      'connectors:',
      '  a: { files: {}, topics: [swipes, other] }',
      '  b: { files: {} }',
      '  c: { files: { format: 9 } }',
      '  d: {}',
      '  e: { tabel: {} }',
      'operations: { listen: "0.0.0.0:1" }',
    ].join('\n'),
  );
  assert.deepEqual(
    faults.map(({ path, line }) => `${line} ${path}`),
    [
      '1 collector.deliveryTimeout',
      '3 topics.clicks.partitions',
      '5 topics.swipes',
      '9 connectors.c.files.format',
      '11 connectors.e.tabel',
      '4 topics.taps.types',
      '10 connectors.d',
      '7 connectors.a.topics',
      '8 connectors.b.files',
      '12 operations.listen',
    ],
  );
});

test("topics of Millrace's own can't be configured", (t) => {
  const faultsOf = (name: string) => load(t, JSON.stringify({ topics: { [name]: {} } })).faults.map(({ path }) => path);
  for (const own of [COLLECTOR_DEAD_LETTERS, deadLetterTopic('files'), replayTopic('files')])
    assert.deepEqual(faultsOf(own), [`topics.${own}`]);
  assert.deepEqual(faultsOf('millrace'), []);
});

test('two connectors must not write to one place', (t) => {
  const faultsOf = (...sinks: object[]) => {
    const connectors = Object.fromEntries(sinks.map((sink, index) => [`c${index}`, sink]));
    return load(t, JSON.stringify({ data: 'here', connectors })).faults.map(({ path }) => path);
  };
  const files = (path?: string) => ({ files: path ? { store: { local: { path } } } : {} });
  const table = (path?: string) => ({ table: { sqlite: path ? { path } : {} } });
  assert.deepEqual(faultsOf(files(), files('other'), table(), table('other.db')), []);
  assert.deepEqual(faultsOf(files(), files('here/files')), ['connectors.c1.files']);
  assert.deepEqual(faultsOf(table(), table()), ['connectors.c1.table']);
  assert.deepEqual(faultsOf(table('a/../x.db'), table(), table('x.db')), ['connectors.c2.table']);
});

test('files are told what their path, zone and windows may be', (t) => {
  const faultsOf = (files: object) => load(t, JSON.stringify({ connectors: { c: { files } } })).faults;
  assert.deepEqual(faultsOf({ path: '{yyyy}{MM}{dd}/h={HH}', timezone: 'Asia/Seoul', roll: { window: '10m' } }), []);
  const wrong = { path: 'at:/{yyyy-MM-dd}', timezone: 'Mars/Olympus', roll: { window: '7m' } };
  assert.deepEqual(
    faultsOf(wrong).map(({ path }) => path),
    ['path', 'path', 'timezone', 'roll.window'].map((field) => `connectors.c.files.${field}`),
  );
});

test('the columns of Parquet files must not be there already', (t) => {
  const faultsOf = (files: object) =>
    load(t, JSON.stringify({ connectors: { c: { files } } })).faults.map(({ path }) =>
      path.replace('connectors.c.files.', ''),
    );
  const columns = { userName: 'string', 사용자: 'integer' };
  assert.deepEqual(faultsOf({ format: 'parquet', compression: 'snappy', parquet: { columns } }), []);
  assert.deepEqual(faultsOf({ compression: 'snappy', parquet: { columns } }), ['compression', 'parquet.columns']);
  const taken = { ...columns, EVENT: 'string', hour: 'integer', username: 'string', useragent: 'string' };
  assert.deepEqual(
    faultsOf({ format: 'parquet', parquet: { columns: taken } }),
    ['EVENT', 'hour', 'username', 'useragent'].map((name) => `parquet.columns.${name}`),
  );
});

/** A good configuration with something at each place that the rules between fields look at. */
const GOOD = {
  data: './data',
  policy: 'durable',
  collector: { listen: '127.0.0.1:0', processes: 2, demo: false, limits: { bodyBytes: '1MiB' }, origins: ['*'] },
  log: { kafka: { brokers: ['127.0.0.1:9092'], acks: 'all' } },
  topics: {
    clicks: { types: ['click'], key: 'user', replication: 3, config: { a: '1' }, schema: 'click.json' },
    'a.types': { types: ['a'] },
  },
  connectors: {
    files: { topics: ['clicks'], files: { format: 'json', store: { local: { path: 'x' } } } },
    table: { topics: ['a.types'], table: { sqlite: { path: 'y' } } },
  },
  operations: { listen: '127.0.0.1:0', token: 'a-token-of-some-length' },
};

/** Values that no field takes. */
const WRONG = [[[1]], -0.5, { '!': [[1]] }];

test('damage anywhere is reported, and never ends the check', (t) => {
  const others = { 'click.json': {} };
  assert.deepEqual(load(t, JSON.stringify(GOOD), others).faults, []);
  fc.assert(
    fc.property(fc.array(fc.record({ place: fc.nat(), wrong: fc.constantFrom(...WRONG) }), { minLength: 1 }), (all) => {
      const damaged = structuredClone(GOOD);
      for (const { place, wrong } of all) {
        const places = placesIn(damaged);
        const [holder, name] = places[place % places.length]!;
        holder[name] = structuredClone(wrong);
      }
      const { faults } = load(t, JSON.stringify(damaged), others);
      assert.ok(faults.some(({ line }) => line !== undefined));
    }),
  );
});

test('any text as a configuration is read without a crash', (t) => {
  const text = JSON.stringify(GOOD, undefined, 1);
  fc.assert(
    fc.property(fc.nat(text.length), fc.nat(30), fc.string({ maxLength: 10 }), (at, length, put) => {
      load(t, text.slice(0, at) + put + text.slice(at + length), { 'click.json': {} });
    }),
  );
});

type Holder = Record<string, unknown>;

/** Every place in a configuration: what holds it, and its name there. */
function placesIn(holder: object): [Holder, string][] {
  return Object.entries(holder).flatMap(([name, value]) => {
    const here: [Holder, string] = [holder as Holder, name];
    return typeof value === 'object' && !Array.isArray(value) ? [here, ...placesIn(value as object)] : [here];
  });
}
