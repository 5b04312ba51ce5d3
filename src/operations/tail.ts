import { logErrors } from '../log/errors.ts';
import type { Log, Position } from '../log/log.ts';
import type { Clock } from '../support/clock.ts';
import type { TailedRecord, TailStart } from './sources.ts';

/** How often a tail that has reached the end looks again; a person reads it. */
const LOOK_AGAIN_MS = 100;

/** Records of a topic as they come, partition by partition in order. */
export async function* tail(
  log: Log,
  clock: Clock,
  topic: string,
  from: TailStart,
  signal: AbortSignal,
): AsyncIterable<TailedRecord> {
  const positions = await startOf(log, topic, from);
  while (!signal.aborted) {
    let found = false;
    for (const [index, position] of positions.entries()) {
      const { records, partition } = await log.read(position);
      for (const record of records) yield { ...record, topic, partition };
      const last = records.at(-1);
      if (!last) continue;
      found = true;
      positions[index] = { ...position, offset: last.offset + 1 };
    }
    if (!found) await clock.sleep(LOOK_AGAIN_MS, signal);
  }
}

async function startOf(log: Log, topic: string, from: TailStart): Promise<Position[]> {
  const topics = await log.admin.topics();
  if (!topics.some(({ name }) => name === topic)) {
    throw logErrors.TOPIC_UNKNOWN(`There is no topic ${JSON.stringify(topic)}.`);
  }
  if (typeof from === 'number') return [...(await log.admin.offsetsAt(topic, from))];
  const offsets = await log.admin.offsets(topic);
  return offsets.map(({ partition, startOffset, endOffset }) => ({
    topic,
    partition,
    offset: from === 'earliest' ? startOffset : endOffset,
  }));
}
