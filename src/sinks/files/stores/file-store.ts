import type { MillraceError } from '../../../support/errors.ts';

/**
 * The contract of a store of files: what the exactly-once protocol (chain.ts) needs of a disk, of
 * HDFS or of S3. Every implementation runs the same suite, test/contract/file-store.ts.
 *
 * A data file lives so:
 *
 *     stage ──▶ write* ──▶ seal ──▶ close ──▶ finish      (whole at its final path)
 *                  └─────────┴────────┴─────▶ discard     (never was)
 *
 * and a manifest so:
 *
 *     prepare ──▶ publishIfAbsent ──▶ won │ lost │ thrown: not known, look or ask again
 *                       └──────▶ withdraw        (certain that it never will be)
 *
 * Paths are relative to the root of the store, `/` between components. Errors are coded: what
 * the same call may get over has the decision `retry`.
 */
export interface FileStore {
  /** Prepares the root and checks that the store can keep the promises below; else throws why not. */
  open(signal: AbortSignal): Promise<void>;

  /** Whether open files hold all the memory that they may, so that they must be committed. Absent: they hold little. */
  readonly full?: boolean;

  /** How files that stand become one without their content being moved. Absent: only by copying it. */
  readonly joining?: Joining;

  /**
   * Starts a new file, with the parents of its temporary path. Neither path must have been used
   * before. Where the file will go is fixed now, since S3 opens its upload there.
   */
  stage(paths: FilePaths, signal: AbortSignal): Promise<StagedFile>;

  /** Makes folders with their parents, durably; those that exist are left alone. */
  makeDirectories(directories: readonly string[], signal: AbortSignal): Promise<void>;

  /**
   * Moves closed files to their final paths, durably and never over something else. Can be called
   * again, also by another process, also while another one does the same: the outcome is the
   * same. Returns the files whose source is gone and which do not stand at their final path
   * either. Throws FILES_PATH_OCCUPIED if something else stands there.
   */
  finish(files: readonly SealedFile[], signal: AbortSignal): Promise<readonly SealedFile[]>;

  /** Removes a temporary file that is not open here, if it is still there. Says whether this call removed it. */
  discard(temporary: string, signal: AbortSignal): Promise<boolean>;

  /**
   * Stores what is to be published, closed and length-checked. Once it settles, it and every
   * file closed before it in the same folder are durable.
   */
  prepare(file: PreparedFile, content: Uint8Array, signal: AbortSignal): Promise<void>;

  /**
   * The fence: makes the prepared file appear, whole and durable, under its name, if nothing has
   * that name. Of any number of callers at once exactly one wins. `lost` may also be the answer
   * to a repeat of a call that won. Anything thrown leaves open whether it happened or will
   * still happen, except FILES_GONE: the prepared file is no longer there to be published.
   */
  publishIfAbsent(file: PreparedFile, signal: AbortSignal): Promise<'won' | 'lost'>;

  /** Whether it is now certain that the prepared file was not and will never be published. */
  withdraw(file: PreparedFile, signal: AbortSignal): Promise<boolean>;

  /** What stands directly in a folder, in no order, including all that was there before the call. Empty if there is no such folder. */
  list(directory: string, signal: AbortSignal): Promise<readonly Entry[]>;

  /** The bytes of a file in order, or FILES_GONE. */
  read(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;

  /** Removes a file, or a folder with all that is in it; nothing happens if there is none. */
  remove(path: string, signal: AbortSignal): Promise<void>;

  /**
   * Ends files that were begun where they will stand, and that no temporary path leads to (any
   * more). Absent where a file that is begun always has a temporary path.
   */
  endStrays?(isStray: (final: string) => boolean, signal: AbortSignal): Promise<void>;

  /**
   * What an operator should know of an open store besides that it opens, when so many partitions
   * are loaded into it: a sentence each, and for what is not well an error, which stops loading if
   * its decision is `stop`, and may come to it else. Absent where there is nothing to tell.
   */
  examine?(partitions: number, signal: AbortSignal): Promise<readonly (string | MillraceError)[]>;

  /** Ends the connections that are kept. The last call, also after an `open` that failed. Never throws. */
  close(): Promise<void>;
}

/** Puts files of one folder together where they lie. */
export interface Joining {
  /**
   * The store's own id of the first of some files that stand, for a manifest that says that the
   * others are to be joined to it. Undefined if it is plain already that the store will refuse.
   */
  headOf(files: readonly string[], signal: AbortSignal): Promise<string | undefined>;

  /**
   * Puts the content of the sources behind that of the target, in order. A source is gone in the
   * very step in which its content stands in the target. Can be called again, also by another
   * process, also while another one does the same: sources that are not there are joined already.
   * Throws FILES_JOIN_REFUSED if the store never will as things are, and FILES_GONE if there is no
   * target; what was joined until then stays so, and the other sources stand.
   */
  join(target: string, sources: readonly string[], signal: AbortSignal): Promise<void>;
}

/** Where a file is while it is written, and where it goes when it is finished. */
export interface FilePaths {
  readonly temporary: string;
  readonly final: string;
}

/** A file that is being written. */
export interface StagedFile {
  /** Appends. The bytes may be reused once it settles. */
  write(chunk: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Ends the content, and says what the file will be once it is closed. */
  seal(signal: AbortSignal): Promise<SealedFile>;
  /**
   * Closes a sealed file: its content is durable and as long as what was written, else it throws.
   * A step of its own, because HDFS takes its time over it, in which a manifest can be prepared.
   */
  close(signal: AbortSignal): Promise<void>;
  /** Ends the file without keeping it. Never throws. */
  discard(): Promise<void>;
}

/** A file whose content has ended. Once closed it waits at its temporary path, or already stands at its final one. */
export interface SealedFile extends FilePaths {
  /** Bytes. */
  readonly length: number;
  /** CRC-32 of the bytes. */
  readonly checksum: number;
  /** The store's own name for this very file, kept when it moves. Local: device and inode; HDFS: fileId; S3: upload id and ETags. */
  readonly storeId: string;
}

/** A small file on its way to a name that only one may have. */
export interface PreparedFile {
  readonly temporary: string;
  readonly name: string;
}

export interface Entry {
  readonly name: string;
  readonly directory: boolean;
}

/** Reads a small file whole; one above `maxBytes` is refused rather than held in memory. */
export async function readWhole(
  store: FileStore,
  path: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of store.read(path, signal)) {
    length += chunk.length;
    if (length > maxBytes) throw new RangeError(`${path} is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
