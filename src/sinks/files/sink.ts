import type { TopicDescription, TopicPartition } from '../../log/log.ts';
import type { PartitionWriter, Sink, SinkContext } from '../sink.ts';
import { PlainHold } from './at-least-once.ts';
import type { Assignment } from './chain.ts';
import { Chain } from './chain.ts';
import type { FilesConfig } from './config.ts';
import { filesErrors } from './errors.ts';
import { createFormat } from './formats/formats.ts';
import type { Hold } from './hold.ts';
import { Layout } from './layout.ts';
import type { Manifest } from './manifest.ts';
import { refuseOwned, takeOwnership } from './owner.ts';
import { RecentIds } from './recent-ids.ts';
import { isRecreated } from './recreated.ts';
import { Roller } from './roller.ts';
import { storeOf } from './stores/choose.ts';
import type { FileStore } from './stores/file-store.ts';
import { Windows } from './windows.ts';
import { FilesWriter } from './writer.ts';

/** How long giving up a fresh assignment may take. */
const GIVE_UP_MS = 5_000;

export interface FilesSinkOptions {
  /** The event types that the configuration names; all others share a folder. */
  readonly namedTypes: readonly string[];
  /** Replaced by tests. */
  readonly store?: FileStore;
}

/** Loads records into files: each exactly once, as chain.ts says, or at least once, as at-least-once.ts does. */
export function createFilesSink(config: FilesConfig, context: SinkContext, options: FilesSinkOptions): Sink {
  const store = options.store ?? storeOf(config, context.dataDirectory);
  return new FilesSink(store, config, context, new Set(options.namedTypes));
}

class FilesSink implements Sink {
  readonly #store: FileStore;
  readonly #config: FilesConfig;
  readonly #context: SinkContext;
  readonly #namedTypes: ReadonlySet<string>;
  readonly #recentIds = new RecentIds();
  #connectorId = '';

