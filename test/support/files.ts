import type { FilesConfig } from '../../src/sinks/files/config.ts';

/** The configuration of a files sink as its defaults make it, but for what is given. */
export function filesConfigWith(given: Partial<FilesConfig> = {}): FilesConfig {
  return {
    store: { local: { path: undefined } },
    format: 'json',
    compression: 'none',
    roll: { records: 1_000_000, bytes: 128 << 20, age: 5_000 },
    openFiles: 32,
    late: 7 * 86_400_000,
    gaps: 'stop',
    ...given,
  };
}
