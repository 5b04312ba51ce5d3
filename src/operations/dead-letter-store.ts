import {
  COLLECTOR_DEAD_LETTERS,
  deadLetterTopic,
  fromDeadLetter,
  replayGroup,
  replayTopic,
} from '../log/dead-letter.ts';
import type { Log, LogRecord, PartitionOffsets, Position, Producer } from '../log/log.ts';
import { MillraceError } from '../support/errors.ts';
import { operationsErrors } from './errors.ts';
import type { DeadLetter, DeadLetterStore } from './sources.ts';

/** Longest payload shown in a list or a record, in characters; the log keeps all of it. */
const MOST_SHOWN = 100_000;

/** Dead letters in the log: one topic for the collector's, one a connector. */
export class LogDeadLetterStore implements DeadLetterStore {
  readonly #log: Log;
  readonly #connectors: () => Promise<readonly string[]>;
  #producer: Producer | undefined;

  /** `connectors`: the names of those that there are by now. */
  constructor(log: Log, connectors: () => Promise<readonly string[]>) {
    this.#log = log;
    this.#connectors = connectors;
  }

  async list(filter: { readonly refusedBy?: string; readonly limit: number }): Promise<readonly DeadLetter[]> {
    const { refusedBy: one } = filter;
    const from = one === undefined ? ['collector', ...(await this.#connectors())] : [await this.#known(one)];
    const lists = await Promise.all(from.map((refusedBy) => this.#newest(topicOf(refusedBy), filter.limit)));
    return lists
      .flat()
      .sort((a, b) => b.at - a.at)
      .slice(0, filter.limit);
  }

  async show(id: string): Promise<DeadLetter | undefined> {
    const [, topic, partition, offset] = /^(.+)-(\d{1,9})-(\d{1,15})$/.exec(id) ?? [];
    const topics = [COLLECTOR_DEAD_LETTERS, ...(await this.#connectors()).map(deadLetterTopic)];
    if (topic === undefined || !topics.includes(topic)) return undefined;
    const position = { topic, partition: Number(partition), offset: Number(offset) };
    const { records } = await this.#log.read(position, { maxBytes: 1 });
    const record = records.find((one) => one.offset === position.offset);
    return record && toView(position, record);
  }

  /**
   * Gives dead letters to the connector that refused them once more, through a topic that only it
   * reads, so that no other store gets them twice. Without `ids`: all that have not been replayed.
   */
  async replay(filter: { readonly refusedBy: string; readonly ids?: readonly string[] }): Promise<number> {
    if (filter.refusedBy === 'collector') {
      throw operationsErrors.REPLAY_IMPOSSIBLE('What the collector refused never was a valid event.');
    }
    const connector = await this.#known(filter.refusedBy);
    const wanted = filter.ids && new Set(filter.ids);
    const topic = deadLetterTopic(connector);
    const bounds = await this.#bounds(topic);
    if (!bounds) return 0;
    const [done] = wanted ? [] : await this.#log.admin.committed(replayGroup(connector));
    let count = 0;
    let position: Position = { topic, partition: 0, offset: Math.max(bounds.startOffset, done?.offset ?? 0) };
    while (position.offset < bounds.endOffset) {
      const { records } = await this.#log.read(position);
      const last = records.at(-1);
      if (!last) break;
      const chosen = records.filter(
        ({ offset }) => offset < bounds.endOffset && (!wanted || wanted.has(idOf({ ...position, offset }))),
      );
      if (chosen.length > 0) {
        this.#producer ??= this.#log.producer();
        const originals = chosen.map((record) => fromDeadLetter(record).original);
        await this.#producer.send({ topic: replayTopic(connector), partition: 0 }, originals);
      }
      count += chosen.length;
      position = { ...position, offset: last.offset + 1 };
      if (!wanted) await this.#log.admin.alterPositions(replayGroup(connector), [position]);
    }
    return count;
  }

  async close(): Promise<void> {
    await this.#producer?.close();
  }

  async #known(refusedBy: string): Promise<string> {
    if (refusedBy === 'collector' || (await this.#connectors()).includes(refusedBy)) return refusedBy;
    throw operationsErrors.CONNECTOR_UNKNOWN(`There is no connector ${JSON.stringify(refusedBy)}.`);
  }

  /** Of a connector that could never be started there is no topic. */
  async #bounds(topic: string): Promise<PartitionOffsets | undefined> {
    try {
      return (await this.#log.admin.offsets(topic))[0];
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'TOPIC_UNKNOWN') return undefined;
      throw error;
    }
  }

  async #newest(topic: string, limit: number): Promise<DeadLetter[]> {
    const bounds = await this.#bounds(topic);
    if (!bounds) return [];
    const found: DeadLetter[] = [];
    let position: Position = { topic, partition: 0, offset: Math.max(bounds.startOffset, bounds.endOffset - limit) };
    for (;;) {
      const { records } = await this.#log.read(position);
      const last = records.at(-1);
      if (!last || found.length >= limit) return found;
      for (const record of records) found.push(toView({ ...position, offset: record.offset }, record));
      position = { ...position, offset: last.offset + 1 };
    }
  }
}

function topicOf(refusedBy: string): string {
  return refusedBy === 'collector' ? COLLECTOR_DEAD_LETTERS : deadLetterTopic(refusedBy);
}

function idOf({ topic, partition, offset }: Position): string {
  return `${topic}-${partition}-${offset}`;
}

function toView(position: Position, record: LogRecord): DeadLetter {
  const { context } = fromDeadLetter(record);
  return {
    id: idOf(position),
    refusedBy: context.refusedBy,
    code: context.code,
    reason: context.reason,
    at: context.at ?? record.timestamp,
    ...(context.source ? { source: context.source } : {}),
    payload: Buffer.from(record.value).toString('utf8').slice(0, MOST_SHOWN),
  };
}
