import path from 'node:path';
import { replayTopic } from '../../log/dead-letter.ts';
import type { Admin, PartitionOffsets, TopicDescription, TopicPartition } from '../../log/log.ts';
import { partitionName } from '../../log/log.ts';
import type { ChainContext } from './chain.ts';
import { Chain } from './chain.ts';
import { filesErrors } from './errors.ts';
import type { Manifest } from './manifest.ts';
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

/** A partition that loading goes on with, in a store that knew nothing of it, or too little. */
export interface Adopted extends TopicPartition {
  /** The next offset to be loaded. */
  readonly next: number;
  /** Where committed files should stand that are nowhere: they are passed over. */
  readonly missing: readonly string[];
}

/**
 * Begins the chains that the log says there should be and the store lacks, which stops loading
 * otherwise: each with a `gap` up to where loading is to go on. Chains that know where to go on
 * are left alone, but for a claim where files of their last commit are nowhere, which stops loading
 * as well. So it can be repeated, also after it was cut off.
 *
 * @throws FILES_ADOPT_WOULD_DOUBLE, FILES_AHEAD_OF_LOG, FILES_TOPIC_RECREATED: nothing was begun in any partition;
 *   FILES_OWNER_MISMATCH
 */
export async function adoptFiles(options: AdoptFilesOptions): Promise<Adopted[]> {
  const { store, admin, connector, newId, signal } = options;
  const owner = await takeOwnership(store, { connector, logId: await admin.logId() }, newId, signal);
  const { known, unknown } = await chainsOf(options, owner);
  const standing = unknown.length === 0 ? [] : await Array.fromAsync(listDataFiles(store, signal));
  for (const { chain, next } of unknown) refuseDoubling(standing, chain.identity, next, options.from);
  const adopted: Adopted[] = [];
  for (const { chain, next } of unknown) {
    const { topic, partition } = chain.identity;
    if (await begin(chain, next, signal)) adopted.push({ topic, partition, next, missing: [] });
  }
  for (const { chain, newest, next } of known) {
    const { topic, partition } = chain.identity;
    const missing = await passOver(chain, newest, signal);
    if (missing.length > 0) adopted.push({ topic, partition, next, missing });
  }
  return adopted;
}

interface LoadedChain {
  readonly chain: Chain;
  readonly next: number;
}

interface KnownChain extends LoadedChain {
  readonly newest: Manifest;
}

/** The chains of partitions that were loaded: those that the store knows, and those that it knows nothing of. */
async function chainsOf(
  options: AdoptFilesOptions,
  owner: string,
): Promise<{ readonly known: readonly KnownChain[]; readonly unknown: readonly LoadedChain[] }> {
  const { store, admin, connector, from, signal } = options;
  const positions = await admin.committed(`connect-${connector}`);
  const known: KnownChain[] = [];
  const unknown: LoadedChain[] = [];
  for (const { name: topic, id: topicId } of await topicsOf(options)) {
    for (const bounds of await admin.offsets(topic)) {
      const { partition } = bounds;
      const position = positions.find((of) => of.topic === topic && of.partition === partition)?.offset ?? 0;
      const chain = new Chain(store, { connector: owner, topic, topicId, partition }, options);
      const newest = await chain.newest(signal);
      if (newest && newest.end !== null) {
        known.push({ chain, newest, next: newest.end + 1 });
        continue;
      }
      if (position === 0) continue;
      if (await isRecreated(chain, signal)) {
        throw filesErrors.FILES_TOPIC_RECREATED(`${topic} is not the topic that was loaded so far, only its namesake`);
      }
      unknown.push({ chain, next: nextOf(bounds, position, from) });
    }
  }
  return { known, unknown };
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

/** Sets a claim behind the newest manifest if files of it are nowhere, and says where they should stand. */
async function passOver(chain: Chain, newest: Manifest, signal: AbortSignal): Promise<readonly string[]> {
  const missing = (await chain.finishStanding(newest, signal)).map(({ final }) => final);
  if (missing.length === 0) return [];
  const assignment = await chain.assign(() => {}, signal, 'pass');
  await assignment.giveUp(AbortSignal.timeout(GIVE_UP_MS));
  return missing;
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
