/** Stands for the collection of data structures of which the client of Kafka uses this one. */
import { createRequire } from 'node:module';
import { root } from './client-files.ts';

const require = createRequire(root);

export const LRUCache: unknown = require('mnemonist/lru-cache');
