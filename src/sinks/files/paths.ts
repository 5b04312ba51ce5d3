import { hash } from 'node:crypto';
import { posix as path } from 'node:path';

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
/** HDFS and most disks take 255 bytes a component, of which the numbers need up to 125. */
export const TOPIC_CHARACTERS = 100;
const SHORT_ID_CHARACTERS = 8;
const HOLD_CHARACTERS = 12;
/** 128 bits: no two folders share them. */
const FOLDER_KEY_CHARACTERS = 32;

export function chainName({ connector, topicId, partition }: ChainIdentity): string {
  return `${safe(connector)}+${safe(topicId)}+${partition}`;
}

/** Where the manifests of a chain are, and its temporary files. */
export interface ChainPlaces {
  readonly commits: string;
  readonly temporary: string;
  /** Whether a file of this path is one that nobody can commit any more, since a claim has this number. */
  readonly isStray: (file: string, claim: number) => boolean;
}

export function chainPlaces(identity: ChainIdentity): ChainPlaces {
  const [name, files] = [chainName(identity), dataFileChain(identity)];
  return {
    commits: `${WORK}/commits/${name}`,
    temporary: `${WORK}/tmp/${name}`,
    isStray(file, claim) {
      const parsed = parseDataFileName(path.basename(file));
      return parsed?.chain === files && parsed.claim !== undefined && parsed.claim < claim;
    },
  };
}

/** Those of the chain that says how files of a folder were merged. A hash, since paths may be longer than a name. */
export function compactionPlaces(folder: string): ChainPlaces {
  const key = hash('sha256', folder).slice(0, FOLDER_KEY_CHARACTERS);
  return {
    commits: `${WORK}/compact/${key}`,
    temporary: `${WORK}/tmp/compact+${key}`,
    isStray(file, claim) {
      const parsed = path.dirname(file) === (folder || '.') ? parseDataFileName(path.basename(file)) : undefined;
      return parsed?.merged === true && parsed.last <= claim;
    },
  };
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
  /** When its window of event time begins; left out where the folder tells it. */
  readonly window?: number | undefined;
  /** Offset of its first record. */
  readonly first: number;
  /** Number of the manifest that is to commit the file. One that loses it may have had later ones in view. */
  readonly number: number;
  /** Number of the writer's claim, which no other writer has. */
  readonly claim: number;
  /** Which file of its writer it is. */
  readonly index: number;
  /** With its dot: `.json.gz`. */
  readonly extension: string;
}

/**
 * The name of a data file in its folder, never used twice; names of a partition sort by window
 * and offset. The last offset is not part of it: where an upload is opened at the final path (S3),
 * it is not known yet. The manifest tells it.
 */
export function dataFileName(chain: ChainIdentity, file: DataFileName): string {
  const time = file.window === undefined ? [] : [basicTime(file.window)];
  const parts = [dataFileChain(chain), ...time, padded(file.first), file.number, `${file.claim}-${file.index}`];
  return `${parts.join('+')}${file.extension}`;
}

export interface MergedFileName {
  /** Lowest offset of a record in it. */
  readonly first: number;
  /** The numbers of the first and the last manifest all of whose files in the folder it replaces. */
  readonly from: number;
  readonly to: number;
  /** Number of the manifest, in the chain of the folder, that commits it. */
  readonly number: number;
  readonly extension: string;
}

/** The name of a file that others of a partition in its folder are copied into, never used twice. */
export function mergedFileName(chain: string, { first, from, to, number, extension }: MergedFileName): string {
  return `${chain}+${padded(first)}+${from}-${to}+${number}${extension}`;
}

export interface JoinedFileName {
  /** Number of the last manifest all of whose files in the folder are joined. */
  readonly to: number;
  /** Number of the manifest, in the chain of the folder, that commits it. */
  readonly number: number;
}

/**
 * The name of a file that others of a partition in its folder are joined to, never used twice. It
 * begins as that of its `head`, the first of them, which it is given: whoever lists the folder by
 * pages meanwhile sees one or the other.
 */
export function joinedFileName(head: ParsedDataFileName, { to, number }: JoinedFileName): string {
  const { chain, window, first, from, extension } = head;
  const time = window === undefined ? [] : [window];
  return `${[chain, ...time, padded(first), `${from}_${to}`, number].join('+')}${extension}`;
}

