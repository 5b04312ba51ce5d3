import type { TSchema } from './fields.ts';

/** A definition made with fields.ts, as the reader and the writers of docs walk it. */
export interface Definition {
  readonly type: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly description?: string;
  readonly default?: unknown;
  readonly unit?: 'bytes' | 'duration';
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly minItems?: number;
  readonly pattern?: string;
  /** What the pattern asks for, in words. */
  readonly form?: string;
  readonly enum?: readonly string[];
  readonly secret?: true;
  readonly path?: 'store' | 'input';
  readonly optional?: true;
  readonly choice?: true;
  readonly items?: Definition;
  readonly properties?: Readonly<Record<string, Definition>>;
  /** `false` for a section; the entries' definition for a map. */
  readonly additionalProperties?: false | Definition;
  readonly namePattern?: string;
  readonly presets?: Presets;
}

/** Defaults that the value of one field decides for others. */
export interface Presets {
  /** A field of the same section, before those that it decides. */
  readonly by: string;
  /** By its value: defaults of single values, by their path in the file. */
  readonly of: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** TypeBox keeps its own keywords out of its types; ours are read through this one place. */
export function definitionOf(schema: TSchema): Definition {
  return schema as unknown as Definition;
}
