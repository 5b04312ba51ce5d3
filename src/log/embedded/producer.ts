import { crc32 } from 'node:zlib';
import type { Channel } from '../../support/channel.ts';
import { logErrors } from '../errors.ts';
import type { Appended, NewRecord, Producer, TopicPartition } from '../log.ts';
import { partitionName } from '../log.ts';
import type { BatchLimits } from './codec.ts';
import { encodeBatch } from './codec.ts';
import type { LogCalls } from './protocol.ts';

/** What a producer needs of the connection that it belongs to. */
export interface ProducerHost {
  readonly channel: Channel<LogCalls>;
  readonly limits: BatchLimits;
  partitionsOf(topic: string): number;
}

/** Encodes batches in its own thread and hands them, without a copy, to the thread that writes. */
export class EmbeddedProducer implements Producer {
  readonly #host: ProducerHost;
  readonly #turns = new Map<string, number>();
  readonly #inFlight = new Map<string, Promise<unknown>>();
  #closed = false;

  constructor(host: ProducerHost) {
    this.#host = host;
  }

  partitionFor(topic: string, key?: Uint8Array): number {
    const partitions = this.#host.partitionsOf(topic);
    if (key) return crc32(key) % partitions;
    const turn = this.#turns.get(topic) ?? 0;
    this.#turns.set(topic, turn + 1);
    return turn % partitions;
  }

  async send({ topic, partition }: TopicPartition, records: readonly NewRecord[]): Promise<Appended> {
    if (this.#closed) throw logErrors.LOG_CLOSED('the producer is closed');
    const name = partitionName({ topic, partition });
    if (this.#inFlight.has(name)) throw new Error(`a send to ${name} is still under way`);
    const batch = encodeBatch(records, this.#host.limits);
    const call = this.#host.channel.call('append', [{ topic, partition }, batch], [batch.data.buffer]);
    this.#inFlight.set(name, call);
    try {
      return { baseOffset: await call };
    } finally {
      this.#inFlight.delete(name);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#inFlight.values());
  }
}
