import type { Static } from '../../config/fields.ts';
import { bytes, choice, duration, integer, oneOf, optional, section, text } from '../../config/fields.ts';

import { checkTemplate, DEFAULT_PATH } from './layout.ts';
import { checkTimezone, checkWindow, HOUR_MS, MINUTE_MS } from './windows.ts';

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
    path: text({
      description:
        'Folders of the files, from {type}, {topic} and the time that an event happened: {yyyy}, {MM}, {dd}, {HH}, {mm}, or several in one brace',
      default: DEFAULT_PATH,
    }),
    timezone: text({
      description: 'Time zone of the time in the path, such as Europe/Berlin',
      default: 'UTC',
    }),
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
        idle: optional(
          duration({
            description: 'Commits sooner, if for so long no further record has come',
            minimum: 100,
          }),
        ),
        window: duration({
          description:
            'A file holds events that happened within one window of this length; it divides an hour evenly. Their files have the start of the window in their names if it is shorter than an hour',
          default: HOUR_MS,
          minimum: MINUTE_MS,
          maximum: HOUR_MS,
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
      description: 'Events that happened longer ago than this, or lie further ahead, go to folders without a time',
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

/** Rules that types alone can't tell. Each fault names its field, below the sink's own. */
export function checkFilesConfig(config: FilesConfig): { readonly field: string; readonly message: string }[] {
  const faults = checkTemplate(config.path).map((fault) => ({ field: 'path', message: `path ${fault}.` }));
  if (!checkTimezone(config.timezone)) {
    const message = `timezone must be the name of a time zone, such as Europe/Berlin, but is ${JSON.stringify(config.timezone)}.`;
    faults.push({ field: 'timezone', message });
  }
  if (!checkWindow(config.roll.window)) {
    const message = 'roll.window must divide an hour evenly, in full minutes: such as 5m, 10m, 15m, 30m or 1h.';
    faults.push({ field: 'roll.window', message });
  }
  return faults;
}
