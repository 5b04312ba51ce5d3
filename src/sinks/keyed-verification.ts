import { replayTopic } from '../log/dead-letter.ts';
import type { Log, LogRecord, TopicDescription, TopicPartition } from '../log/log.ts';
import { partitionName } from '../log/log.ts';
import { contentHash } from './content-hash.ts';
import type { IdKey } from './id-set.ts';
import { IdSet, idKey } from './id-set.ts';
import { isRefusal, toRow } from './row.ts';
import type { Findings, PartitionFindings, VerifyProgress } from './verification.ts';
import { deadLetterOffsets, recordsOf } from './verification.ts';

type Json = Readonly<Record<string, unknown>>;

/** A store that keeps one entry an event id, as far as its comparison with the log needs it. */
export interface KeyedStore {
  /** The next offset to be loaded, where the store itself knows it; `undefined` where the consumer group does. */
  position(partition: TopicPartition & { readonly topicId: string }, signal: AbortSignal): Promise<number | undefined>;
  /** The events that stand under these ids, with their `id` and `type`: each as often as the store holds it. */
  lookup(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, readonly Json[]>>;
  /** All entries, copies included. */
  count(signal: AbortSignal): Promise<number>;
}

export interface VerifyKeyedOptions {
  readonly log: Log;
  readonly store: KeyedStore;
  readonly connector: string;
  readonly topics: readonly string[];
  readonly onProgress?: VerifyProgress;
  readonly signal: AbortSignal;
  /** Ids that are held in memory at once; where the log has more, it is read several times. */
  readonly idsAtOnce?: number;
}

/** 64 MiB of them: see {@link IdSet}. */
const IDS_AT_ONCE = 4_000_000;
/** What is looked up in one go: so many records, or so many bytes of them. */
const LOOKUP_RECORDS = 1_000;
const LOOKUP_BYTES = 2 ** 20;

/**
 * Compares a keyed store with the log: every event up to where the store is loaded must stand in
 * it once, and say what its record says, but for the times that differ with each retry. Several
 * records of one event share an entry.
 *
 * Whether there is more in the store than in the log shows only in its count, and only if the log
 * still holds all that was ever loaded. Entries that may have come from records above the
 * position, or from dead letters that were taken after all, are no surprise.
 *
 * Memory does not go by the number of records.
 */
export async function verifyKeyed(options: VerifyKeyedOptions): Promise<Findings> {
  const { log, store, connector, signal, idsAtOnce = IDS_AT_ONCE } = options;
  const topics = [...options.topics, replayTopic(connector)];
  const described = (await log.admin.topics()).filter(({ name }) => topics.includes(name));
  // Positions first, ends last: what is loaded meanwhile lies between them.
  const positions = await positionsOf(options, described);
  const deadLetters = await deadLetterOffsets(log, connector);
  const count = await store.count(signal);
  const plans: PartitionPlan[] = [];
  for (const { name, id } of described) {
    for (const { topic, partition, startOffset: from, endOffset: end } of await log.admin.offsets(name)) {
      const key = partitionName({ topic, partition });
      const to = Math.min(Math.max(from, positions.get(key) ?? from), end);
      const refused = deadLetters.get(key) ?? NONE;
      plans.push({ topic, partition, place: `${id}+${partition}`, from, to, end, refused, sums: { ...NOTHING } });
    }
  }
  const held = plans.reduce((sum, { from, end }) => sum + end - from, 0);
  const passes = Math.max(1, Math.ceil(held / idsAtOnce));
  const verification = new Verification(options, plans, passes);
  for (let pass = 0; pass < passes; pass++) await verification.pass(pass, Math.min(held, idsAtOnce));
  const partitions = plans.map(({ topic, partition, from, to, sums }) => ({ topic, partition, from, to, ...sums }));
  const isWhole = plans.every(({ from }) => from === 0);
  const unexpected = isWhole ? Math.max(0, count - verification.accounted) : 0;
  return { partitions, unexpected };
}

type Sums = { -readonly [K in Exclude<keyof PartitionFindings, keyof TopicPartition | 'from' | 'to'>]: number };

const NOTHING: Sums = { records: 0, deadLettered: 0, stored: 0, lost: 0, doubled: 0, unexpected: 0, corrupt: 0 };
const NONE: ReadonlySet<number> = new Set();

async function positionsOf(
  { log, store, connector, signal }: VerifyKeyedOptions,
  topics: readonly TopicDescription[],
): Promise<ReadonlyMap<string, number>> {
  const group = await log.admin.committed(`connect-${connector}`);
  const positions = new Map(group.map((position) => [partitionName(position), position.offset]));
  for (const { name: topic, id: topicId, partitions } of topics) {
    for (let partition = 0; partition < partitions; partition++) {
      const own = await store.position({ topic, topicId, partition }, signal);
      if (own !== undefined) positions.set(partitionName({ topic, partition }), own);
    }
  }
  return positions;
}

interface PartitionPlan extends TopicPartition {
  /** Names the partition by its topic's id, for records without an id of their own. */
  readonly place: string;
  readonly from: number;
  /** Before which all records must be in the store. */
  readonly to: number;
  /** Before which records may be. */
  readonly end: number;
  /** Offsets of its dead letters. */
  readonly refused: ReadonlySet<number>;
  readonly sums: Sums;
}

/** What the store should hold for a record. */
interface Expected {
  readonly id: string;
  readonly key: IdKey;
  readonly content: string;
  readonly bytes: number;
}

class Verification {
  readonly #options: VerifyKeyedOptions;
  readonly #plans: readonly PartitionPlan[];
  readonly #passes: number;
  readonly #all: number;
  #done = 0;
  /** Entries of the store that belong to records of the log. */
  accounted = 0;

