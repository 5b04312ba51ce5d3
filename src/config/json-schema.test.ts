import assert from 'node:assert/strict';
import test from 'node:test';
import { Type as typebox } from 'typebox';
import { Type } from './json-schema.ts';

/** A schema with all there is, made by either. */
function made(type: typeof Type): unknown {
  const text = type.String({ pattern: '^a', description: 'A text' });
  return type.Object(
    {
      text,
      optional: type.Optional(type.Integer({ minimum: 1 })),
      flag: type.Boolean({ default: false }),
      words: type.Array(type.Union([type.Literal('one'), type.Literal('two', { description: '2' })]), { maxItems: 3 }),
      map: type.Record(type.String(), type.Integer(), { description: 'By name' }),
      inner: type.Object({ nothing: type.Optional(text) }, { additionalProperties: false }),
      literals: type.Union([type.Literal(true), type.Literal(1)]),
      unsafe: type.Unsafe<string>({ type: ['string', 'number'], format: 'date-time' }),
    },
    { description: 'All', additionalProperties: true },
  );
}

test('schemas are what TypeBox makes', () => {
  const plain = (schema: unknown): unknown => JSON.parse(JSON.stringify(schema));
  assert.deepEqual(plain(made(Type)), plain(made(typebox)));
});