  constructor(store: FileStore, config: FilesConfig, context: SinkContext, namedTypes: ReadonlySet<string>) {
    this.#store = store;
    this.#config = config;
    this.#context = context;
    this.#namedTypes = namedTypes;
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#store.open(signal);
    if (this.#config.guarantee === 'at-least-once') {
      await refuseOwned(this.#store, signal);
      return;
    }
    const mine = { connector: this.#context.connector, logId: await this.#context.admin.logId() };
    this.#connectorId = await takeOwnership(this.#store, mine, newId, signal);
  }

  async partition(partition: TopicPartition, signal: AbortSignal): Promise<PartitionWriter> {
    const format = await createFormat(this.#config);
    const hold = await this.#take(partition, signal);
    const { openFiles, late: lateMs, roll, path: template, timezone } = this.#config;
    const layout = new Layout(template, partition.topic);
    const windows = new Windows(roll.window, timezone);
    const rollerOptions = { layout, windows, format, openFiles, lateMs, namedTypes: this.#namedTypes };
    const roller = new Roller(this.#store, hold, rollerOptions);
    return new FilesWriter(partition, hold, roller, roll, this.#recentIds, this.#context);
  }

  /** Only forward: what is passed over is not loaded, and `verify` compares from there on. */
  async alterPosition(partition: TopicPartition, offset: number | undefined, signal: AbortSignal): Promise<void> {
    if (this.#config.guarantee === 'at-least-once') {
      refuseRewind(partition, await this.#committed(partition), offset);
      return;
    }
    const chain = await this.#chainOf(partition);
    const committed = await this.#committed(partition);
    const check = (newest: Manifest | undefined) => {
      this.#check(chain, newest, committed, false);
      refuseRewind(partition, (newest?.end ?? -1) + 1, offset);
    };
    if (offset === undefined) return check(await chain.newest(signal));
    const assignment = await chain.assign(check, signal);
    try {
      const next = (assignment.end ?? -1) + 1;
      const skipped = { kind: 'gap', resume: next, end: offset - 1, since: offset, refused: 0, files: [] } as const;
      if (offset > next) await assignment.commit(skipped, signal);
    } finally {
      await assignment.giveUp(AbortSignal.timeout(GIVE_UP_MS));
    }
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  #take(partition: TopicPartition, signal: AbortSignal): Promise<Hold> {
    return this.#config.guarantee === 'at-least-once' ? this.#hold(partition, signal) : this.#claim(partition, signal);
  }

  async #hold(partition: TopicPartition, signal: AbortSignal): Promise<Hold> {
    const topic = await this.#describe(partition.topic);
    const { connector, clock, logger } = this.#context;
    const identity = { ...partition, connector, topicId: topic.id };
    return PlainHold.take(this.#store, identity, { clock, logger: logger.child({ ...partition }), newId }, signal);
  }

  async #claim(partition: TopicPartition, signal: AbortSignal): Promise<Hold> {
    const chain = await this.#chainOf(partition);
    const committed = await this.#committed(partition);
    const recreated = await isRecreated(chain, signal);
    const assignment = await chain.assign((newest) => this.#check(chain, newest, committed, recreated), signal);
    try {
      await this.#checkBounds(partition, assignment, recreated, signal);
    } catch (error) {
      await assignment.giveUp(AbortSignal.timeout(GIVE_UP_MS));
      throw error;
    }
    return assignment;
  }

  async #chainOf(partition: TopicPartition): Promise<Chain> {
    const topic = await this.#describe(partition.topic);
    const identity = { ...partition, connector: this.#connectorId, topicId: topic.id };
    const { clock, logger } = this.#context;
    return new Chain(this.#store, identity, { clock, logger: logger.child({ ...partition }), newId });
  }

  async #describe(topic: string): Promise<TopicDescription> {
    const found = (await this.#context.admin.topics()).find(({ name }) => name === topic);
    if (!found) throw filesErrors.FILES_TOPIC_UNKNOWN(`the log has no topic ${topic}`);
    return found;
  }

  async #committed({ topic, partition }: TopicPartition): Promise<number> {
    const positions = await this.#context.admin.committed(`connect-${this.#context.connector}`);
    return positions.find((position) => position.topic === topic && position.partition === partition)?.offset ?? 0;
  }

  /** What no claim may paper over: a next start would find the claim and see nothing wrong. */
  #check(chain: Chain, newest: Manifest | undefined, committed: number, recreated: boolean): void {
    if (newest && newest.end !== null) return;
    const { topic, partition } = chain.identity;
    if (recreated) {
      if (this.#config.gaps === 'record') return;
      throw filesErrors.FILES_TOPIC_RECREATED(`${topic} is not the topic that was loaded so far, only its namesake`);
    }
    if (committed > 0) {
      throw filesErrors.FILES_CHAIN_MISSING(
        `${topic}-${partition} was loaded up to offset ${committed}, but no manifest says into which files`,
      );
    }
  }

  /** Whether the log still has, and already has, what comes next. */
  async #checkBounds(
    at: TopicPartition,
    assignment: Assignment,
    recreated: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    if (assignment.end === null && !recreated) return;
    const next = (assignment.end ?? -1) + 1;
    const bounds = (await this.#context.admin.offsets(at.topic)).find(({ partition }) => partition === at.partition);
    if (!bounds) throw filesErrors.FILES_TOPIC_UNKNOWN(`the log has no partition ${at.topic}-${at.partition}`);
    const { startOffset, endOffset } = bounds;
    if (next > endOffset) {
      throw filesErrors.FILES_AHEAD_OF_LOG(
        `${at.topic}-${at.partition} is loaded up to offset ${next}, but the log ends at ${endOffset}`,
      );
    }
    if (assignment.end === null) {
      // The group's position is one in the old topic. From here on the store's own counts.
      this.#context.logger.error({ topic: at.topic }, 'the topic was made anew; it is loaded from its beginning');
      await assignment.commit({ kind: 'gap', resume: 0, end: startOffset - 1, refused: 0, files: [] }, signal);
      return;
    }
    if (next >= startOffset) return this.#checkEpoch(at, assignment, next);
    const missing = `the records ${next} to ${startOffset - 1} of ${at.topic}-${at.partition} left the log before they were loaded`;
    if (this.#config.gaps === 'stop') throw filesErrors.FILES_RECORDS_EXPIRED(missing);
    this.#context.logger.error({ from: next, to: startOffset - 1 }, missing);
    await assignment.commit({ kind: 'gap', resume: next, end: startOffset - 1, refused: 0, files: [] }, signal);
  }
  /** Whether the log still has what was loaded: one that was cut may have grown past it again. */
  async #checkEpoch(at: TopicPartition, { leaderEpoch }: Assignment, next: number): Promise<void> {
    if (leaderEpoch === undefined) return;
    const end = await this.#context.admin.endOfEpoch(at, leaderEpoch);
    if (end === undefined || end >= next) return;
    throw filesErrors.FILES_LOG_CUT(
      `${at.topic}-${at.partition} is loaded up to offset ${next}, but the log was cut at ${end} since`,
    );
  }
}

/** Throws FILES_REWIND_WOULD_DOUBLE if records before `next`, which are loaded, would be loaded again. */
function refuseRewind({ topic, partition }: TopicPartition, next: number, offset = 0): void {
  if (offset >= next) return;
  throw filesErrors.FILES_REWIND_WOULD_DOUBLE(
    `${topic}-${partition} is loaded up to offset ${next}; from ${offset} on records would be stored twice`,
  );
}

function newId(): string {
  return crypto.randomUUID();
}
