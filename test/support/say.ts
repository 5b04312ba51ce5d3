import { writeSync } from 'node:fs';

/** Writes to standard output at once, so that a kill takes back nothing that was said; a full pipe is waited for. */
export function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, line);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}
