import type { Channel } from '../../support/channel.ts';
import { WakeUps } from '../../support/wake-ups.ts';
import { settlesWithin } from '../../support/within.ts';
import { logErrors } from '../errors.ts';
import type { AssignmentListener, Consumer, ConsumerOptions, Position, RecordBatch, TopicPartition } from '../log.ts';
import { partitionName, plainPartition } from '../log.ts';
import { REVOKE_TIMEOUT_MS } from './groups.ts';
import type { LogCalls, PartitionEnd, StartingPosition } from './protocol.ts';
import type { ReadResult } from './reader.ts';

const DEFAULT_MAX_BYTES = 512 * 1024;

/** What a consumer needs of the connection that it belongs to. */
export interface ConsumerHost {
  readonly channel: Channel<LogCalls>;
  read(from: Position, maxBytes: number): ReadResult;
  /** The consumer has been closed. */
  forget(member: number): void;
}

interface Membership {
  readonly member: number;
  readonly group: string;
  readonly topics: readonly string[];
}

interface Assigned {
  readonly topic: string;
  readonly partition: number;
  /** The next offset to hand out. */
  offset: number;
  endOffset: number;
  paused: boolean;
  /** Between the listener's `assigned` and `revoked`: only then are records handed out. */
  live: boolean;
}

/** A member of a group that reads the log's file in its own thread, and is told when there is more. */
export class EmbeddedConsumer implements Consumer {
  readonly #host: ConsumerHost;
  readonly #membership: Membership;
  readonly #options: ConsumerOptions;
  readonly #assigned = new Map<string, Assigned>();
  readonly #wakeUps = new WakeUps();
  #listener: AssignmentListener | undefined;
  /** Assignments and revocations, one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #ended: Error | undefined;
  #closing: Promise<void> | undefined;
  #lastServed = 0;

  constructor(host: ConsumerHost, membership: Membership, options: ConsumerOptions) {
    this.#host = host;
    this.#membership = membership;
    this.#options = options;
  }

  async subscribe(listener: AssignmentListener): Promise<void> {
    if (this.#ended) throw this.#ended;
    if (this.#listener) throw new Error('a consumer subscribes once');
    this.#listener = listener;
    await this.#host.channel.call('join', [{ ...this.#membership, from: this.#options.from ?? 'earliest' }]);
  }

  async poll(options: { readonly maxWaitMs: number; readonly signal?: AbortSignal }): Promise<readonly RecordBatch[]> {
    const deadline = performance.now() + options.maxWaitMs;
    for (;;) {
      if (this.#ended) throw this.#ended;
      const batches = this.#take();
      const remainingMs = deadline - performance.now();
      if (batches.length > 0 || remainingMs <= 0 || options.signal?.aborted) return batches;
      await this.#wakeUps.wait(remainingMs, options.signal);
    }
  }

  pause(partition: TopicPartition): void {
    const assigned = this.#assigned.get(partitionName(partition));
    if (assigned) assigned.paused = true;
  }

  resume(partition: TopicPartition): void {
    const assigned = this.#assigned.get(partitionName(partition));
    if (assigned) assigned.paused = false;
    this.#wakeUps.wake();
  }

  seek(partition: TopicPartition, offset: number): void {
    const assigned = this.#assigned.get(partitionName(partition));
    if (!assigned) throw logErrors.PARTITION_NOT_OWNED(`partition ${partitionName(partition)} is not this member's`);
    assigned.offset = offset;
    this.#wakeUps.wake();
  }

  async commit(positions: readonly Position[]): Promise<void> {
    const plain = positions.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
    await this.#host.channel.call('commit', [this.#membership.member, plain]);
  }

  close(): Promise<void> {
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  /** The group gives this member partitions. */
  assign(partitions: readonly StartingPosition[]): void {
    if (this.#ended) return;
    const mine = partitions.map((start): Assigned => ({ ...start, paused: false, live: false }));
    for (const assigned of mine) this.#assigned.set(partitionName(assigned), assigned);
    void this.#inTurn(async () => {
      const current = mine.filter((assigned) => this.#holds(assigned));
      if (current.length === 0) return;
      await this.#listener?.assigned(current.map(plainPartition));
      for (const assigned of mine) assigned.live = true;
      this.#wakeUps.wake();
    });
  }

