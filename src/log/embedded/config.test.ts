import assert from 'node:assert/strict';
import test from 'node:test';
import { EMBEDDED_DEFAULTS } from '../../../test/support/embedded-log.ts';
import { embeddedLogConfig } from './config.ts';

interface Field {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Field>>;
}

function defaultsOf({ properties, default: value }: Field): unknown {
  if (!properties) return value;
  return Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, defaultsOf(field)]));
}

test('what other tests take for the defaults is what a user gets', () => {
  assert.deepEqual(defaultsOf(embeddedLogConfig as Field), EMBEDDED_DEFAULTS.config);
});
