/**
 * The parts of the client of Kafka that are used; nothing else imports it. Its front door brings all of it along:
 * producer, consumer, admin, schema registries, and with them Avro and JSON Schema. Of 40 MiB in each thread that has
 * it, these parts alone take 26.
 */
import { registerHooks } from 'node:module';

type Client = typeof import('@platformatic/kafka');

const root = import.meta.resolve('@platformatic/kafka');

const lateAjv = import.meta.resolve('./late-ajv.ts');

const hooks = registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'ajv/dist/2020.js' && context.parentURL?.startsWith(new URL('.', root).href)) {
      return { url: lateAjv, format: 'module-typescript', shortCircuit: true };
    }
    return next(specifier, context);
  },
});

/** One of its files, by its place in the package, of which the version is pinned. */
async function part<Name extends keyof Client>(file: string): Promise<Pick<Client, Name>> {
  return import(new URL(file, root).href);
}

export const { ResponseError } = await part<'ResponseError'>('errors.js');
export const { Connection } = await part<'Connection'>('network/connection.js');
export const { compressionsAlgorithms, crc32c, protocolErrors, protocolErrorsCodesById, Writer } = await part<
  'compressionsAlgorithms' | 'crc32c' | 'protocolErrors' | 'protocolErrorsCodesById' | 'Writer'
>('protocol/index.js');
export const {
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
} = await part<
  | 'decodeConsumerProtocolAssignment'
  | 'decodeConsumerProtocolSubscription'
  | 'encodeConsumerProtocolAssignment'
  | 'encodeConsumerProtocolSubscription'
>('clients/consumer/consumer-protocol.js');
/** The questions to brokers, each by its name and version. */
export const apis = await part<Extract<keyof Client, `${string}V${number}`> | 'createAPI'>('apis/index.js');

hooks.deregister();

export type Connection = InstanceType<Client['Connection']>;
export type Writer = InstanceType<Client['Writer']>;
