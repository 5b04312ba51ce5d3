import type { Static } from '../config/fields.ts';
import { bytes, duration, oneOf, section } from '../config/fields.ts';

export const TOLERANCES = ['all', 'none'] as const;

export const loaderConfig = section(
  {
    retryInitial: duration({ description: 'Wait after a first failure of the store', default: 100, minimum: 1 }),
    retryMax: duration({
      description: 'Longest wait between tries of a store that keeps failing',
      default: 60_000,
      minimum: 1,
    }),
    queueBytes: bytes({
      description:
        'Most bytes of records held in memory for each partition, read from the log and not yet taken by the store',
      default: 2 ** 20,
      minimum: 64 * 2 ** 10,
    }),
    stallTimeout: duration({
      description: 'Records that stand unread in the log for this long mean a stalled reader, which is replaced',
      default: 60_000,
      minimum: 1,
    }),
    tolerance: oneOf(TOLERANCES, {
      description:
        'What a record that the store can never take does: with all it goes to the dead letters, with none the connector fails at it',
      default: 'all',
    }),
    stopTimeout: duration({ description: 'Longest time to finish what was begun when stopping', default: 10_000 }),
  },
  { description: 'How records get from the log into a store' },
);

export type LoaderConfig = Static<typeof loaderConfig>;
