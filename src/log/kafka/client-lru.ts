/** Stands for the collection of data structures of which the client of Kafka uses this one. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.resolve('@platformatic/kafka'));

export const LRUCache: unknown = require('mnemonist/lru-cache');
