import type { OpenEmbeddedLogOptions } from '../../src/log/embedded/open.ts';

const MIB = 1024 * 1024;

/** An embedded log as it is without configuration, silent but for errors. */
export const EMBEDDED_DEFAULTS = {
  config: {
    durability: 'full',
    retention: { age: 7 * 24 * 60 * 60 * 1000, bytes: 4096 * MIB },
    recordBytes: MIB,
    batchBytes: 16 * MIB,
  },
  logger: { level: 'error', format: 'json' },
} as const satisfies Omit<OpenEmbeddedLogOptions, 'directory'>;
