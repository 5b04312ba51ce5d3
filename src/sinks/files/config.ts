import type { Static } from '../../config/fields.ts';
import { bytes, choice, duration, integer, oneOf, optional, section, text } from '../../config/fields.ts';

const MIB = 1 << 20;
const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;

export const filesConfig = section(
  {
    store: choice(
      {
        local: section(
          {
            path: optional(
              text({
                description: 'Folder of the files, made if it is missing; "files" in the data directory if left out',
              }),
            ),
          },
          { description: 'A disk of this machine, with hard links' },
        ),
      },
      { description: 'Where the files are kept', default: { local: {} } },
    ),
    format: oneOf(['json'], { description: 'How records are written: JSON, one a line', default: 'json' }),
    compression: oneOf(['none', 'gzip', 'zstd'], { description: 'How files are compressed', default: 'none' }),
    roll: section(
      {
        records: integer({
          description: 'A file that holds this many records is committed, with all others of its partition',
          default: 1_000_000,
          minimum: 1,
        }),
        bytes: bytes({
          description: 'A file of this length is committed, with all others of its partition',
          default: 128 * MIB,
          minimum: 1,
        }),
        age: duration({
          description: 'The longest that a record waits until it is committed',
          default: 5 * SECOND_MS,
          minimum: 100,
        }),
      },
      { description: 'When files are ended and committed, whichever comes first' },
    ),
    openFiles: integer({
      description: 'Most files of a partition that are open at once; one more commits all',
      default: 32,
      minimum: 1,
      maximum: 1_024,
    }),
    late: duration({
      description: 'Events that happened longer ago than this, or lie further ahead, go to the folder "late"',
      default: 7 * DAY_MS,
      minimum: DAY_MS,
      maximum: 3_650 * DAY_MS,
    }),
    gaps: oneOf(['stop', 'record'], {
      description:
        'What to do if the log dropped records before they were loaded, or a topic was made anew: stop the partition, or record what is missing and go on',
      default: 'stop',
    }),
  },
  { description: 'Loads records into files, each record exactly once' },
);

export type FilesConfig = Static<typeof filesConfig>;
