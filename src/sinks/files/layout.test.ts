import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { checkTemplate, DEFAULT_PATH, hasMinutes, Layout, OTHER_TYPE, partitionColumns } from './layout.ts';

const TIME = Date.UTC(2026, 0, 2, 3, 4);

test('the default path has a folder for type, day and hour', () => {
  const layout = new Layout(DEFAULT_PATH, 'clicks');
  assert.deepEqual(checkTemplate(DEFAULT_PATH), []);
  assert.equal(layout.folder('zoom', TIME), 'type=zoom/date=2026-01-02/hour=03');
  assert.deepEqual(partitionColumns(DEFAULT_PATH), ['type', 'date', 'hour']);
});

test('fields stand alone or together, anywhere in a name', () => {
  for (const [template, folder] of [
    ['{topic}/{yyyy}/{MM}/{dd}/{HH}', 'clicks/2026/01/02/03'],
    ['dt={yyyyMMdd}/t={HH.mm}', 'dt=20260102/t=03.04'],
    ['y={yyyy}/when={MM-dd_HH}-{type}', 'y=2026/when=01-02_03-a%2Fb'],
    ['{yyyy-MM-ddTHHmm}', '2026-01-02T0304'],
  ] as const) {
    assert.deepEqual(checkTemplate(template), [], template);
    assert.equal(new Layout(template, 'clicks').folder('a/b', TIME), folder);
  }
});

test('late events stand as deep as all others, with no value where the time would be', () => {
  const none = '__HIVE_DEFAULT_PARTITION__';
  assert.equal(new Layout(DEFAULT_PATH, 'clicks').lateFolder('zoom'), `type=zoom/date=${none}/hour=${none}`);
  assert.equal(new Layout('{type}/{yyyy-MM-dd}/h={HH}', 'clicks').lateFolder('zoom'), `zoom/late/h=${none}`);
});

test('a type or a topic never makes a name that readers skip or that is no name', () => {
  const layout = new Layout('{type}/{topic}/{yyyy-MM-ddTHH}', '..');
  assert.equal(layout.folder(OTHER_TYPE, TIME), '%5Fother/%2E%2E/2026-01-02T03');
  assert.equal(layout.folder('.hidden', TIME), '%2Ehidden/%2E%2E/2026-01-02T03');
  assert.equal(layout.folder('../_millrace', TIME), '%2E.%2F_millrace/%2E%2E/2026-01-02T03');
});

test('what no store or reader takes is refused before anything runs', () => {
  const hour = '{yyyy-MM-dd}/{HH}';
  for (const [template, why] of [
    [`/${hour}`, /without a name/],
    [`a//${hour}`, /without a name/],
    [`${hour}/`, /without a name/],
    [`./${hour}`, /begins with "_" or "."/],
    [`${hour}/..`, /begins with "_" or "."/],
    [`_millrace/${hour}`, /begins with "_" or "."/],
    [`${hour}/_x={type}`, /begins with "_" or "."/],
    [`at:${hour}`, /":"/],
    [`a\n/${hour}`, /"\\n"/],
    [`{field:userName}/${hour}`, /\{field:userName\}/],
    [`{yyyy/${hour}`, /\{yyyy;/],
    [`a}/${hour}`, /has \};/],
    [`{}/${hour}`, /has \{\}/],
    [`${'x'.repeat(256)}/${hour}`, /longer than 255 bytes/],
    [`${'가'.repeat(40)}{type}/${hour}`, /longer than 255 bytes/],
    [`${'x/'.repeat(600)}${hour}`, /longer than 1000 characters/],
    ['{yyyy-MM-dd}', /mixes events of different hours.*\{HH\}/],
    ['{HH}', /lacks \{yyyy\}, \{MM\}, \{dd\}/],
  ] as const) {
    const faults = checkTemplate(template);
    assert.match(faults.join('; '), why, template);
  }
});

test('any template is refused, or its folders are names that HDFS takes, at one depth', () => {
  const parts = [
    '{type}',
    '{topic}',
    '{yyyy-MM-dd}',
    '{HH}',
    '{mm}',
    '{HHmm}',
    '/',
    '=',
    '_',
    '.',
    ':',
    '{',
    'x',
    '한',
  ];
  const templates = fc.array(fc.oneof(fc.constantFrom(...parts), fc.string({ maxLength: 3 })), { maxLength: 12 });
  const named = fc.string({ minLength: 1, maxLength: 200 });
  const rest = fc.constantFrom('', '/{yyyy}-{MM}-{dd}/{HH}');
  fc.assert(
    fc.property(templates, rest, named, named, (words, end, type, topic) => {
      const template = `${words.join('')}${end}`;
      if (checkTemplate(template).length > 0) return;
      const layout = new Layout(template, topic);
      const folders = [layout.folder(type, TIME), layout.lateFolder(type)].map((folder) => folder.split('/'));
      assert.equal(folders[0]?.length, folders[1]?.length);
      for (const name of folders.flat()) {
        assert.ok(Buffer.byteLength(name) <= 255);
        assert.doesNotMatch(name, /^$|^[._]|[:\\\p{Cc}]/u);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('minutes are those of the time, and not of a name', () => {
  assert.equal(hasMinutes('{yyyy-MM-dd}/{HH-mm}'), true);
  assert.equal(hasMinutes('community={type}/date={yyyy-MM-dd}/hour={HH}'), false);
});
