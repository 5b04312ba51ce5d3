import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { boolean, bytes, choice, duration, integer, list, mapOf, oneOf, optional, section, text } from './fields.ts';
import { readConfiguration } from './read.ts';
import { describeBytes, formatBytes, formatDuration, parseBytes, parseDuration } from './units.ts';

const store = choice(
  {
    local: section({ path: text({ description: 'Where', default: './files' }) }, { description: 'Local' }),
    remote: section({ url: text({ description: 'Address' }) }, { description: 'Remote' }),
  },
  { description: 'The store', default: { local: {} } },
);
const definition = section(
  {
    listen: text({ description: 'Address', default: '0.0.0.0:8080', pattern: '^[^ ]+:\\d+$' }),
    level: oneOf(['low', 'high'], { description: 'How much', default: 'low' }),
    limits: section(
      {
        body: bytes({ description: 'Largest body', default: 1024, minimum: 1, maximum: 4096 }),
        wait: duration({ description: 'Longest wait', default: 5000 }),
      },
      { description: 'Limits' },
    ),
    workers: integer({ description: 'Workers', default: 1, minimum: 1 }),
    enabled: boolean({ description: 'Whether', default: false }),
    token: optional(text({ description: 'Token', secret: true })),
    topics: mapOf(
      section(
        {
          types: list(text({ description: 'Type' }), { description: 'Types', minItems: 1 }),
          partitions: integer({ description: 'Partitions', default: 2 }),
        },
        { description: 'A topic' },
      ),
      { description: 'Topics', namePattern: '^[a-z-]+$', default: { web: { types: ['a'] } } },
    ),
    store,
  },
  { description: 'All' },
);

const read = (yaml: string, environment = {}) => readConfiguration(definition, yaml, environment);
const faults = (yaml: string, environment = {}) =>
  read(yaml, environment).faults.map(({ path, line, message }) => `${path}@${line}: ${message}`);

test('an empty file gives every default', () => {
  for (const yaml of ['', '# nothing\n', 'limits:\n']) {
    const { value, faults } = read(yaml);
    assert.deepEqual(faults, []);
    assert.deepEqual(value, {
      listen: '0.0.0.0:8080',
      level: 'low',
      limits: { body: 1024, wait: 5000 },
      workers: 1,
      enabled: false,
      token: undefined,
      topics: { web: { types: ['a'], partitions: 2 } },
      store: { local: { path: './files' } },
    });
  }
});

test('what is written counts, with units', () => {
  const { value, faults } = read(
    'limits: { body: 4KiB, wait: 250ms }\nstore: { remote: { url: "http://x" } }\ntopics: { b: { types: [x, y] } }\n',
  );
  assert.deepEqual(faults, []);
  assert.deepEqual(value.limits, { body: 4096, wait: 250 });
  assert.deepEqual(value.store, { remote: { url: 'http://x' } });
  assert.deepEqual(value.topics, { b: { types: ['x', 'y'], partitions: 2 } });
});

test('all faults at once, each with path, line and what would be right', () => {
  assert.deepEqual(
    faults(
      [
        'listen: here',
        'levl: high',
        'level: hihg',
        'limits:',
        '  body: 5KiB',
        '  wait: 10',
        'workers: 0',
        'enabled: maybe',
        'topics: { B: { types: [] } }',
        'store: { local: {}, remote: {} }',
      ].join('\n'),
    ),
    [
      'levl@2: There is no field "levl". Did you mean "level"?',
      'listen@1: listen must be text that matches ^[^ ]+:\\d+$, but is "here".',
      'level@3: level must be one of low, high, but is "hihg". Did you mean "high"?',
      'limits.body@5: limits.body must be a size such as 64KiB, at least 1B, at most 4KiB, but is "5KiB".',
      'limits.wait@6: limits.wait must be a time such as 250ms or 10m, but is 10.',
      'workers@7: workers must be a number, at least 1, but is 0.',
      'enabled@8: enabled must be true or false, but is "maybe".',
      'topics.B@9: "B" is not a possible name here; it must match ^[a-z-]+$.',
      'topics.B.types@9: topics.B.types must have at least 1 entries.',
      'store@10: store must name exactly one of: local, remote.',
    ],
  );
});

