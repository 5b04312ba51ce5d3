/**
 * Names below the root of a store. Those of `_millrace/` are part of the protocol: a program that
 * meets files of an older version must find the same names.
 */

/** Hadoop, Spark and Hive skip folders that begin with an underscore. */
export const WORK = '_millrace';

/** Whose folder this is. */
export const OWNER = `${WORK}/owner`;

/** Which chain of manifests: a partition of one topic, loaded by one connector. */
export interface ChainIdentity {
  /** The connector's UUID, from the owner file. */
  readonly connector: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

/** Digits of a number in a name, so that names sort as numbers do. */
const NUMBER_DIGITS = 20;
/** HDFS and most disks take 255 bytes a component, of which the numbers need up to 120. */
const TOPIC_CHARACTERS = 100;
const TYPE_CHARACTERS = 150;
const SHORT_ID_CHARACTERS = 8;

export function chainName({ connector, topicId, partition }: ChainIdentity): string {
  return `${safe(connector)}+${safe(topicId)}+${partition}`;
}

/** The parts of a chain's name, or undefined for another name. */
export function parseChainName(name: string): { connector: string; topicId: string; partition: number } | undefined {
  const [connector, topicId, partition, ...rest] = name.split('+');
  if (!connector || !topicId || !partition || rest.length > 0) return undefined;
  return { connector, topicId, partition: Number(partition) };
}

export function manifestName(number: number): string {
  return padded(number);
}

export function manifestNumber(name: string): number | undefined {
  return /^\d{20}$/.test(name) ? Number(name) : undefined;
}

export interface DataFileName {
  /** Offset of its first record. */
  readonly first: number;
  /** Number of the manifest that is to commit the file: no two writers hold the same at once. */
  readonly number: number;
  /** Which file of its writer it is. */
  readonly index: number;
  /** With its dot: `.json.gz`. */
  readonly extension: string;
}

/**
 * The name of a data file in its folder, never used twice; names of a partition sort by offset.
 * The last offset is not part of it: where an upload is opened at the final path (S3), it is not
 * known yet. The manifest tells it.
 */
export function dataFileName(chain: ChainIdentity, file: DataFileName): string {
  const topic = safe(chain.topic).slice(0, TOPIC_CHARACTERS);
  const ids = [chain.topicId, chain.connector].map((id) => safe(id).slice(0, SHORT_ID_CHARACTERS));
  const parts = [topic, ...ids, chain.partition, padded(file.first), file.number, file.index];
  return `${parts.join('+')}${file.extension}`;
}

/** A number as text that sorts as numbers do. */
function padded(number: number): string {
  return String(number).padStart(NUMBER_DIGITS, '0');
}

const HOUR_MS = 3_600_000;

/** The type of events whose type the configuration does not name: a visitor can't make folders. */
export const OTHER_TYPE = '_other';

/** The hour of a time, counted from the epoch. */
export function hourOf(timestamp: number): number {
  return Math.floor(timestamp / HOUR_MS);
}

/** Which hours get a folder of their own: those around now; what is further off goes to `late/`. */
export function hoursInTime(now: number, lateMs: number): { readonly first: number; readonly last: number } {
  return { first: hourOf(now - lateMs), last: hourOf(now + lateMs) };
}

/** `type=…/date=YYYY-MM-DD/hour=HH` as Hive, Spark and DuckDB read it, in UTC. */
export function hourFolder(type: string, hour: number): string {
  const time = new Date(hour * HOUR_MS).toISOString();
  return `${typeFolder(type)}/date=${time.slice(0, 10)}/hour=${time.slice(11, 13)}`;
}

/** Where events go whose time is days off. */
export function lateFolder(type: string): string {
  return `late/${typeFolder(type)}`;
}

function typeFolder(type: string): string {
  return `type=${safe(type).slice(0, TYPE_CHARACTERS)}`;
}

/** Any text as part of a file name: all but plain characters as `%XX`, as Hive does. */
function safe(text: string): string {
  const escaped = encodeURIComponent(text.toWellFormed()).replaceAll(/[!'()*~]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  });
  return /^\.+$/.test(escaped) ? escaped.replaceAll('.', '%2E') : escaped;
}
