// Strips the types of all modules of a folder into another: `strip.mjs SOURCE TARGET`; started by bin/stripped.cjs.
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';

const [source, target] = process.argv.slice(2);

for (const name of globSync('**/*.ts', { cwd: source })) {
  if (name.endsWith('.test.ts')) continue;
  const file = path.join(target, name);
  mkdirSync(path.dirname(file), { recursive: true });
  // Blanks stand where types were, so that errors tell the places of the sources.
  writeFileSync(file, stripTypeScriptTypes(readFileSync(path.join(source, name), 'utf8')));
}
