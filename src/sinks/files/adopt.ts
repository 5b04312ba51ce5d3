import path from 'node:path';
import { replayTopic } from '../../log/dead-letter.ts';
import type { Admin, PartitionOffsets, TopicDescription, TopicPartition } from '../../log/log.ts';
import { partitionName } from '../../log/log.ts';
import type { ChainContext } from './chain.ts';
import { Chain } from './chain.ts';
import { filesErrors } from './errors.ts';
import { takeOwnership } from './owner.ts';
import type { ChainIdentity } from './paths.ts';
import { dataFileChain, parseDataFileName, parsePlainFileName, plainFileChain } from './paths.ts';
import { listDataFiles } from './read-files.ts';
import { isRecreated } from './recreated.ts';
import type { FileStore } from './stores/file-store.ts';

const GIVE_UP_MS = 5_000;

/** Where loading goes on: at the position that the group has in the log, or at the first record that the log still has. */
export type AdoptFrom = 'position' | 'earliest';

export interface AdoptFilesOptions extends ChainContext {
  /** Opened. */
  readonly store: FileStore;
  readonly admin: Admin;
  readonly connector: string;
  readonly topics: readonly string[];
  readonly from: AdoptFrom;
  readonly signal: AbortSignal;
}

/** A partition that loading goes on with in a store that knew nothing of it. */
export interface Adopted extends TopicPartition {
  /** The next offset to be loaded. */
  readonly next: number;
}

/**
 * Begins the chains that the log says there should be and the store lacks, which stops loading
 * otherwise: each with a `gap` up to where loading is to go on. Chains that know where to go on
 * are left alone, so that it can be repeated, also after it was cut off.
 *
 * @throws FILES_ADOPT_WOULD_DOUBLE, FILES_AHEAD_OF_LOG, FILES_TOPIC_RECREATED: nothing was begun in any partition;
 *   FILES_OWNER_MISMATCH
 */
export async function adoptFiles(options: AdoptFilesOptions): Promise<Adopted[]> {
  const { store, admin, connector, newId, signal } = options;
  const owner = await takeOwnership(store, { connector, logId: await admin.logId() }, newId, signal);
  const missing = await chainsWithout(options, owner);
  if (missing.length === 0) return [];
  const standing = await Array.fromAsync(listDataFiles(store, signal));
  for (const { chain, next } of missing) refuseDoubling(standing, chain.identity, next, options.from);
  const adopted: Adopted[] = [];
  for (const { chain, next } of missing) {
    const { topic, partition } = chain.identity;
    if (await begin(chain, next, signal)) adopted.push({ topic, partition, next });
  }
  return adopted;
}

interface MissingChain {
  readonly chain: Chain;
  readonly next: number;
}

/** The chains of partitions that were loaded, and that the store knows nothing of. */
async function chainsWithout(options: AdoptFilesOptions, owner: string): Promise<MissingChain[]> {
  const { store, admin, connector, from, signal } = options;
  const positions = await admin.committed(`connect-${connector}`);
  const missing: MissingChain[] = [];
  for (const { name: topic, id: topicId } of await topicsOf(options)) {
    for (const bounds of await admin.offsets(topic)) {
      const { partition } = bounds;
      const position = positions.find((of) => of.topic === topic && of.partition === partition)?.offset ?? 0;
      if (position === 0) continue;
      const chain = new Chain(store, { connector: owner, topic, topicId, partition }, options);
      if (typeof (await chain.newest(signal))?.end === 'number') continue;
      if (await isRecreated(chain, signal)) {
        throw filesErrors.FILES_TOPIC_RECREATED(`${topic} is not the topic that was loaded so far, only its namesake`);
      }
      missing.push({ chain, next: nextOf(bounds, position, from) });
    }
  }
  return missing;
}

async function topicsOf({ admin, topics, connector }: AdoptFilesOptions): Promise<readonly TopicDescription[]> {
  const loaded = new Set([...topics, replayTopic(connector)]);
  return (await admin.topics()).filter(({ name }) => loaded.has(name));
}

function nextOf({ startOffset, endOffset, ...partition }: PartitionOffsets, position: number, from: AdoptFrom): number {
  if (from === 'earliest') return startOffset;
  if (position <= endOffset) return position;
  throw filesErrors.FILES_AHEAD_OF_LOG(
    `${partitionName(partition)} is loaded up to offset ${position}, but the log ends at ${endOffset}`,
  );
}

/**
 * Throws if files stand there with records that would be loaded once more. Those of a commit begin
 * at or above the position before it; where a merged one ends, its name does not say. Files of this
 * very chain stand where manifests alone were lost: new ones would get names like theirs.
 */
function refuseDoubling(standing: readonly string[], identity: ChainIdentity, next: number, from: AdoptFrom): void {
  const lowest = from === 'earliest' ? 0 : next;
  const [own, plain] = [dataFileChain(identity), plainFileChain(identity)];
  const holdsMore = (name: string) => {
    const file = parseDataFileName(name);
    if (file) return file.chain === own || (isOfPartition(file.chain, own) && (file.merged || file.first >= lowest));
    const plainFile = parsePlainFileName(name);
    return plainFile?.chain === plain && plainFile.first >= lowest;
  };
  const found = standing.find((file) => holdsMore(path.posix.basename(file)));
  if (found === undefined) return;
  const { topic, partition } = identity;
  throw filesErrors.FILES_ADOPT_WOULD_DOUBLE(
    `${found} may hold records of ${topic}-${partition} from offset ${next} on, which would be loaded once more`,
  );
}

/** Whether two chains, as {@link dataFileChain} makes them, differ in nothing but the connector's id. */
function isOfPartition(chain: string, other: string): boolean {
  const withoutConnector = (name: string) => name.split('+').toSpliced(2, 1).join('+');
  return withoutConnector(chain) === withoutConnector(other);
}

/** Begins a chain at `next`; false if somebody else was quicker, and may have loaded more by now. */
async function begin(chain: Chain, next: number, signal: AbortSignal): Promise<boolean> {
  const assignment = await chain.assign(() => {}, signal);
  try {
    if (assignment.end !== null) return false;
    await assignment.commit({ kind: 'gap', resume: 0, end: next - 1, since: next, refused: 0, files: [] }, signal);
    return true;
  } finally {
    await assignment.giveUp(AbortSignal.timeout(GIVE_UP_MS));
  }
}
