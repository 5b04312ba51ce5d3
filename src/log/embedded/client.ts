import type { MessagePort } from 'node:worker_threads';
import { Channel } from '../../support/channel.ts';
import { fromPlainError } from '../../support/errors.ts';
import { logErrors } from '../errors.ts';
import type {
  Admin,
  Consumer,
  ConsumerOptions,
  Log,
  Position,
  Producer,
  RecordBatch,
  TopicDescription,
} from '../log.ts';
import type { BatchLimits } from './codec.ts';
import { EmbeddedConsumer } from './consumer.ts';
import { EmbeddedProducer } from './producer.ts';
import type { ConnectionCalls, Greeting, LogCalls, StoredTopic } from './protocol.ts';
import type { ReadResult } from './reader.ts';
import { LogReader } from './reader.ts';

const DEFAULT_READ_BYTES = 1024 * 1024;

/** The log as one thread uses it: asks the log's thread to write, and reads the file itself. */
export class LogClient implements Log {
  readonly #directory: string;
  readonly #port: MessagePort;
  readonly #consumers = new Map<number, EmbeddedConsumer>();
  readonly #topics = new Map<string, StoredTopic>();
  readonly channel: Channel<LogCalls>;
  readonly admin: Admin;
  #limits: BatchLimits | undefined;
  #reader: LogReader | undefined;
  #lastMember = 0;
  #ended: Error | undefined;

  private constructor(directory: string, port: MessagePort) {
    this.#directory = directory;
    this.#port = port;
    this.channel = new Channel<LogCalls>(port, this.#calls());
    this.admin = adminOf(this.channel, () => this.#topics.values());
    port.on('close', () => this.#end(logErrors.LOG_FAILED('the thread of the log has ended')));
  }

  static async connect(directory: string, port: MessagePort): Promise<LogClient> {
    const client = new LogClient(directory, port);
    const greeting: Greeting = await client.channel.call('greet', []);
    client.#limits = greeting.limits;
    client.#setTopics(greeting.topics);
    return client;
  }

  get limits(): BatchLimits {
    return this.#limits!;
  }

  producer(): Producer {
    return new EmbeddedProducer(this);
  }

  consumer(group: string, topics: readonly string[], options: ConsumerOptions = {}): Consumer {
    const member = ++this.#lastMember;
    const consumer = new EmbeddedConsumer(
      {
        channel: this.channel,
        read: (from, maxBytes) => this.#read(from, maxBytes),
        forget: () => this.#consumers.delete(member),
      },
      { member, group, topics },
      options,
    );
    this.#consumers.set(member, consumer);
    return consumer;
  }

  async read(from: Position, options: { readonly maxBytes?: number } = {}): Promise<RecordBatch> {
    const { records, bytes, endOffset } = this.#read(from, options.maxBytes ?? DEFAULT_READ_BYTES);
    return { topic: from.topic, partition: from.partition, records, bytes, endOffset };
  }

  async close(): Promise<void> {
    await Promise.allSettled(Array.from(this.#consumers.values(), (consumer) => consumer.close()));
    this.#end(logErrors.LOG_CLOSED('the log is closed'));
  }

  partitionsOf(topic: string): number {
    return this.#topic(topic).tables.length;
  }

  #calls(): ConnectionCalls {
    return {
      topics: (topics) => this.#setTopics(topics),
      appended: (ends) => {
        for (const consumer of this.#consumers.values()) consumer.appended(ends);
      },
      assign: (member, partitions) => this.#consumers.get(member)?.assign(partitions),
      revoke: async (member, partitions) => this.#consumers.get(member)?.revoke(partitions),
      lost: (member, partitions) => this.#consumers.get(member)?.lost(partitions),
      ended: (reason) => this.#end(fromPlainError(reason)),
    };
  }

  #read(from: Position, maxBytes: number): ReadResult {
    if (this.#ended) throw this.#ended;
    const table = this.#topic(from.topic).tables[from.partition];
    if (table === undefined) throw logErrors.TOPIC_UNKNOWN(`topic ${from.topic} has no partition ${from.partition}`);
    this.#reader ??= new LogReader(this.#directory);
    return this.#reader.read(table, from.offset, maxBytes);
  }

  #topic(name: string): StoredTopic {
    const topic = this.#topics.get(name);
    if (!topic) throw logErrors.TOPIC_UNKNOWN(`there is no topic ${JSON.stringify(name)}`);
    return topic;
  }

  #setTopics(topics: readonly StoredTopic[]): void {
    for (const topic of topics) this.#topics.set(topic.name, topic);
  }

  #end(reason: Error): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.channel.fail(reason);
    for (const consumer of this.#consumers.values()) consumer.fail(reason);
    this.#consumers.clear();
    this.#reader?.close();
    this.#port.close();
  }
}

function adminOf(channel: Channel<LogCalls>, topics: () => Iterable<StoredTopic>): Admin {
  return {
    logId: async () => (await channel.call('greet', [])).logId,
    topics: async () => Array.from(topics(), describe),
    createTopic: async (name, options) => describe(await channel.call('createTopic', [name, { ...options }])),
    offsets: (topic) => channel.call('offsets', [topic]),
    // It has one leader, which forgets nothing.
    endOfEpoch: async () => undefined,
    offsetsAt: (topic, timestamp) => channel.call('offsetsAt', [topic, timestamp]),
    committed: (group) => channel.call('committed', [group]),
    groups: () => channel.call('groups', []),
    alterPositions: (group, positions) => channel.call('alterPositions', [group, positions]),
    deleteRecords: (before) => channel.call('deleteRecords', [before]),
  };
}

function describe({ name, id, tables }: StoredTopic): TopicDescription {
  return { name, id, partitions: tables.length };
}
