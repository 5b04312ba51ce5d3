import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { ALIASES } from './aliases.ts';
import { CONNECT_KEYS, CONNECTOR_CLASSES, NOT_HERE } from './connect-keys.ts';
import type { FlatConfig } from './mapping.ts';
import { mapConnector } from './mapping.ts';
import { processReferences } from './references.ts';

const docs = readFileSync(path.join(import.meta.dirname, '../../../docs/connect.md'), 'utf8');

test('the docs name every key of Connect and every alias', () => {
  for (const { name } of CONNECT_KEYS) assert.ok(docs.includes(`\`${name}\``), name);
  for (const [prefix] of NOT_HERE) {
    if (!prefix.endsWith('converter.')) assert.ok(docs.includes(`\`${prefix}`), prefix);
  }
  let rows = 0;
  for (const [connectorClass, kind] of Object.entries(CONNECTOR_CLASSES)) {
    for (const [key, { to }] of Object.entries(ALIASES[kind])) {
      assert.ok(docs.includes(`| \`${connectorClass}\` | \`${key}\` | \`${to}\``), key);
      rows++;
    }
  }
  assert.equal(docs.match(/^\| `\w+Sink` \|/gm)?.length, rows);
});

test('the example in the docs is a connector', () => {
  const [example = ''] = /^ {4}\{\n[\s\S]*?^ {4}\}$/m.exec(docs) ?? [];
  const { name, config } = JSON.parse(example) as { name: string; config: FlatConfig };
  assert.deepEqual(mapConnector({ name, ...config }, processReferences({ environment: {} })).faults, []);
});
