import type { Definition } from '../../config/definition.ts';

/** A field of our configuration as a key of Connect's flat form. */
export interface SinkKey {
  /** Dotted; `NAME` stands where a map has names of the user's own. */
  readonly name: string;
  readonly definition: Definition;
  /** Whether there is no connector without it. */
  readonly required: boolean;
}

/** What a key stands for, and the names in it that the user chose. */
export interface FoundField {
  readonly definition: Definition;
  /** The way through the configuration, an entry for each level. */
  readonly path: readonly string[];
}

/** Every key of a definition, in its order. */
export function keysOf(definition: Definition, at = '', required = true): SinkKey[] {
  if (definition.type !== 'object') {
    const missing = required && !definition.optional && definition.default === undefined;
    return [{ name: at, definition, required: missing }];
  }
  // What stands below a choice, an optional group or a name is needed only if that is there.
  const stillRequired = required && !definition.optional && !definition.choice;
  const below = Object.entries(definition.properties ?? {}).flatMap(([name, field]) =>
    keysOf(field, at === '' ? name : `${at}.${name}`, stillRequired),
  );
  return definition.additionalProperties
    ? [...below, ...keysOf(definition.additionalProperties, `${at}.NAME`, false)]
    : below;
}

/** The field that a key names; `undefined` if there is none, or if it names a group of fields. */
export function findField(definition: Definition, key: string): FoundField | undefined {
  const names = key.split('.');
  const path: string[] = [];
  let at = definition;
  while (names.length > 0) {
    if (at.properties) {
      const name = names.shift()!;
      if (!Object.hasOwn(at.properties, name)) return undefined;
      path.push(name);
      at = at.properties[name]!;
    } else if (at.additionalProperties) {
      // Of a value by a name all the rest is the name; a group by a name needs the rest for its fields.
      path.push(at.additionalProperties.type === 'object' ? names.shift()! : names.splice(0).join('.'));
      at = at.additionalProperties;
    } else {
      return undefined;
    }
  }
  return at.type === 'object' ? undefined : { definition: at, path };
}
