/** What the contract suite of the log works with: members of groups that keep note, and numbered records. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Consumer, LogRecord, NewRecord, TopicPartition } from '../../src/log/log.ts';
import { partitionName } from '../../src/log/log.ts';

/** Long enough for any group to settle; what is awaited comes sooner or the test fails. */
export const WAIT_MS = 20_000;

export const START = Date.UTC(2026, 10, 22, 12);

/** What a test does when partitions come and go. */
export interface MemberListener {
  assigned?(member: Member, partitions: readonly TopicPartition[]): Promise<void>;
  revoked?(member: Member, partitions: readonly TopicPartition[]): Promise<void>;
}

/** A consumer that keeps note of what it has and has seen. */
export class Member {
  readonly consumer: Consumer;
  readonly partitions = new Set<string>();
  readonly events: string[] = [];
  readonly #listener: MemberListener;
  readonly #seen = new Map<string, TopicPartition & { offset: number }>();

  constructor(consumer: Consumer, listener: MemberListener = {}) {
    this.consumer = consumer;
    this.#listener = listener;
  }

  subscribe(): Promise<void> {
    return this.consumer.subscribe({
      assigned: async (partitions) => {
        this.events.push('assigned');
        await this.#listener.assigned?.(this, partitions);
        for (const partition of partitions) this.partitions.add(partitionName(partition));
      },
      revoked: async (partitions) => {
        this.events.push('revoked');
        await this.#listener.revoked?.(this, partitions);
        for (const partition of partitions) this.partitions.delete(partitionName(partition));
      },
      lost: (partitions) => {
        this.events.push('lost');
        for (const partition of partitions) this.partitions.delete(partitionName(partition));
      },
    });
  }

  /** Polls until there are this many records. */
  async take(count: number): Promise<LogRecord[]> {
    const records: LogRecord[] = [];
    const end = performance.now() + WAIT_MS;
    while (records.length < count && performance.now() < end) {
      for (const batch of await this.consumer.poll({ maxWaitMs: 1000 })) records.push(...batch.records);
    }
    assert.equal(records.length, count);
    return records;
  }

  see({ topic, partition, records }: TopicPartition & { readonly records: readonly LogRecord[] }): void {
    this.#seen.set(partitionName({ topic, partition }), { topic, partition, offset: records.at(-1)!.offset + 1 });
  }

  /** Commits what was seen of these partitions. */
  async commitSeen(partitions: readonly TopicPartition[]): Promise<void> {
    const names = partitions.map(partitionName);
    const positions = names.map((name) => this.#seen.get(name)).filter((position) => !!position);
    if (positions.length > 0) await this.consumer.commit(positions);
    for (const name of names) this.#seen.delete(name);
  }
}

export function newGroup(): string {
  return `contract-${randomUUID()}`;
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function at(ms: number): NewRecord {
  return { timestamp: START + ms, value: bytes('{}') };
}

export function range(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(from + index));
}

export function numbered(from: number, count: number): NewRecord[] {
  return range(from, count).map((text) => ({ timestamp: START, value: bytes(text) }));
}

function textOf(record: NewRecord): string {
  return new TextDecoder().decode(record.value);
}

export function texts(records: readonly LogRecord[]): string[] {
  return records.map(textOf);
}

export function byNumber(a: string, b: string): number {
  return Number(a) - Number(b);
}

/** A record in plain types, so that a view equals a copy. */
export function plain({ value, key, ...rest }: LogRecord): object {
  return { ...rest, value: textOf({ timestamp: 0, value }), key: key && new TextDecoder().decode(key) };
}
