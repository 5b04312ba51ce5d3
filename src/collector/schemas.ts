import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { EventInput } from '../event/event.ts';
import { messageOf } from '../support/errors.ts';
import { collectorErrors } from './errors.ts';

/** A JSON Schema, parsed. */
export type JsonSchema = Readonly<Record<string, unknown>>;

const DRAFT_7_OR_OLDER = /json-schema\.org\/draft-0[4-7]\/schema/;

/** Bound on what a dead letter says of the reason: schemas may be long. */
const MAX_REASON = 500;

/**
 * The schemas that types have in the configuration. A schema sees the event as the client sent
 * it, made safe, without the fields that only the collector sets.
 */
export class EventSchemas {
  readonly #byType = new Map<string, ValidateFunction>();

  /** Schemas by type: draft 2020-12, or 07 where `$schema` says so. Throws SCHEMA_INVALID. */
  constructor(schemas: ReadonlyMap<string, JsonSchema>) {
    for (const [type, schema] of schemas) {
      try {
        this.#byType.set(type, compileSchema(schema));
      } catch (error) {
        throw collectorErrors.SCHEMA_INVALID(`The schema of type "${type}" cannot be used: ${messageOf(error)}.`, {
          cause: error,
        });
      }
    }
  }

  /** Why the event does not match the schema of its type, or `undefined`. Names only parts of the schema. */
  mismatch(type: string, event: EventInput): string | undefined {
    const validate = this.#byType.get(type);
    if (validate === undefined || validate(event)) return undefined;
    return reasonOf(validate.errors?.[0]);
  }

  has(type: string): boolean {
    return this.#byType.has(type);
  }
}

/** The check of one schema, from a file that may hold anything. Throws an error that says why it can't be used. */
export function compileSchema(schema: unknown): ValidateFunction {
  if (!isObject(schema)) throw new Error('it is no JSON object');
  const options = {
    strict: true,
    strictTypes: false,
    strictRequired: false,
    strictTuples: false,
    logger: false,
  } as const;
  const ajv = DRAFT_7_OR_OLDER.test(String(schema['$schema'])) ? new Ajv(options) : new Ajv2020(options);
  // The package is CommonJS; its default export is the function itself at run time.
  (formats as unknown as (to: Ajv) => void)(ajv as Ajv);
  return ajv.compile(schema);
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Where in the schema and what it asks. Not where in the event: that path is made of names
 * which a visitor chose.
 */
function reasonOf(error: ErrorObject | undefined): string {
  return `${error?.schemaPath}: ${error?.message}`.slice(0, MAX_REASON);
}
