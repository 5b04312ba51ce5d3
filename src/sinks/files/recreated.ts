import { Chain } from './chain.ts';
import { chainName, parseChainName, WORK } from './paths.ts';

/** Whether another topic of the same name was loaded before, and that of this chain never. */
export async function isRecreated(chain: Chain, signal: AbortSignal): Promise<boolean> {
  const newest = await chain.newest(signal);
  if (newest && newest.end !== null) return false;
  const { store, identity, context } = chain;
  const mine = parseChainName(chainName(identity));
  for (const { name } of await store.list(`${WORK}/commits`, signal)) {
    const other = parseChainName(name);
    if (!other || other.partition !== mine?.partition || other.topicId === mine.topicId) continue;
    const theirs = new Chain(store, { ...identity, topicId: other.topicId }, context);
    if ((await theirs.newest(signal))?.topic === identity.topic) return true;
  }
  return false;
}
