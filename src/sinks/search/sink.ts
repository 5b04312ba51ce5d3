import type { TopicPartition } from '../../log/log.ts';
import { partitionName } from '../../log/log.ts';
import { withSignal } from '../../support/with-signal.ts';
import type { PartitionWriter, Sink, SinkContext } from '../sink.ts';
import { SearchClient } from './client.ts';
import type { SearchConfig } from './config.ts';
import { clusterOf } from './config.ts';
import { hasTime, IndexNames } from './index-name.ts';
import { recognize, warnOfAlias, warnOfWeakIndices } from './store.ts';
import { installTemplate } from './template.ts';
import { SearchWriter } from './writer.ts';

/** Loads events into Elasticsearch or OpenSearch. */
export class SearchSink implements Sink {
  readonly #config: SearchConfig;
  readonly #context: SinkContext;
  readonly #names: IndexNames;
  #client: SearchClient | undefined;

  constructor(config: SearchConfig, context: SinkContext) {
    this.#config = config;
    this.#context = context;
    this.#names = new IndexNames(config.index, config.late);
  }

  async open(signal: AbortSignal): Promise<void> {
    const { bulk, timeout } = this.#config;
    const { logger } = this.#context;
    const cluster = clusterOf(this.#config);
    const client = new SearchClient({ cluster, gzip: bulk.gzip, timeoutMs: timeout });
    try {
      const store = await recognize(client, cluster, logger, signal);
      await installTemplate(client, this.#config, this.#names.all, store, logger, signal);
      await warnOfWeakIndices(client, this.#names.all, logger, signal);
      if (!hasTime(this.#config.index)) await warnOfAlias(client, this.#config.index, logger, signal);
    } catch (error) {
      client.close();
      throw error;
    }
    this.#client = client;
  }

  async partition(partition: TopicPartition, signal: AbortSignal): Promise<PartitionWriter> {
    const client = this.#client;
    if (!client) throw new Error('the sink is not open');
    const topics = await withSignal(this.#context.admin.topics(), signal);
    const topicId = topics.find(({ name }) => name === partition.topic)?.id;
    if (topicId === undefined) throw new Error(`the log knows no partition ${partitionName(partition)}`);
    return new SearchWriter({
      client,
      partition,
      names: this.#names,
      place: `${topicId}+${partition.partition}`,
      config: this.#config,
      context: this.#context,
      timeoutMs: this.#config.timeout,
      retryMs: this.#config.retry,
    });
  }

  /** The position is the consumer group's, and an event that is there is never written over: any writer does. */
  reload(partition: TopicPartition, signal: AbortSignal): Promise<PartitionWriter> {
    return this.partition(partition, signal);
  }

  async close(): Promise<void> {
    this.#client?.close();
    this.#client = undefined;
  }
}
