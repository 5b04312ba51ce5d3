/**
 * The vocabulary of configuration definitions. A component describes its part with these, and
 * types, defaults, faults, `--help` and the reference docs all come from that one definition.
 *
 * A definition is JSON Schema made with TypeBox, with keywords of our own: `unit` (a number that
 * may be written as `128MiB` or `10m`), `secret` (never shown), `choice` (exactly one of the
 * properties), `optional` (may be absent; any other field without a default is required), `path` (a
 * place on this machine).
 */
import type { Static, TSchema, TUnsafe } from 'typebox';
import type { Presets } from './definition.ts';

/** What every field says of itself. */
interface About<T> {
  /** One sentence without a full stop at its end. */
  readonly description: string;
  readonly default?: T;
}

/**
 * A schema with a type of its own. TypeBox gives the types only: its code would cost each thread
 * more memory than everything else in it, and a definition is plain data.
 */
function unsafe<T>(schema: object): TUnsafe<T> {
  return schema as TUnsafe<T>;
}

interface Bounds {
  readonly minimum?: number;
  readonly maximum?: number;
}

/** A number of bytes: `4096`, or `64KiB`, `128MiB`, `2GiB`. */
export function bytes(about: About<number> & Bounds) {
  return unsafe<number>({ type: 'integer', unit: 'bytes', minimum: 0, ...about });
}

/** A time in milliseconds, written with its unit: `250ms`, `10s`, `5m`, `24h`, `7d`. */
export function duration(about: About<number> & Bounds) {
  return unsafe<number>({ type: 'number', unit: 'duration', minimum: 0, ...about });
}

export function integer(about: About<number> & Bounds) {
  return unsafe<number>({ type: 'integer', ...about });
}

export function boolean(about: About<boolean>) {
  return unsafe<boolean>({ type: 'boolean', ...about });
}

interface TextRules {
  readonly pattern?: string;
  /** What the pattern asks for, as part of a sentence: `a list of …`. */
  readonly form?: string;
  readonly secret?: true;
  /** The text is a path of this machine: of a store that is written, or of a file that is read. */
  readonly path?: 'store' | 'input';
}

export function text(about: About<string> & TextRules) {
  return unsafe<string>({ type: 'string', minLength: 1, ...about });
}

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[], about: About<NoInfer<T>>) {
  return unsafe<T>({ type: 'string', enum: words, ...about });
}

export function list<T extends TSchema>(items: T, about: About<readonly Static<T>[]> & { readonly minItems?: number }) {
  return unsafe<readonly Static<T>[]>({ type: 'array', items, ...about });
}

/** Named entries of one kind, such as topics. */
export function mapOf<T extends TSchema>(
  entries: T,
  about: About<Readonly<Record<string, unknown>>> & { readonly namePattern?: string },
) {
  return unsafe<Readonly<Record<string, Static<T>>>>({ type: 'object', additionalProperties: entries, ...about });
}

/** A group of fields; unknown names in it are faults. */
export function section<T extends Record<string, TSchema>>(
  fields: T,
  about: { readonly description: string; readonly presets?: Presets },
) {
  return unsafe<{ readonly [K in keyof T]: Static<T[K]> }>({
    type: 'object',
    properties: fields,
    additionalProperties: false,
    ...about,
  });
}

/** Exactly one of several sections, chosen by its name: `store: { local: … }`. */
export function choice<T extends Record<string, TSchema>>(
  sections: T,
  about: { readonly description: string; readonly default?: Readonly<Record<string, unknown>> },
) {
  return unsafe<Choice<T>>({
    type: 'object',
    properties: sections,
    additionalProperties: false,
    choice: true,
    ...about,
  });
}

/** The same field, which may be left out and then has no value. */
export function optional<T extends TSchema>(field: T) {
  return unsafe<Static<T> | undefined>({ ...field, optional: true });
}

type Choice<T extends Record<string, TSchema>> = {
  [K in keyof T]: { readonly [P in K]: Static<T[P]> } & { readonly [P in Exclude<keyof T, K>]?: never };
}[keyof T];

export type { Static, TSchema };
