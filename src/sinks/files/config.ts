import type { Static } from '../../config/fields.ts';
import { bytes, choice, duration, integer, mapOf, oneOf, optional, section, text } from '../../config/fields.ts';
import { COLUMN_TYPES, FIXED_COLUMNS } from './formats/parquet/schema.ts';
import { checkTemplate, DEFAULT_PATH, partitionColumns } from './layout.ts';
import { cautionsOfHdfsStore, checkHdfsStoreConfig, hdfsStoreConfig } from './stores/hdfs/config.ts';
import { checkS3StoreConfig, s3StoreConfig } from './stores/s3/config.ts';
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
                path: 'store',
              }),
            ),
          },
          { description: 'A disk of this machine, with hard links' },
        ),
        hdfs: hdfsStoreConfig,
        s3: s3StoreConfig,
      },
      { description: 'Where the files are kept', default: { local: {} } },
    ),
    guarantee: oneOf(['exactly-once', 'at-least-once'], {
      description:
        'Whether each record stands in exactly one file, which takes manifests in the folder "_millrace", or in at least one: plain files named by topic, partition and first offset, and after a crash some records in two of them',
      default: 'exactly-once',
    }),
    path: text({
      description:
        'Folders of the files, from {type}, {topic} and the time that an event happened: {yyyy}, {MM}, {dd}, {HH}, {mm}, or several in one brace',
      default: DEFAULT_PATH,
    }),
    timezone: text({
      description: 'Time zone of the time in the path, such as Europe/Berlin',
      default: 'UTC',
    }),
    format: oneOf(['json', 'parquet'], {
      description: 'How records are written: JSON, one a line, or Parquet',
      default: 'json',
    }),
    compression: oneOf(['none', 'gzip', 'snappy', 'zstd'], {
      description: 'How files are compressed; snappy is for Parquet only, which compresses within the file',
      default: 'none',
    }),
    parquet: section(
      {
        columns: mapOf(oneOf(COLUMN_TYPES, { description: "Type of the column; what doesn't fit it is null there" }), {
          description:
            'Fields of the events that get a column of their own, and its type; all else stands in the column "event"',
          namePattern: '^[\\p{L}_][\\p{L}\\p{N}_-]{0,127}$',
          default: {},
        }),
        rowGroup: section(
          {
            records: integer({ description: 'Most records of a row group', default: 100_000, minimum: 1 }),
            bytes: bytes({
              description:
                'Bytes of JSON of a row group; a file holds one in memory, and all open files of a partition four at most',
              default: 8 * MIB,
              minimum: 1,
              maximum: 512 * MIB,
            }),
          },
          { description: 'The pieces in which a Parquet file is written' },
        ),
      },
      { description: 'For format: parquet' },
    ),
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
  { description: 'Loads records into files, each record exactly once or at least once' },
);

export type FilesConfig = Static<typeof filesConfig>;

export interface FilesFault {
  /** Its path below that of the sink. */
  readonly field: string;
  /** One sentence. */
  readonly message: string;
}

/** Rules that types alone can't tell. */
export function checkFilesConfig(config: FilesConfig): FilesFault[] {
  const faults: FilesFault[] = checkTemplate(config.path).map((fault) => ({
    field: 'path',
    message: `path ${fault}.`,
  }));
  if (!checkTimezone(config.timezone)) {
    const message = `timezone must be the name of a time zone, such as Europe/Berlin, but is ${JSON.stringify(config.timezone)}.`;
    faults.push({ field: 'timezone', message });
  }
  if (!checkWindow(config.roll.window)) {
    const message = 'roll.window must divide an hour evenly, in full minutes: such as 5m, 10m, 15m, 30m or 1h.';
    faults.push({ field: 'roll.window', message });
  }
  if (config.store.hdfs) {
    for (const message of checkHdfsStoreConfig(config.store.hdfs)) faults.push({ field: 'store.hdfs', message });
  }
  if (config.store.s3) {
    for (const message of checkS3StoreConfig(config.store.s3)) faults.push({ field: 'store.s3', message });
  }
  return [...faults, ...checkFormat(config)];
}

/** What works, but whoever runs it should know of. Each a sentence. */
export function cautionsOfFiles({ store }: FilesConfig): string[] {
  return store.hdfs ? cautionsOfHdfsStore(store.hdfs) : [];
}

function checkFormat({ format, compression, parquet, path }: FilesConfig): FilesFault[] {
  const names = Object.keys(parquet.columns);
  if (format === 'json') {
    const faults: FilesFault[] = [];
    if (compression === 'snappy') faults.push({ field: 'compression', message: 'snappy is for format: parquet.' });
    if (names.length > 0) faults.push({ field: 'parquet.columns', message: 'columns are for format: parquet.' });
    return faults;
  }
  // Spark and Hive take names that differ only in case for one.
  const taken = new Set([...FIXED_COLUMNS, ...partitionColumns(path)].map((name) => name.toLowerCase()));
  return names.flatMap((name) => {
    const other = taken.has(name.toLowerCase());
    taken.add(name.toLowerCase());
    if (!other) return [];
    const message = `There is a column ${JSON.stringify(name)} already: of the event itself, of the path, or above, perhaps in other case.`;
    return [{ field: `parquet.columns.${name}`, message }];
  });
}
