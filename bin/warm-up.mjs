// Loads every module of the program once, so that the compile cache has them all; started by bin/compile-cache.cjs.
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const source = join(import.meta.dirname, '..', 'src');

// main.ts runs a command: this one does least.
process.argv.splice(2, Infinity, '--version');
for (const file of globSync('**/*.ts', { cwd: source })) {
  // Those that are threads throw elsewhere, once they are compiled.
  if (!file.endsWith('.test.ts')) await import(pathToFileURL(join(source, file))).catch(() => {});
}
