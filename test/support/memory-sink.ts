import type { LogRecord, TopicPartition } from '../../src/log/log.ts';
import { partitionName } from '../../src/log/log.ts';
import type { PartitionWriter, Progress, Sink } from '../../src/sinks/sink.ts';

/** A store in memory that outlives its sinks, as a real store outlives the program. */
export class MemoryStore {
  readonly records: { readonly partition: string; readonly offset: number; readonly text: string }[] = [];
  /** Set: the store keeps the position itself, in the same step as the records. */
  readonly positions: Map<string, number> | undefined;
  /** Called before each step; throws to make it fail. */
  before: (step: 'open' | 'partition' | 'write' | 'flush', signal?: AbortSignal) => void | Promise<void> = () => {};
  writers = 0;

  constructor(keepsPosition: boolean) {
    this.positions = keepsPosition ? new Map() : undefined;
  }

  sink(): Sink {
    return {
      open: async (signal) => this.before('open', signal),
      partition: async (partition) => {
        await this.before('partition');
        this.writers++;
        return new MemoryWriter(this, partition);
      },
      close: async () => {},
    };
  }
}

/** Takes records into a buffer and stores them at `flush`. */
class MemoryWriter implements PartitionWriter {
  readonly #store: MemoryStore;
  readonly #name: string;
  #buffer: LogRecord[] = [];

  constructor(store: MemoryStore, partition: TopicPartition) {
    this.#store = store;
    this.#name = partitionName(partition);
  }

  resumeOffset(): number | undefined {
    return this.#store.positions?.get(this.#name);
  }

  async write(records: readonly LogRecord[]): Promise<Progress> {
    await this.#store.before('write');
    this.#buffer.push(...records);
    return { durableUpTo: undefined, duplicates: 0 };
  }

  async flush(): Promise<Progress> {
    await this.#store.before('flush');
    const taken = this.#buffer.splice(0);
    for (const { offset, value } of taken) {
      this.#store.records.push({ partition: this.#name, offset, text: Buffer.from(value).toString() });
    }
    const last = taken.at(-1);
    if (!last) return { durableUpTo: undefined, duplicates: 0 };
    this.#store.positions?.set(this.#name, last.offset + 1);
    return { durableUpTo: last.offset + 1, duplicates: 0 };
  }

  flushDueAt(): number | undefined {
    return this.#buffer.length > 0 ? 0 : undefined;
  }

  async abandon(): Promise<void> {
    this.#store.writers--;
    this.#buffer = [];
  }
}
