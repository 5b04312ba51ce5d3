import {
  COLLECTOR_DEAD_LETTERS,
  deadLetterTopic,
  fromDeadLetter,
  replayGroup,
  replayTopic,
} from '../log/dead-letter.ts';
import type { Log, LogRecord, PartitionOffsets, Position, Producer } from '../log/log.ts';
import { recordsOf } from '../sinks/verification.ts';
import { MillraceError } from '../support/errors.ts';
import { operationsErrors } from './errors.ts';
import type { DeadLetter, DeadLetterFilter, DeadLetterStore } from './sources.ts';

/** Longest payload shown in a list or a record, in characters; the log keeps all of it. */
const MOST_SHOWN = 100_000;
/** As many of a topic are looked through for a filter, and so many at a time. */
const MOST_SEARCHED = 100_000;
const SEARCHED_AT_ONCE = 1_000;

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

  async list(filter: DeadLetterFilter): Promise<readonly DeadLetter[]> {
    const { refusedBy: one } = filter;
    const from = one === undefined ? ['collector', ...(await this.#connectors())] : [await this.#known(one)];
    const lists = await Promise.all(from.map((refusedBy) => this.#newest(topicOf(refusedBy), filter)));
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

  /** The log drops records from its beginning only, in which they are as old as they were refused early. */
  async purge({ refusedBy, before }: { readonly refusedBy: string; readonly before?: number }): Promise<number> {
    const topic = topicOf(await this.#known(refusedBy));
    const bounds = await this.#bounds(topic);
    if (!bounds) return 0;
    const { startOffset, endOffset } = bounds;
    const offset = before === undefined ? endOffset : await this.#firstSince(before, { ...bounds, topic });
    if (offset > startOffset) await this.#log.admin.deleteRecords([{ topic, partition: 0, offset }]);
    return offset - startOffset;
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

  /** The offset of the first dead letter that was refused at this time or later. */
  async #firstSince(time: number, { topic, startOffset, endOffset }: PartitionOffsets): Promise<number> {
    for await (const record of recordsOf(this.#log, { topic, partition: 0 }, startOffset, endOffset)) {
      if (refusedAt(record) >= time) return record.offset;
    }
    return endOffset;
  }

  /** Looks through a topic from its end, part by part, until there are enough. */
  async #newest(topic: string, filter: DeadLetterFilter): Promise<DeadLetter[]> {
    const bounds = await this.#bounds(topic);
    if (!bounds) return [];
    const first = Math.max(bounds.startOffset, bounds.endOffset - MOST_SEARCHED);
    const found: DeadLetter[] = [];
    let end = bounds.endOffset;
    let size = filter.limit;
    while (end > first && found.length < filter.limit) {
      const start = Math.max(first, end - size);
      const part = await this.#part(topic, start, end);
      found.unshift(...part.filter((letter) => meets(letter, filter)));
      end = start;
      size = SEARCHED_AT_ONCE;
    }
    return found.slice(-filter.limit);
  }

  async #part(topic: string, start: number, end: number): Promise<DeadLetter[]> {
    const at = { topic, partition: 0 };
    const found: DeadLetter[] = [];
    for await (const record of recordsOf(this.#log, at, start, end)) {
      found.push(toView({ ...at, offset: record.offset }, record));
    }
    return found;
  }
}

function meets({ code, reason, payload, at }: DeadLetter, filter: DeadLetterFilter): boolean {
  if (filter.code !== undefined && code !== filter.code) return false;
  if (at < (filter.from ?? Number.NEGATIVE_INFINITY) || at >= (filter.to ?? Number.POSITIVE_INFINITY)) return false;
  const text = filter.text?.toLowerCase();
  return text === undefined || reason.toLowerCase().includes(text) || payload.toLowerCase().includes(text);
}

function refusedAt(record: LogRecord): number {
  return fromDeadLetter(record).context.at ?? record.timestamp;
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