  constructor(options: VerifyKeyedOptions, plans: readonly PartitionPlan[], passes: number) {
    this.#options = options;
    this.#plans = plans;
    this.#passes = passes;
    this.#all = passes * plans.reduce((sum, { from, to }) => sum + to - from, 0);
  }

  /** Compares one share of the ids, which holds about so many. */
  async pass(pass: number, ids: number): Promise<void> {
    const seen = new IdSet(ids);
    for (const plan of this.#plans) {
      for await (const batch of inBatches(this.#expected(plan, pass))) await this.#compare(batch, seen, plan.sums);
    }
    for (const plan of this.#plans) {
      for await (const batch of inBatches(this.#possible(plan, pass))) await this.#account(batch, seen);
    }
  }

  /** What the store must hold. */
  async *#expected({ sums, refused, ...plan }: PartitionPlan, pass: number): AsyncGenerator<Expected> {
    const { log, signal, onProgress } = this.#options;
    for await (const record of recordsOf(log, plan, plan.from, plan.to)) {
      signal.throwIfAborted();
      onProgress?.(++this.#done, this.#all);
      const isRefused = refused.has(record.offset);
      const expected = isRefused ? undefined : toExpected(record, plan.place);
      if (pass === 0) {
        sums.records++;
        if (isRefused) sums.deadLettered++;
        else if (!expected) sums.lost++;
      }
      if (expected && this.#isOf(pass, expected)) yield expected;
    }
  }

  /** What it may hold besides: of dead letters that were taken at another try, and of records above the position. */
  async *#possible({ refused, ...plan }: PartitionPlan, pass: number): AsyncGenerator<Expected> {
    const { log, signal } = this.#options;
    const first = refused.size > 0 ? plan.from : plan.to;
    for await (const record of recordsOf(log, plan, first, plan.end)) {
      signal.throwIfAborted();
      if (record.offset < plan.to && !refused.has(record.offset)) continue;
      const possible = toExpected(record, plan.place);
      if (possible && this.#isOf(pass, possible)) yield possible;
    }
  }

  #isOf(pass: number, { key }: Expected): boolean {
    return key.share % this.#passes === pass;
  }

  async #compare(batch: readonly Expected[], seen: IdSet, sums: Sums): Promise<void> {
    const found = await this.#lookup(batch);
    for (const { id, key, content } of batch) {
      const entries = found.get(id) ?? [];
      if (entries.length === 0) sums.lost++;
      else if (entries.some((event) => contentHash(event) === content)) sums.stored++;
      else sums.corrupt++;
      if (!seen.add(key)) continue;
      sums.doubled += Math.max(0, entries.length - 1);
      this.accounted += entries.length;
    }
  }

  async #account(batch: readonly Expected[], seen: IdSet): Promise<void> {
    const unseen = batch.filter(({ key }) => seen.add(key));
    const found = await this.#lookup(unseen);
    for (const { id, content } of unseen) {
      this.accounted += (found.get(id) ?? []).filter((event) => contentHash(event) === content).length;
    }
  }

  async #lookup(batch: readonly Expected[]): Promise<ReadonlyMap<string, readonly Json[]>> {
    const ids = [...new Set(batch.map(({ id }) => id))];
    return ids.length === 0 ? new Map() : this.#options.store.lookup(ids, this.#options.signal);
  }
}

/** `undefined` if the record carries no event. */
function toExpected(record: LogRecord, place: string): Expected | undefined {
  const row = toRow(record, place);
  if (isRefusal(row)) return undefined;
  const { id, type, value } = row;
  const content = contentHash({ ...(JSON.parse(value) as Json), id, type });
  return { id, key: idKey(id), content, bytes: record.value.byteLength };
}

async function* inBatches(all: AsyncIterable<Expected>): AsyncGenerator<Expected[]> {
  let batch: Expected[] = [];
  let bytes = 0;
  for await (const expected of all) {
    batch.push(expected);
    bytes += expected.bytes;
    if (batch.length < LOOKUP_RECORDS && bytes < LOOKUP_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
