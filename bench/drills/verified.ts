import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

const COMMAND = path.join(import.meta.dirname, '../../bin/millrace');
const VERIFY_MS = 300_000;

/** What `millrace verify` says of a connector. */
export interface Verified {
  /** Whether it found nothing. */
  readonly good: boolean;
  readonly corrupt: number;
  /** Its whole answer. */
  readonly said: string;
}

/** Asks the program itself; the configuration is written below the directory, whose `data/` it has. */
export async function verified(directory: string, configuration: object, connector: string): Promise<Verified> {
  const file = path.join(directory, 'verify.yaml');
  writeFileSync(file, JSON.stringify({ data: path.join(directory, 'data'), ...configuration }));
  const words = [COMMAND, 'verify', connector, '--json', '--config', file];
  const [code, said] = await new Promise<[number, string]>((resolve) => {
    execFile(process.execPath, words, { timeout: VERIFY_MS }, (error, stdout) => resolve([error ? 1 : 0, stdout]));
  });
  return { good: code === 0, corrupt: code === 0 ? 0 : corruptIn(said), said };
}

/** One where it could not even look. */
function corruptIn(said: string): number {
  try {
    return (JSON.parse(said) as { total?: { corrupt: number } }).total?.corrupt ?? 1;
  } catch {
    return 1;
  }
}
