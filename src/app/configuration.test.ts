import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { temporaryDirectory } from '../../test/support/temporary.ts';
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
