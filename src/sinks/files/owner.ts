import { filesErrors, isGone } from './errors.ts';
import { OWNER, WORK } from './paths.ts';
import type { FileStore } from './stores/file-store.ts';
import { readWhole } from './stores/file-store.ts';

/** Whose records a folder holds. */
export interface Owner {
  /** The connector's name. */
  readonly connector: string;
  /** The log that its records come from. */
  readonly logId: string;
  /** Made with the folder: the connector's UUID in the names of chains and files. */
  readonly id: string;
}

const OWNER_MAX_BYTES = 4_096;
const TEMPORARY = `${WORK}/tmp/owner`;

/**
 * Makes the folder this connector's, or finds that it is already: two connectors, or two logs, in
 * one folder would take each other's manifests for their own. Gives the connector's UUID.
 */
export async function takeOwnership(
  store: FileStore,
  mine: Omit<Owner, 'id'>,
  newId: () => string,
  signal: AbortSignal,
): Promise<string> {
  for (;;) {
    const owner = await readOwner(store, signal);
    if (owner) {
      if (owner.connector !== mine.connector || owner.logId !== mine.logId) {
        throw filesErrors.FILES_OWNER_MISMATCH(
          `the files belong to the connector ${JSON.stringify(owner.connector)} of the log ${JSON.stringify(owner.logId)}, ` +
            `not to ${JSON.stringify(mine.connector)} of ${JSON.stringify(mine.logId)}`,
        );
      }
      await store.remove(TEMPORARY, signal);
      return owner.id;
    }
    const id = newId();
    const file = { temporary: `${TEMPORARY}/${id}`, name: OWNER };
    try {
      await store.prepare(file, Buffer.from(`${JSON.stringify({ ...mine, id } satisfies Owner)}\n`), signal);
      await store.publishIfAbsent(file, signal);
    } catch (error) {
      // Whoever was first cleans up after the others; what stands there decides.
      if (!isGone(error)) throw error;
    }
  }
}

/** Refuses a folder with manifests: what is added to it without them, they would never know of. */
export async function refuseOwned(store: FileStore, signal: AbortSignal): Promise<void> {
  const owner = await readOwner(store, signal);
  if (!owner) return;
  throw filesErrors.FILES_OWNER_MISMATCH(
    `the connector ${JSON.stringify(owner.connector)} has loaded exactly once into this path; at least once needs another one`,
  );
}

/** Whose folder it is; undefined if nobody has taken it. */
export async function readOwner(store: FileStore, signal: AbortSignal): Promise<Owner | undefined> {
  try {
    const content = await readWhole(store, OWNER, OWNER_MAX_BYTES, signal);
    return JSON.parse(content.toString('utf8')) as Owner;
  } catch (error) {
    if (isGone(error)) return undefined;
    if (error instanceof SyntaxError || error instanceof RangeError) {
      throw filesErrors.FILES_MANIFEST_UNREADABLE(`${OWNER} is not readable`, { cause: error });
    }
    throw error;
  }
}