  /** The group wants partitions back; settles when the listener is done with them. */
  revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const mine = partitions.map((partition) => this.#assigned.get(partitionName(partition))).filter((held) => !!held);
    for (const assigned of mine) assigned.live = false;
    return this.#inTurn(async () => {
      const current = mine.filter((assigned) => this.#holds(assigned));
      if (current.length === 0) return;
      for (const assigned of current) assigned.live = false;
      try {
        await this.#listener?.revoked(current.map(plainPartition));
      } finally {
        for (const assigned of current) if (this.#holds(assigned)) this.#assigned.delete(partitionName(assigned));
      }
    });
  }

  /** The group has taken partitions away. */
  lost(partitions: readonly TopicPartition[]): void {
    const mine = partitions.filter((partition) => this.#assigned.delete(partitionName(partition)));
    if (mine.length > 0) this.#listener?.lost(mine.map(plainPartition));
  }

  appended(ends: readonly PartitionEnd[]): void {
    for (const end of ends) {
      const assigned = this.#assigned.get(partitionName(end));
      if (assigned) assigned.endOffset = Math.max(assigned.endOffset, end.endOffset);
    }
    this.#wakeUps.wake();
  }

  /** The log is gone: every poll rejects from now on. */
  fail(reason: Error): void {
    if (this.#ended) return;
    this.lost([...this.#assigned.values()]);
    this.#end(reason);
  }

  async #leave(): Promise<void> {
    const released = this.revoke([...this.#assigned.values()]);
    this.#end(logErrors.LOG_CLOSED('the consumer is closed'));
    await settlesWithin(released, REVOKE_TIMEOUT_MS);
    const left = this.#host.channel.call('leave', [this.#membership.member]);
    // Rejects only if the log is gone, and the group with it.
    await left.catch(() => undefined);
    this.#host.forget(this.#membership.member);
  }

  /** What can be handed out now. Partitions take turns at being first, so that none starves another. */
  #take(): RecordBatch[] {
    const maxBytes = this.#options.maxBytes ?? DEFAULT_MAX_BYTES;
    const all = [...this.#assigned.values()];
    const batches: RecordBatch[] = [];
    let bytes = 0;
    for (let turn = 1; turn <= all.length && bytes < maxBytes; turn++) {
      const index = (this.#lastServed + turn) % all.length;
      const assigned = all[index]!;
      if (!assigned.live || assigned.paused || assigned.offset >= assigned.endOffset) continue;
      const { topic, partition } = assigned;
      let read: ReadResult;
      try {
        read = this.#host.read(assigned, maxBytes - bytes);
      } catch (error) {
        // What was read before must be handed out; the next poll meets the error again.
        if (batches.length > 0) break;
        throw error;
      }
      assigned.offset = read.nextOffset;
      assigned.endOffset = Math.max(assigned.endOffset, read.endOffset);
      if (read.records.length === 0) continue;
      const { records, free } = read;
      batches.push({ topic, partition, records, bytes: read.bytes, endOffset: assigned.endOffset, free });
      bytes += read.bytes;
      this.#lastServed = index;
    }
    return batches;
  }

  /** One after the other; what a listener throws ends the consumer, and the next poll throws it. */
  #inTurn(step: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(step).catch((error) => this.#end(error));
    return this.#turn;
  }

  #holds(assigned: Assigned): boolean {
    return this.#assigned.get(partitionName(assigned)) === assigned;
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    this.#wakeUps.wake();
  }
}
