/**
 * JSON Schema as TypeBox makes it, and typed by TypeBox, without its code: that would cost each
 * thread that answers HTTP more memory than all else in it, and a schema is plain data.
 */
import type * as typebox from 'typebox';

type Schema = Readonly<Record<string, unknown>>;
type Options = Schema | undefined;

/** Those that may be absent from the object that they are in. */
const optional = new WeakSet<object>();

const of =
  (type: string) =>
  (options?: Options): Schema => ({ type, ...options });

const makers = {
  String: of('string'),
  Integer: of('integer'),
  Boolean: of('boolean'),
  Literal: (value: string | number | boolean, options?: Options): Schema => ({
    type: typeof value,
    const: value,
    ...options,
  }),
  Unsafe: (schema: Schema): Schema => schema,
  Array: (items: Schema, options?: Options): Schema => ({ type: 'array', items, ...options }),
  Union: (anyOf: readonly Schema[], options?: Options): Schema => ({ anyOf, ...options }),
  Record: (_key: Schema, value: Schema, options?: Options): Schema => ({
    type: 'object',
    patternProperties: { '^.*$': value },
    ...options,
  }),
  Object: (properties: Readonly<Record<string, Schema>>, options?: Options): Schema => {
    const required = Object.keys(properties).filter((name) => !optional.has(properties[name]!));
    return { type: 'object', ...(required.length > 0 ? { required } : {}), properties, ...options };
  },
  Optional: (schema: Schema): Schema => {
    const marked = { ...schema };
    optional.add(marked);
    return marked;
  },
};

/** The part of TypeBox's `Type` that schemas here are made with. */
export const Type = makers as unknown as Pick<typeof typebox.Type, keyof typeof makers>;
