import { randomUUID } from 'node:crypto';
import { CONNECTORS_TOPIC } from '../../log/dead-letter.ts';
import { logErrors } from '../../log/errors.ts';
import type { Log, NewRecord, Producer } from '../../log/log.ts';
import { recordsOf } from '../../sinks/verification.ts';
import type { Clock } from '../../support/clock.ts';
import { messageOf } from '../../support/errors.ts';
import type { Logger } from '../../support/logger.ts';
import type { FlatConfig } from '../config/mapping.ts';
import type {
  ConnectorStore,
  LevelSetting,
  NewConnector,
  RestartCommand,
  StoredConnector,
  TargetState,
} from './connector-store.ts';
import { connectorStoreErrors, MOST_CONNECTORS } from './connector-store.ts';
import { toLevelRecord, toLevelSetting } from './level-record.ts';
import type { Change } from './table.ts';
import { ConnectorTable, toEnd, toRecord } from './table.ts';

/** How often the topic is looked at: others' changes are to be known within two seconds. */
const READ_EVERY_MS = 500;

/**
 * What a broker has taken can be read once all copies have it. Longer than that takes to be found
 * out if one of them is down (Kafka: replica.lag.time.max.ms).
 */
const READABLE_WITHIN_MS = 45_000;
const READ_AGAIN_MS = 20;

const PARTITION = 0;
/** What Kafka is told when the topic is made; the embedded log keeps all of it anyway. */
const TOPIC_CONFIG = { 'cleanup.policy': 'compact' } as const;

export interface LogConnectorStoreOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Workers with one topic run the same connectors. */
  readonly topic?: string;
}

/** Opens the store with all that stands in it. Throws CONNECTOR_TOPIC_UNFIT, and the log's errors. */
export async function openConnectorStore(options: LogConnectorStoreOptions): Promise<ConnectorStore> {
  const topic = options.topic ?? CONNECTORS_TOPIC;
  const { partitions, config } = await options.log.admin.createTopic(topic, { partitions: 1, config: TOPIC_CONFIG });
  const policy = config?.['cleanup.policy'];
  if (partitions !== 1) {
    throw connectorStoreErrors.CONNECTOR_TOPIC_UNFIT(`The topic ${topic} has ${partitions} partitions.`);
  }
  if (policy !== undefined && policy !== TOPIC_CONFIG['cleanup.policy']) {
    throw connectorStoreErrors.CONNECTOR_TOPIC_UNFIT(`The topic ${topic} has the cleanup.policy ${policy}.`);
  }
  const store = new LogConnectorStore(options, topic);
  await store.start();
  return store;
}

/** The connectors as they stand in the topic by now, by name; none where there is no topic. Throws the log's errors. */
export async function readConnectors(log: Log, topic: string): Promise<ReadonlyMap<string, StoredConnector>> {
  const table = new ConnectorTable();
  if (!(await log.admin.topics()).some(({ name }) => name === topic)) return table.all;
  const [{ startOffset, endOffset } = { startOffset: 0, endOffset: 0 }] = await log.admin.offsets(topic);
  const at = { topic, partition: PARTITION };
  for await (const record of recordsOf(log, at, startOffset, endOffset)) table.apply(record);
  return table.all;
}

/** Connectors in a topic of the log, which all workers read to its end and then go on reading. */
class LogConnectorStore implements ConnectorStore {
  readonly #options: LogConnectorStoreOptions;
  readonly #topic: string;
  readonly #producer: Producer;
  readonly #table = new ConnectorTable();
  readonly #watchers = new Set<() => void>();
  /** Levels hold for workers that are there when they are set: those of before are read past. */
  #setLevel: (setting: LevelSetting) => void = () => {};
  readonly #closed = new AbortController();
  #nextOffset = 0;
  #isBehind = false;
  /** One read, and one change, at a time. */
  #reading: Promise<void> = Promise.resolve();
  #changing: Promise<unknown> = Promise.resolve();
  #following: Promise<void> = Promise.resolve();

  constructor(options: LogConnectorStoreOptions, topic: string) {
    this.#options = options;
    this.#topic = topic;
    this.#producer = options.log.producer({ acks: 'all' });
  }

  async start(): Promise<void> {
    const [offsets] = await this.#options.log.admin.offsets(this.#topic);
    this.#nextOffset = offsets?.startOffset ?? 0;
    await this.#read();
    this.#following = this.#follow();
  }

  get isBehind(): boolean {
    return this.#isBehind;
  }

  all(): ReadonlyMap<string, StoredConnector> {
    return this.#table.all;
  }

