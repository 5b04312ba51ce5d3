import { setImmediate } from 'node:timers/promises';
import type { LogRecord } from '../../log/log.ts';
import { withSignal } from '../../support/with-signal.ts';
import { isRefusal } from '../row.ts';
import type { PartitionWriter, Progress, Refusal, SinkContext } from '../sink.ts';
import type { BulkOptions, Item } from './bulk.ts';
import { Bulk, toItem } from './bulk.ts';
import type { SearchConfig } from './config.ts';
import { toDocument } from './document.ts';

/** As many are made into documents before requests under way get their turn: to be sent, and to be answered. */
const SLICE_RECORDS = 64;

/** Around a document in a request: its index, its id and the words between. */
const ACTION_BYTES = 128;

export interface SearchWriterOptions extends BulkOptions {
  readonly config: Pick<SearchConfig, 'bulk' | 'delay'>;
  readonly context: Pick<SinkContext, 'deadLetters' | 'clock'>;
}

/** Records of one request, in the order of the log. */
interface Load {
  readonly items: Item[];
  readonly refused: { readonly record: LogRecord; readonly refusal: Refusal }[];
  bytes: number;
  /** The offset after the last of them. */
  end: number;
  done: boolean;
}

/**
 * Writes one partition with several requests under way. They end in any order; durable is what
 * every request before has also brought to its end.
 */
export class SearchWriter implements PartitionWriter {
  readonly #options: SearchWriterOptions;
  readonly #bulk: Bulk;
  readonly #given = new AbortController();
  /** What was sent and is not known to be durable, in the order of the log. */
  #sent: Load[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #filling = emptyLoad();
  /** When the records of the request that fills are to be sent, full or not. */
  #dueAt: number | undefined;
  #durableUpTo: number | undefined;
  /** What the loader was told of it last. */
  #told: number | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: SearchWriterOptions) {
    this.#options = options;
    this.#bulk = new Bulk(options);
  }

  resumeOffset(): undefined {
    return undefined;
  }

  async write(records: readonly LogRecord[], signal: AbortSignal): Promise<Progress> {
    signal.throwIfAborted();
    const { bulk, delay } = this.#options.config;
    for (const record of records) {
      const document = toDocument(record, this.#options.place);
      const bytes = isRefusal(document) ? 0 : Buffer.byteLength(document.source) + document.id.length + ACTION_BYTES;
      if (this.#filling.bytes > 0 && this.#filling.bytes + bytes > bulk.bytes) await this.#send(signal);
      const load = this.#filling;
      if (isRefusal(document)) load.refused.push({ record, refusal: document });
      else load.items.push(toItem(record, document));
      load.bytes += bytes;
      load.end = record.offset + 1;
      if (load.items.length + load.refused.length >= bulk.events) await this.#send(signal);
      else if (this.#underWay.size > 0 && record.offset % SLICE_RECORDS === 0) {
        await setImmediate();
        signal.throwIfAborted();
      }
    }
    if (this.#filling.end > 0) this.#dueAt ??= this.#options.context.clock.monotonic() + delay;
    return this.#progress();
  }

  async flush(signal: AbortSignal): Promise<Progress> {
    signal.throwIfAborted();
    if (this.#filling.end > 0) await this.#send(signal);
    while (this.#underWay.size > 0) await withSignal(Promise.all(this.#underWay), signal);
    return this.#progress();
  }

  flushDueAt(): number | undefined {
    return this.#dueAt;
  }

  get underway(): Promise<void> | undefined {
    if (this.#told !== this.#durableUpTo || this.#failure) return Promise.resolve();
    return this.#underWay.size > 0 ? Promise.race(this.#underWay) : undefined;
  }

  async abandon(): Promise<void> {
    this.#given.abort();
    this.#filling = emptyLoad();
    this.#dueAt = undefined;
    await Promise.all(this.#underWay);
  }

  /** Sends what was collected as soon as a request less is under way than may be. */
  async #send(signal: AbortSignal): Promise<void> {
    const { requests } = this.#options.config.bulk;
    while (this.#underWay.size >= requests) await withSignal(Promise.race(this.#underWay), signal);
    this.#assertSound();
    const load = this.#filling;
    this.#filling = emptyLoad();
    this.#dueAt = undefined;
    this.#sent.push(load);
    const carried = this.#carry(load)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#underWay.delete(carried));
    this.#underWay.add(carried);
  }

  async #carry(load: Load): Promise<void> {
    const { signal } = this.#given;
    const { context, partition } = this.#options;
    await Promise.all([
      this.#bulk.store(load.items, signal),
      ...load.refused.map(({ record, refusal }) =>
        withSignal(context.deadLetters.put(partition, record, refusal), signal),
      ),
    ]);
    load.done = true;
    const open = this.#sent.findIndex(({ done }) => !done);
    const ended = open === -1 ? this.#sent : this.#sent.slice(0, open);
    this.#sent = this.#sent.slice(ended.length);
    for (const { end } of ended) this.#durableUpTo = Math.max(end, this.#durableUpTo ?? end);
  }

  #progress(): Progress {
    this.#assertSound();
    this.#told = this.#durableUpTo;
    return { durableUpTo: this.#durableUpTo, duplicates: this.#bulk.takeDuplicates() };
  }

  #assertSound(): void {
    if (this.#failure) throw this.#failure.error;
  }
}

function emptyLoad(): Load {
  return { items: [], refused: [], bytes: 0, end: 0, done: false };
}
