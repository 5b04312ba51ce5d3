import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * Makes a directory with its parents, unless it is there. Throws the system's error.
 *
 * Node's own `recursive` never ends where the system says ENOENT although the parent exists, as
 * in /proc: it makes the parent and tries again, for ever. Here each level is tried twice.
 */
export function makeDirectory(directory: string): void {
  try {
    makeOne(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    makeDirectory(path.dirname(directory));
    makeOne(directory);
  }
}

function makeOne(directory: string): void {
  try {
    mkdirSync(directory);
  } catch (error) {
    if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}
