import { filesConfig } from './config.ts';

/** The `files` sink: what the registry, `--help` and the reference docs know of it. */
export const filesSink = {
  name: 'files',
  summary: 'Loads records into files, in folders by type and hour, as JSON lines or Parquet',
  guarantee:
    'Each record stands in exactly one file, across crashes and changes of owner; a file is whole or absent. Two records with the same event id are two records. With "guarantee: at-least-once", a crash or a change of owner may leave records in two files, never in none.',
  config: filesConfig,
  load: async () => (await import('./sink.ts')).createFilesSink,
} as const;
