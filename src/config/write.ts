import type { Definition } from './definition.ts';
import { definitionOf } from './definition.ts';
import type { TSchema } from './fields.ts';
import { formatBytes, formatDuration } from './units.ts';

const HIDDEN = '********';

/** A configuration as a person writes it: with units, without fields that have no value, secrets hidden. */
export function withoutSecrets(schema: TSchema, value: unknown): unknown {
  return shown(definitionOf(schema), value);
}

function shown(definition: Definition, value: unknown): unknown {
  if (value === undefined) return undefined;
  if (definition.secret) return HIDDEN;
  if (definition.unit === 'bytes') return formatBytes(value as number);
  if (definition.unit === 'duration') return formatDuration(value as number);
  if (definition.type === 'array') return (value as unknown[]).map((item) => shown(definition.items!, item));
  if (definition.type !== 'object') return value;
  const entries = Object.entries(value as object).map(([name, one]) => {
    const field = definition.properties?.[name] ?? (definition.additionalProperties || undefined);
    return [name, field ? shown(field, one) : one] as const;
  });
  return Object.fromEntries(entries.filter(([, one]) => one !== undefined));
}

/** Plain JSON Schema of what may be written in the file, for editors. */
export function toJsonSchema(schema: TSchema): Record<string, unknown> {
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', ...plain(definitionOf(schema)) };
}

function plain(definition: Definition): Record<string, unknown> {
  const { description, type, enum: words, pattern, minLength, minItems, minimum, maximum } = definition;
  const about = { description, default: written(definition, definition.default) };
  if (definition.unit === 'bytes')
    return clean({ ...about, type: ['integer', 'string'], pattern: '^\\d+(\\.\\d+)? ?([KMGT]i?B|B)?$' });
  if (definition.unit === 'duration')
    return clean({ ...about, type: ['integer', 'string'], pattern: '^(0|\\d+(\\.\\d+)? ?(ms|s|m|h|d))$' });
  if (type === 'array') return clean({ ...about, type, minItems, items: definition.items && plain(definition.items) });
  if (type !== 'object') return clean({ ...about, type, enum: words, pattern, minLength, minimum, maximum });
  const fields = definition.properties && Object.entries(definition.properties);
  const others = definition.additionalProperties;
  return clean({
    ...about,
    type: ['object', 'null'],
    properties: fields && Object.fromEntries(fields.map(([name, field]) => [name, plain(field)])),
    additionalProperties: others ? plain(others) : others,
    propertyNames: definition.namePattern === undefined ? undefined : { pattern: definition.namePattern },
    ...(definition.choice ? { minProperties: 1, maxProperties: 1 } : {}),
  });
}

/** A default in the form in which a person would write it. */
function written(definition: Definition, value: unknown): unknown {
  if (value === undefined) return undefined;
  if (definition.unit === 'bytes') return formatBytes(value as number);
  return definition.unit === 'duration' ? formatDuration(value as number) : value;
}

function clean(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
