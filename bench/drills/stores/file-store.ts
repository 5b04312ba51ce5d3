import type { StoreCalls } from './faults.ts';

const OF_STORE = [
  'stage',
  'makeDirectories',
  'finish',
  'discard',
  'prepare',
  'publishIfAbsent',
  'withdraw',
  'list',
  'remove',
];
const OF_STAGED = ['write', 'seal', 'close'];

/** The sink of a connector that loads into this store of files, and commits soon. */
export function intoFiles(store: object): object {
  return { files: { store, roll: { age: '200ms' } } };
}

/** The calls of a FileStore, whose module lies below src/sinks/files/stores. */
export function fileStoreCalls(module: string, className: string): StoreCalls {
  return {
    module: new URL(`../../../src/sinks/files/stores/${module}`, import.meta.url).href,
    className,
    methods: OF_STORE,
    staged: { by: 'stage', methods: OF_STAGED },
  };
}
