import type { Static } from '../../config/fields.ts';
import { bytes, duration, oneOf, section } from '../../config/fields.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const DAY_MS = 24 * 60 * 60 * 1000;

/** The log that lives in one directory, without a server. */
export const embeddedLogConfig = section(
  {
    durability: oneOf(['full', 'normal'], {
      description: 'full: on disk before it is acknowledged; normal: a power cut may take the last minute or so',
      default: 'full',
    }),
    retention: section(
      {
        age: duration({ description: 'Records are kept for this long', default: 7 * DAY_MS }),
        bytes: bytes({
          description: 'Most disk space of all topics together, besides some 64 MiB that are being written',
          default: 4 * GIB,
          minimum: 64 * MIB,
        }),
      },
      { description: 'What is removed, though never what a connector has yet to load' },
    ),
    recordBytes: bytes({
      description: 'Most bytes of one record: key, value and headers',
      default: MIB,
      minimum: KIB,
      maximum: 64 * MIB,
    }),
    batchBytes: bytes({
      description: 'Most bytes of the records that are written at once to one partition',
      default: 16 * MIB,
      minimum: KIB,
      maximum: 256 * MIB,
    }),
  },
  { description: 'The log in a directory of this machine, for one process' },
);

export type EmbeddedLogConfig = Static<typeof embeddedLogConfig>;
