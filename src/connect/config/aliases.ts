import type { SinkKind } from '../../sinks/registry.ts';

/** A key of one of Confluent's sinks, and ours that means the same. */
export interface Alias {
  readonly to: string;
  /** The value in the form of our field; as it is, if left out. */
  convert?(value: string): string;
}

const milliseconds = (value: string) => `${value.trim()}ms`;

/** All that are taken, by our kind of sink. Whoever wants more finds the field of ours in the docs. */
export const ALIASES: Readonly<Record<SinkKind, Readonly<Record<string, Alias>>>> = {
  files: {
    'flush.size': { to: 'roll.records' },
    'rotate.interval.ms': { to: 'roll.age', convert: milliseconds },
    's3.bucket.name': { to: 'store.s3.bucket' },
    's3.region': { to: 'store.s3.region' },
  },
  search: {
    'connection.url': { to: 'elasticsearch.nodes' },
    'connection.username': { to: 'elasticsearch.username' },
    'connection.password': { to: 'elasticsearch.password' },
    'batch.size': { to: 'bulk.events' },
    'max.in.flight.requests': { to: 'bulk.requests' },
  },
  table: {
    'connection.url': { to: 'postgres.url', convert: (url) => url.replace(/^jdbc:postgresql:/, 'postgres:') },
  },
};

export function aliasOf(kind: SinkKind, key: string): Alias | undefined {
  return Object.hasOwn(ALIASES[kind], key) ? ALIASES[kind][key] : undefined;
}
