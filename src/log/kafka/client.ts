/**
 * The parts of the client of Kafka that are used; nothing else imports it. Its front door brings all of it along:
 * producer, consumer, admin, schema registries, and with them Avro and JSON Schema. Of 40 MiB in each thread that has
 * it, these parts alone take 20.
 */
import { registerHooks } from 'node:module';
import type { Client } from './client-files.ts';
import { clientFile, root } from './client-files.ts';

/** What the parts load only in passing, by the end of its name, and what they get in its place. */
const REPLACED = {
  'ajv/dist/2020.js': import.meta.resolve('./late-ajv.ts'),
  '/apis/index.js': import.meta.resolve('./client-apis.ts'),
  mnemonist: import.meta.resolve('./client-lru.ts'),
};

const hooks = registerHooks({
  resolve(specifier, context, next) {
    const replaced =
      context.parentURL?.startsWith(new URL('.', root).href) &&
      Object.entries(REPLACED).find(([name]) => specifier.endsWith(name));
    return replaced ? { url: replaced[1], format: 'module-typescript', shortCircuit: true } : next(specifier, context);
  },
});

function part<Name extends keyof Client>(file: string): Promise<Pick<Client, Name>> {
  return clientFile(file);
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
export const apis = await import('./client-apis.ts');

hooks.deregister();

export type Connection = InstanceType<Client['Connection']>;
export type Writer = InstanceType<Client['Writer']>;
