import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeDirectory } from './make-directory.ts';

const SQLITE_BUSY = 5;

/** Keeps the files open for as long as they are locked: a collected one would lose its lock. */
const held = new Set<DatabaseSync>();

export interface DirectoryLock {
  release(): void;
}

/**
 * Makes the directory if need be, and takes it for this process: `undefined` at once when someone
 * else has it. The lock is an exclusive transaction on an empty SQLite file, so it is one that the
 * operating system gives back when the process ends in any way, and that holds between two users
 * in one process too.
 */
export function lockDirectory(directory: string): DirectoryLock | undefined {
  makeDirectory(directory);
  const file = new DatabaseSync(path.join(directory, 'lock'), { timeout: 0 });
  try {
    file.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    file.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
  held.add(file);
  return {
    release: () => {
      if (held.delete(file)) file.close();
    },
  };
}