test('the environment is put in, and missed when it is not there', () => {
  const yaml = 'listen: "${HOST}:80"\nworkers: ${N}\nenabled: ${ON:-true}\ntoken: $${plain}\n';
  const { value, faults: none } = read(yaml, { HOST: 'h', N: '3' });
  assert.deepEqual(none, []);
  assert.equal(value.listen, 'h:80');
  assert.equal(value.workers, 3);
  assert.equal(value.enabled, true);
  assert.equal(value.token, '${plain}');
  assert.deepEqual(faults(yaml, { HOST: 'h' }), [
    'workers@2: workers needs the environment variable N, which is not set.',
  ]);
});

test('a secret is not repeated in its fault', () => {
  const secret = section({ key: text({ description: 'Key', secret: true, pattern: '^k' }) }, { description: 'All' });
  const { faults } = readConfiguration(secret, 'key: hunter2', {});
  assert.equal(faults.length, 1);
  assert.doesNotMatch(faults[0]!.message, /hunter2/);
});

test('broken YAML, repeated keys and aliases are faults with a line', () => {
  assert.match(faults('a: [')[0]!, /^@\d+: This is not valid YAML/);
  assert.match(faults('level: low\nlevel: high\n')[0]!, /^@2: This is not valid YAML/);
  assert.match(faults('level: &a low\nlisten: *a\n')[0]!, /^listen@2: Anchors/);
});

test('no text makes the reader throw', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (yaml) => Array.isArray(read(yaml).faults)));
});

test('units read back as they were written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 50 }), (n) => {
      assert.equal(parseBytes(formatBytes(n)), n);
      assert.equal(parseDuration(formatDuration(n)), n);
    }),
  );
});

test('a size for a person is about as large, and never larger', () => {
  const cases = [
    [0, '0B'],
    [1_023, '1023B'],
    [1_300_000, '1.2MiB'],
    [2 ** 30 - 1, '1023.9MiB'],
    [5 * 2 ** 40, '5TiB'],
  ] as const;
  for (const [bytes, text] of cases) assert.equal(describeBytes(bytes), text);
});

test('one field decides the defaults of others, and what is written wins', () => {
  const preset = section(
    {
      policy: oneOf(['quick', 'safe'], { description: 'Policy', default: 'quick' }),
      wait: section(
        { acks: oneOf(['one', 'all'], { description: 'Acks', default: 'one' }) },
        { description: 'Waiting' },
      ),
    },
    { description: 'All', presets: { by: 'policy', of: { safe: { 'wait.acks': 'all' } } } },
  );
  const read = (text: string) => readConfiguration(preset, text, { POLICY: 'safe' }).value;
  assert.deepEqual(read(''), { policy: 'quick', wait: { acks: 'one' } });
  assert.deepEqual(read('policy: safe'), { policy: 'safe', wait: { acks: 'all' } });
  assert.deepEqual(read('wait: {}\npolicy: ${POLICY}'), { policy: 'safe', wait: { acks: 'all' } });
  assert.deepEqual(read('policy: safe\nwait: { acks: one }'), { policy: 'safe', wait: { acks: 'one' } });
});

test('fields set beside the file win over it, and are checked alike', () => {
  const read = (file: string, ...settings: [string, string][]) =>
    readConfiguration(
      definition,
      file,
      {},
      settings.map(([path, value]) => ({ path, value })),
    );
  const { value, faults, lineOf } = read(
    'listen: a:1\nlimits:\n  body: 100\n',
    ['listen', 'b:2'],
    ['limits.wait', '3s'],
    ['topics', '{ extra: { types: [b, c] } }'],
  );
  assert.deepEqual(faults, []);
  assert.equal(value.listen, 'b:2');
  assert.deepEqual(value.limits, { body: 100, wait: 3000 });
  assert.deepEqual(value.topics, { extra: { types: ['b', 'c'], partitions: 2 } });
  assert.equal(lineOf('limits.body'), 3);
  assert.equal(read('', ['workers', '4']).value.workers, 4);

  const wrong = read('workers: 1', ['workers', 'many'], ['listne', 'c:3'], ['workers.deep', '1'], ['level', '[']);
  assert.deepEqual(wrong.faults.map(({ path }) => path).sort(), ['level', 'listne', 'workers', 'workers.deep']);
});
