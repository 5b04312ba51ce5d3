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