/** How the names of a chain's data files begin. */
export function dataFileChain(chain: ChainIdentity): string {
  const ids = [chain.topicId, chain.connector].map((id) => escaped(id, SHORT_ID_CHARACTERS));
  return [escaped(chain.topic, TOPIC_CHARACTERS), ...ids, chain.partition].join('+');
}

/** What the name of a data file tells; undefined for another name. `chain` is as {@link dataFileChain} makes it. */
export function parseDataFileName(name: string): ParsedDataFileName | undefined {
  const [, chain, window, first, from, how, to, claim, last, extension = ''] =
    /^([^+]+\+[^+]+\+[^+]+\+\d+)(?:\+(\d{8}T\d{6}Z))?\+(\d{20})\+(\d+)(?:([-_])(\d+))?\+(?:(\d+)-)?(\d+)(\..+)$/.exec(
      name,
    ) ?? [];
  if (chain === undefined) return undefined;
  return {
    chain,
    ...(window !== undefined && { window }),
    first: Number(first),
    from: Number(from),
    to: Number(to ?? from),
    merged: to !== undefined,
    joined: how === '_',
    ...(claim !== undefined && { claim: Number(claim) }),
    last: Number(last),
    extension,
  };
}

export interface ParsedDataFileName {
  readonly chain: string;
  /** When its window of event time begins, as the name has it; absent where the folder tells it, and of copies of several. */
  readonly window?: string;
  /** Offset of the first record in it. */
  readonly first: number;
  /** The manifests that committed its records: one, unless it was merged. */
  readonly from: number;
  readonly to: number;
  /** Whether it was made of others, in either way. */
  readonly merged: boolean;
  /** Whether others are joined to it where they lie; if they are copied into it, it is not. */
  readonly joined: boolean;
  /** Number of the claim of the writer; absent if it was merged. */
  readonly claim?: number;
  /** Which file of its writer it is; of a merged one, the number of the manifest that commits it. */
  readonly last: number;
  readonly extension: string;
}

/**
 * The name of a data file that no manifest commits: `{topic}-{partition}-{first offset}-{hold}.json`,
 * with the window before the offset where there is one. `hold` is the UUID of the writer's hold, of
 * which the name has 48 bits.
 */
export function plainFileName(
  { topic, partition }: Pick<ChainIdentity, 'topic' | 'partition'>,
  hold: string,
  file: Pick<DataFileName, 'window' | 'first' | 'extension'>,
): string {
  const time = file.window === undefined ? [] : [basicTime(file.window)];
  const id = hold.replaceAll('-', '').slice(0, HOLD_CHARACTERS);
  const parts = [plainFileChain({ topic, partition }), ...time, padded(file.first), id];
  return `${parts.join('-')}${file.extension}`;
}

/** How the names of a partition's files begin that no manifest commits. */
export function plainFileChain({ topic, partition }: Pick<ChainIdentity, 'topic' | 'partition'>): string {
  return `${escaped(topic, TOPIC_CHARACTERS)}-${partition}`;
}

/** What such a name tells; undefined for another name. `chain` is as {@link plainFileChain} makes it. */
export function parsePlainFileName(name: string): { chain: string; first: number } | undefined {
  const [, chain, first] = /^([^+]+-\d+?)(?:-\d{8}T\d{6}Z)?-(\d{20})-[0-9a-f]{12}\./.exec(name) ?? [];
  return chain === undefined ? undefined : { chain, first: Number(first) };
}

/** A time in UTC without the colons that HDFS forbids: `20261122T121000Z`. */
function basicTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

/** A number as text that sorts as numbers do. */
function padded(number: number): string {
  return String(number).padStart(NUMBER_DIGITS, '0');
}

/** Any text as part of a file name of at most so many characters: all but plain ones as `%XX`, as Hive does. */
export function escaped(text: string, characters: number): string {
  return safe(text).slice(0, characters);
}

function safe(text: string): string {
  const plain = encodeURIComponent(text.toWellFormed()).replaceAll(/[!'()*~]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  });
  return /^\.+$/.test(plain) ? plain.replaceAll('.', '%2E') : plain;
}
