/**
 * Stands for Ajv in the client of Kafka, which compiles the schemas of all its options as soon as it
 * is loaded: 11 MiB in each thread, for options that are checked by our own configuration. Here a
 * schema is compiled when something is first checked against it.
 */
import { createRequire } from 'node:module';
import type { Ajv2020 as Ajv, Options, ValidateFunction } from 'ajv/dist/2020.js';

type Keyword = Parameters<Ajv['addKeyword']>[0];
type Schema = Parameters<Ajv['compile']>[0];

export class Ajv2020 {
  readonly #options: Options;
  readonly #keywords: Keyword[] = [];
  #whole: Ajv | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  addKeyword(keyword: Keyword): void {
    this.#keywords.push(keyword);
    this.#whole?.addKeyword(keyword);
  }

  compile(schema: Schema): ValidateFunction {
    let compiled: ValidateFunction | undefined;
    const validate = (data: unknown) => {
      compiled ??= this.#load().compile(schema);
      const isValid = compiled(data);
      Object.assign(validate, { errors: compiled.errors });
      return isValid;
    };
    return validate as ValidateFunction;
  }

  #load(): Ajv {
    if (!this.#whole) {
      const { Ajv2020: Whole } = createRequire(import.meta.url)('ajv/dist/2020.js') as { Ajv2020: typeof Ajv };
      this.#whole = new Whole(this.#options);
      for (const keyword of this.#keywords) this.#whole.addKeyword(keyword);
    }
    return this.#whole;
  }
}
