import { createHash } from 'node:crypto';
import { filesErrors } from './errors.ts';
import type { SealedFile } from './stores/file-store.ts';

/**
 * - `claim`: a writer took the partition over; carries on the end of the manifest before it.
 * - `data`: records up to `end` stand in files.
 * - `position`: records up to `end` were all refused, and are in the dead letters.
 * - `gap`: records up to `end` were no longer in the log, or a person passed them over.
 * - `merge`: in the chain of a folder, not of a partition: files of the manifests numbered `resume` to `end` became one.
 */
export type ManifestKind = 'claim' | 'data' | 'position' | 'gap' | 'merge';

/**
 * What is committed of a partition. Manifests form a chain, numbered from 0 without gaps; the newest
 * alone says where to go on and which files may still have to be finished.
 */
export interface Manifest {
  /** Which attempt to publish this is: how a writer knows its own again. */
  readonly commit: string;
  readonly number: number;
  /** The manifest before it; null for the first. */
  readonly previous: number | null;
  /** The writer's hold on the partition, new each time it gets it. */
  readonly assignment: string;
  readonly kind: ManifestKind;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** The first offset that this manifest settles; null for a claim. */
  readonly resume: number | null;
  /** The last offset that is settled; null as long as there is none. */
  readonly end: number | null;
  /** The first offset that the chain answers for: what lies below was loaded elsewhere. Absent: 0. */
  readonly since?: number;
  /**
   * Of the leader of the log that took the last record, or of a later one; absent where the log has
   * none, or records were passed over. By it a log is found to have been cut below `end`.
   */
  readonly leaderEpoch?: number;
  readonly counts: ManifestCounts;
  readonly files: readonly ManifestFile[];
  /** Files that these replace: removed once these are finished. */
  readonly sources?: readonly string[];
  /**
   * Whether the sources are joined to the one file instead, where they lie. It is the first of them
   * under a new name: `temporary` is where it stood, `storeId` is its own, and length, checksum and
   * records are what it has once all are joined.
   */
  readonly joined?: boolean;
}

export interface ManifestCounts {
  /** Records in the files. */
  readonly records: number;
  /** Bytes of the files. */
  readonly bytes: number;
  /** Records refused. */
  readonly refused: number;
}

export interface ManifestFile extends SealedFile {
  readonly records: number;
  /** Offset of the first record in it. */
  readonly first: number;
  /** Offset of the last one; null for a merged file, the sources of which no longer tell. */
  readonly last: number | null;
}

/** The format's version, the first field of every manifest. */
const VERSION = 1;

/** A generous bound: some 30,000 files. */
export const MANIFEST_MAX_BYTES = 16 << 20;

/** One line of JSON and one with its SHA-256, so that a cut or changed manifest is noticed. */
export function encodeManifest(manifest: Manifest): Buffer {
  const body = JSON.stringify({ version: VERSION, ...manifest });
  return Buffer.from(`${body}\n${sha256(body)}\n`);
}

/** Reads a manifest, or throws FILES_MANIFEST_UNREADABLE. `path` is for the message. */
export function decodeManifest(path: string, content: Buffer): Manifest {
  const [body = '', checksum, rest] = content.toString('utf8').split('\n');
  if (checksum !== sha256(body) || rest !== '') {
    throw filesErrors.FILES_MANIFEST_UNREADABLE(`${path} does not match its checksum`);
  }
  const { version, ...manifest } = JSON.parse(body) as { version: number } & Manifest;
  if (version !== VERSION) {
    throw filesErrors.FILES_MANIFEST_UNREADABLE(`${path} has version ${version}, and this program knows ${VERSION}`);
  }
  return manifest;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
