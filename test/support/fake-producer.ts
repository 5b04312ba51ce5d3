import type { Appended, NewRecord, Producer, TopicPartition } from '../../src/log/log.ts';

/** One `send` that a test settles by hand. */
export interface PendingSend {
  readonly to: TopicPartition;
  readonly records: readonly NewRecord[];
  succeed(): void;
  fail(error: Error): void;
}

/** A producer whose every send waits for the test, unless `automatic`. Checks the one-in-flight rule. */
export class FakeProducer implements Producer {
  readonly pending: PendingSend[] = [];
  readonly stored: NewRecord[] = [];
  automatic: ((to: TopicPartition, records: readonly NewRecord[]) => Error | undefined) | undefined;
  readonly #partitions: number;
  readonly #inFlight = new Set<string>();
  #turn = 0;

  constructor(partitions = 2) {
    this.#partitions = partitions;
  }

  partitionFor(_topic: string, key?: Uint8Array): number {
    return (key ? (key[0] ?? 0) : this.#turn++) % this.#partitions;
  }

  send(to: TopicPartition, records: readonly NewRecord[]): Promise<Appended> {
    const name = `${to.topic}-${to.partition}`;
    if (this.#inFlight.has(name)) throw new Error(`two sends in flight to ${name}`);
    this.#inFlight.add(name);
    return new Promise((resolve, reject) => {
      const remove = () => {
        this.#inFlight.delete(name);
        const at = this.pending.indexOf(send);
        if (at >= 0) this.pending.splice(at, 1);
      };
      const send: PendingSend = {
        to,
        records,
        succeed: () => {
          remove();
          this.stored.push(...records);
          resolve({ baseOffset: this.stored.length - records.length });
        },
        fail: (error) => {
          remove();
          reject(error);
        },
      };
      this.pending.push(send);
      if (!this.automatic) return;
      const error = this.automatic(to, records);
      if (error) send.fail(error);
      else send.succeed();
    });
  }

  async close(): Promise<void> {}
}
