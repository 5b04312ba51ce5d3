import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';

/** The layers, top to bottom: a folder imports only from itself and from those below it. */
const LAYERS = [
  'main.ts',
  'cli',
  'app',
  'operations',
  'connect',
  'collector',
  'loader',
  'delivery',
  'sinks',
  'log',
  'event',
  'config',
  'support',
];

/** What else the data's road may not know: sinks do not know each other, nor one log the other. */
const SEPARATE = ['sinks/files', 'sinks/table', 'sinks/search', 'log/embedded', 'log/kafka'];

const source = path.resolve(import.meta.dirname);
const layerOf = (file: string) => path.relative(source, file).split(path.sep)[0] ?? '';
const separateOf = (file: string) => SEPARATE.find((folder) => file.startsWith(path.join(source, folder) + path.sep));

test('imports point one way', () => {
  const files = globSync('**/*.ts', { cwd: source }).map((file) => path.join(source, file));
  const wrong: string[] = [];
  let seen = 0;
  for (const file of files) {
    if (file.endsWith('architecture.test.ts')) continue;
    assert.ok(LAYERS.includes(layerOf(file)), `${file} stands in no layer`);
    for (const [, specifier] of readFileSync(file, 'utf8').matchAll(/(?:from|import|import\() ?'(\.[^']+)'/g)) {
      const target = path.resolve(path.dirname(file), specifier as string);
      if (!target.startsWith(source + path.sep)) {
        if (!file.endsWith('.test.ts')) wrong.push(`${file} imports ${specifier}, which is outside src/`);
        continue;
      }
      seen++;
      const [from, to] = [LAYERS.indexOf(layerOf(file)), LAYERS.indexOf(layerOf(target))];
      if (to < from) wrong.push(`${file} imports ${specifier}, from a layer above`);
      const [mine, theirs] = [separateOf(file), separateOf(target)];
      if (mine && theirs && mine !== theirs)
        wrong.push(`${file} imports ${specifier}, from a sibling it must not know`);
    }
  }
  assert.ok(seen > 50, `only ${seen} imports were found: the pattern no longer matches the code`);
  assert.deepEqual(wrong, []);
});

/**
 * Of Kafka's client only what asks and answers is used: its Producer and Consumer lose or repeat
 * records in ways that ours exist to prevent (test/log/kafka-rules.test.ts).
 */
const KAFKA_CLIENT = '@platformatic/kafka';
const KAFKA_CLIENT_TYPES = /^(ConnectionOptions|SASLOptions|API|Reader)$/;
/** What imports more of it than types: its parts, and what stands for those of its modules that bring too much along. */
const KAFKA_CLIENT_PARTS = ['client.ts', 'client-apis.ts', 'client-lru.ts', 'client-files.ts'].map((name) =>
  path.join('log', 'kafka', name),
);
const KAFKA_CLIENT_REPLACED = ['/apis/index.js', 'ajv/dist/2020.js'];
const KAFKA_CLIENT_FILES = [
  'clients/consumer/consumer-protocol.js',
  'errors.js',
  'network/connection.js',
  'protocol/index.js',
];

test("only connections and requests of Kafka's client are used", () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const name of globSync('**/*.ts', { cwd: source })) {
    if (name.endsWith('.test.ts') || KAFKA_CLIENT_PARTS.includes(name)) continue;
    const text = readFileSync(path.join(source, name), 'utf8');
    const mentions = text.split(`'${KAFKA_CLIENT}`).length - 1;
    const imports = [...text.matchAll(/import type \{([^}]*)\} from '@platformatic\/kafka';/g)];
    if (mentions !== imports.length) wrong.push(`${name} imports more of the client than types`);
    if (text.includes("client-files.ts'")) wrong.push(`${name} imports files of the client by itself`);
    if (mentions > 0 && !name.startsWith(path.join('log', 'kafka') + path.sep)) wrong.push(`${name} is not log/kafka`);
    for (const part of imports.flatMap(([, parts = '']) => parts.split(',').map((one) => one.trim()))) {
      if (part === '') continue;
      seen++;
      if (!KAFKA_CLIENT_TYPES.test(part)) wrong.push(`${name} imports ${part}`);
    }
  }
  assert.ok(seen > 3, `only ${seen} types were found: the pattern no longer matches the code`);
  assert.deepEqual(wrong, []);
  const [parts = '', apis = '', lru = '', files = ''] = KAFKA_CLIENT_PARTS.map((name) =>
    readFileSync(path.join(source, name), 'utf8'),
  );
  const names = [...parts.matchAll(/'([\w/-]+\.js)'/g)].map(([, file]) => file);
  assert.deepEqual(names.sort(), [...KAFKA_CLIENT_REPLACED, ...KAFKA_CLIENT_FILES].sort());
  const questions = [...apis.matchAll(/await (?:api|file)<[^(]*>\('([^']*)'\)/g)].map(([, name = '']) => name);
  assert.ok(questions.length > 20, `only ${questions.length} questions were found`);
  const others = questions.filter((name) => !/^[a-z]+\/[a-z-]+-v\d+$/.test(name));
  assert.deepEqual(others, ['callbacks', 'definitions']);
  assert.deepEqual(
    [...lru.matchAll(/require\('([^']*)'\)/g)].map(([, name]) => name),
    ['mnemonist/lru-cache'],
  );
  for (const text of [parts, apis, lru, files]) {
    assert.ok(!text.includes(`from '${KAFKA_CLIENT}`) && !text.includes(`(await import('${KAFKA_CLIENT}`));
  }
});
