import assert from 'node:assert/strict';
import type { Log, NewRecord, Producer, TopicPartition } from '../../src/log/log.ts';
import { decisionOf } from '../../src/support/errors.ts';

/** As many as a load has in a batch, more or less. */
const BATCH = 50;

/**
 * Sends numbered batches to one partition, each again until it is taken, as the delivery does, and
 * keeps note of what was acknowledged.
 */
export class KafkaWriter {
  readonly to: TopicPartition;
  /** Values by the offset that was told for them. */
  readonly acknowledged = new Map<number, string>();
  readonly #producer: Producer;
  readonly #stop = new AbortController();
  #next = 0;
  #done: Promise<void> | undefined;
  rejected = 0;

  constructor(producer: Producer, to: TopicPartition) {
    this.#producer = producer;
    this.to = to;
  }

  start(): void {
    this.#done = this.#write();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  /**
   * Reads the partition back: every acknowledged record stands where it was said to stand, and those
   * that are new come in the order in which they were sent. Resolves to how many came more than once.
   */
  async verify(log: Log): Promise<number> {
    const stored = new Map<number, string>();
    for (let offset = 0; ; ) {
      const batch = await log.read({ ...this.to, offset });
      if (batch.records.length === 0) break;
      for (const record of batch.records) stored.set(record.offset, Buffer.from(record.value).toString());
      offset = batch.records.at(-1)!.offset + 1;
    }
    for (const [offset, value] of this.acknowledged) assert.equal(stored.get(offset), value, `offset ${offset}`);
    const seen = new Set<string>();
    let last = -1;
    for (const value of stored.values()) {
      if (seen.has(value)) continue;
      assert.equal(Number(value), last + 1, 'a record came before one that was sent before it');
      last = Number(value);
      seen.add(value);
    }
    return stored.size - seen.size;
  }

  async #write(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const records: NewRecord[] = Array.from({ length: BATCH }, () => ({
        // Kafka forgets a producer whose batches look older than a day when it starts again.
        timestamp: Date.now(),
        value: Buffer.from(String(this.#next++)),
      }));
      const baseOffset = await this.#sendUntilTaken(records);
      for (const [index, { value }] of records.entries()) {
        this.acknowledged.set(baseOffset + index, Buffer.from(value).toString());
      }
    }
  }

  async #sendUntilTaken(records: readonly NewRecord[]): Promise<number> {
    for (;;) {
      try {
        return (await this.#producer.send(this.to, records)).baseOffset;
      } catch (error) {
        assert.equal(decisionOf(error), 'retry', String(error));
        this.rejected++;
      }
    }
  }
}
