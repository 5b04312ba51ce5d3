import type { FilesConfig } from '../../src/sinks/files/config.ts';
import { DEFAULT_PATH } from '../../src/sinks/files/layout.ts';

/** What differs from the defaults. */
export type FilesChanges = Omit<Partial<FilesConfig>, 'roll'> & { readonly roll?: Partial<FilesConfig['roll']> };

/** The configuration of a files sink as its defaults make it, but for what is given. */
export function filesConfigWith({ roll, ...given }: FilesChanges = {}): FilesConfig {
  return {
    store: { local: { path: undefined } },
    guarantee: 'exactly-once',
    path: DEFAULT_PATH,
    timezone: 'UTC',
    format: 'json',
    compression: 'none',
    parquet: { columns: {}, rowGroup: { records: 100_000, bytes: 8 << 20 } },
    roll: { records: 1_000_000, bytes: 128 << 20, age: 5_000, idle: undefined, window: 3_600_000, ...roll },
    openFiles: 32,
    late: 7 * 86_400_000,
    gaps: 'stop',
    ...given,
  };
}
