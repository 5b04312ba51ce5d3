// Loads the modules of src as bin/stripped.cjs has stripped them, in each thread that this is imported in;
// `?build=NAME` says which folder below build they stand in.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const sources = new URL('../src/', import.meta.url).href;
const stripped = new URL(`../build/${new URL(import.meta.url).searchParams.get('build')}/`, import.meta.url);

registerHooks({
  load(url, context, next) {
    const source = url.startsWith(sources) && read(new URL(url.slice(sources.length), stripped));
    return source ? { format: 'module', source, shortCircuit: true } : next(url, context);
  },
});

/** Undefined where there is none: Node strips that one itself. */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