  create(connector: NewConnector): Promise<StoredConnector> {
    const { name } = connector;
    return this.#inTurn(async () => {
      await this.#read();
      if (this.#table.all.has(name)) throw exists(name);
      if (this.#table.all.size >= MOST_CONNECTORS) {
        throw connectorStoreErrors.CONNECTORS_TOO_MANY(`There are ${MOST_CONNECTORS} connectors, which is the most.`);
      }
      const id = randomUUID();
      await this.#append([toRecord(name, id, { kind: 'connector', connector }, this.#now())]);
      const winner = this.#table.all.get(name);
      if (winner?.id === id) return winner;
      await this.#append(toEnd(name, [id], this.#now()));
      throw exists(name);
    });
  }

  configure(name: string, config: FlatConfig): Promise<StoredConnector> {
    return this.#change(name, { kind: 'config', config });
  }

  setTarget(name: string, target: TargetState): Promise<StoredConnector> {
    return this.#change(name, { kind: 'target', target });
  }

  restart(name: string, command: RestartCommand): Promise<StoredConnector> {
    return this.#change(name, { kind: 'restart', command });
  }

  resetTopics(name: string, reached: Readonly<Record<string, number>>): Promise<StoredConnector> {
    return this.#change(name, { kind: 'topics', reached });
  }

  remove(name: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#find(name);
      await this.#append(toEnd(name, this.#table.idsOf(name).toReversed(), this.#now()));
    });
  }

  setLevel(setting: LevelSetting): Promise<void> {
    return this.#inTurn(() => this.#append([toLevelRecord(setting, this.#now())]));
  }

  watchLevels(set: (setting: LevelSetting) => void): void {
    this.#setLevel = set;
  }

  watch(changed: () => void): () => void {
    // A function of its own, so that watching twice with one function is two watches.
    const watcher = () => changed();
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all([this.#following, this.#changing.catch(() => {})]);
    await this.#producer.close();
  }

  #change(name: string, change: Change): Promise<StoredConnector> {
    return this.#inTurn(async () => {
      const { id } = await this.#find(name);
      await this.#append([toRecord(name, id, change, this.#now())]);
      const connector = this.#table.all.get(name);
      // Another worker ended it meanwhile.
      if (connector?.id !== id) throw notStored(name);
      return connector;
    });
  }

  async #find(name: string): Promise<StoredConnector> {
    await this.#read();
    const connector = this.#table.all.get(name);
    if (!connector) throw notStored(name);
    return connector;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#changing.catch(() => {}).then(work);
    this.#changing = turn;
    return turn;
  }

  /** Settles when what was written, and all before it, is in the table. */
  async #append(records: readonly NewRecord[]): Promise<void> {
    const { clock } = this.#options;
    const { baseOffset } = await this.#producer.send({ topic: this.#topic, partition: PARTITION }, records);
    const end = baseOffset + records.length;
    const deadline = clock.monotonic() + READABLE_WITHIN_MS;
    await this.#read();
    while (this.#nextOffset < end) {
      if (clock.monotonic() > deadline) {
        throw logErrors.LOG_UNAVAILABLE(`what was written to ${this.#topic} can not be read yet`);
      }
      await clock.sleep(READ_AGAIN_MS);
      await this.#read();
    }
  }

  /** Reads on to the end. */
  #read(): Promise<void> {
    const reading = this.#reading
      .catch(() => {})
      .then(async () => {
        while (await this.#readOnce());
      });
    this.#reading = reading;
    return reading;
  }

  /** Whether there is more to read. */
  async #readOnce(): Promise<boolean> {
    const { log, logger } = this.#options;
    const from = { topic: this.#topic, partition: PARTITION, offset: this.#nextOffset };
    const { records, endOffset } = await log.read(from);
    for (const record of records) {
      this.#nextOffset = record.offset + 1;
      if (this.#table.apply(record)) continue;
      const setting = toLevelSetting(record);
      if (setting) {
        this.#setLevel(setting);
        continue;
      }
      const { offset } = record;
      logger.warn({ topic: this.#topic, offset }, 'a record that is none of a connector was passed over');
    }
    if (records.length > 0) for (const watcher of this.#watchers) watcher();
    // Compaction can leave offsets without records, at the end of the topic too.
    return records.length > 0 && this.#nextOffset < endOffset;
  }

  async #follow(): Promise<void> {
    const { clock, logger } = this.#options;
    while (!this.#closed.signal.aborted) {
      await clock.sleep(READ_EVERY_MS, this.#closed.signal);
      if (this.#closed.signal.aborted) return;
      try {
        await this.#read();
        this.#isBehind = false;
      } catch (error) {
        // Once for an outage: the next reads make up for it.
        if (!this.#isBehind)
          logger.warn({ error: messageOf(error) }, 'changes of connectors are not known until the log is back');
        this.#isBehind = true;
      }
    }
  }

  #now(): number {
    return this.#options.clock.now();
  }
}

function exists(name: string): Error {
  return connectorStoreErrors.CONNECTOR_EXISTS(`Connector ${name} already exists.`);
}

function notStored(name: string): Error {
  return connectorStoreErrors.CONNECTOR_NOT_STORED(`There is no connector ${JSON.stringify(name)}.`);
}
