import type { LogRecord, TopicPartition } from '../../log/log.ts';
import { Backoff } from '../../support/backoff.ts';
import { MillraceError } from '../../support/errors.ts';
import { withSignal } from '../../support/with-signal.ts';
import { isRefusal } from '../row.ts';
import type { Refusal, SinkContext } from '../sink.ts';
import type { StoreError } from './answers.ts';
import { assertGood, outcomeOf, wholeOutcome } from './answers.ts';
import type { Answer, Body, SearchClient } from './client.ts';
import { NoAnswer } from './client.ts';
import type { DocumentIdentity, SearchDocument } from './document.ts';
import { OWN_FIELD, toDocument } from './document.ts';
import { searchErrors } from './errors.ts';
import type { IndexNames } from './index-name.ts';

/** The first wait before what failed is sent again, and the longest. */
const WAIT_MS = { initialMs: 100, maxMs: 5_000 } as const;

/** An event on its way into the store. */
export interface Item {
  readonly record: LogRecord;
  readonly document: DocumentIdentity;
  /** Of the document, until it is first sent: a slow store would keep it in memory, and few are sent again. */
  source: string | undefined;
  /** An earlier try of ours may have stored it: finding it there is then no duplicate. */
  uncertain: boolean;
}

export function toItem(record: LogRecord, { id, hash, chosen, source }: SearchDocument): Item {
  return { record, document: { id, hash, chosen }, source, uncertain: false };
}

export interface BulkOptions {
  readonly client: SearchClient;
  readonly names: IndexNames;
  readonly partition: TopicPartition;
  /** Names the partition by its topic's id, for records without an id of their own. */
  readonly place: string;
  readonly context: Pick<SinkContext, 'deadLetters' | 'clock'>;
  readonly timeoutMs: number;
  /** How long to try again without any event getting in before it is an error of the whole connector. */
  readonly retryMs: number;
}

/** What is to be sent again, and the last reason. */
interface Left {
  readonly items: readonly Item[];
  readonly error: MillraceError | undefined;
  /** The store had no room for the request as a whole, which may be more than it ever has. */
  readonly crowded?: boolean;
}

/** A document found under an event's id. */
interface Present {
  readonly item: Item;
  readonly index: string;
}

const NOTHING_LEFT: Left = { items: [], error: undefined };

/**
 * Brings events into the store by `_bulk`, each judged by itself: stored, found to be there
 * already, refused to the dead letters, or sent again alone after a while.
 */
export class Bulk {
  readonly #options: BulkOptions;
  readonly #path: string;
  /** Events that were met a second time, since this was last taken. */
  #duplicates = 0;
  /** Whether the store ever took a request of ours. Only then does one that it does not understand lie with an event. */
  #isUnderstood = false;
  /** The one event that was not understood before that. */
  #suspect: Item | undefined;

  constructor(options: BulkOptions) {
    this.#options = options;
    // The store gives up on a shard before we give up on the store, and says which event it was.
    const timeout = Math.ceil(options.timeoutMs / 2);
    this.#path = `/_bulk?filter_path=errors,error,status,items.*.status,items.*.error&timeout=${timeout}ms`;
  }

  takeDuplicates(): number {
    const duplicates = this.#duplicates;
    this.#duplicates = 0;
    return duplicates;
  }

  /**
   * Resolves once every event is in the store or in the dead letters.
   * @throws what kept an event out for longer than is tried again, or what a person must mend
   */
  async store(items: readonly Item[], signal: AbortSignal): Promise<void> {
    const { clock } = this.#options.context;
    let end: number | undefined;
    const backoff = new Backoff(WAIT_MS);
    let waiting = await this.#withoutOthers(items, signal);
    let pieces = 1;
    for (;;) {
      const { items: left, error, crowded } = await this.#inPieces(waiting, pieces, signal);
      if (left.length === 0) return;
      if (crowded) pieces = Math.min(pieces * 2, left.length);
      const wait = backoff.next();
      if (left.length < waiting.length) end = undefined;
      end ??= clock.monotonic() + this.#options.retryMs;
      if (error && clock.monotonic() + wait > end) throw error;
      await clock.sleep(wait, signal);
      signal.throwIfAborted();
      waiting = left;
    }
  }

  /** Leaves out what stands in the index of another side of the bound between near and late. */
  async #withoutOthers(items: readonly Item[], signal: AbortSignal): Promise<readonly Item[]> {
    const { names } = this.#options;
    const asked: Present[] = [];
    for (const item of items) {
      const index = names.alsoIn(item.document.chosen);
      if (index !== undefined) asked.push({ item, index });
    }
    if (asked.length === 0) return items;
    const missing = new Set(await this.#judgePresent(asked, signal));
    const others = new Set(asked.map(({ item }) => item));
    return items.filter((item) => !others.has(item) || missing.has(item));
  }

  /** Sends these once, in so many requests one after the other. */
  async #inPieces(items: readonly Item[], pieces: number, signal: AbortSignal): Promise<Left> {
    const size = Math.ceil(items.length / pieces);
    let left = NOTHING_LEFT;
    for (let from = 0; from < items.length; from += size) {
      left = together(left, await this.#round(items.slice(from, from + size), signal));
    }
    return left;
  }

  /** Sends these once, halving what the store refuses as a whole. */
  async #round(items: readonly Item[], signal: AbortSignal): Promise<Left> {
    if (items.length === 0) return NOTHING_LEFT;
    let answer: Answer;
    try {
      answer = await this.#options.client.ask({
        method: 'POST',
        path: this.#path,
        lines: true,
        body: await this.#pack(items),
        signal,
      });
    } catch (error) {
      if (!(error instanceof MillraceError && error.cause instanceof NoAnswer)) throw error;
      if (error.cause.mayBeDone) doubt(items);
      return { items, error };
    }
    if (answer.repeated) doubt(items);
    if (answer.status === 200) {
      this.#isUnderstood = true;
      return this.#judge(items, answer.body, signal);
    }
    const whole = wholeOutcome(answer);
    // Elasticsearch 9 may have stored most of what it refuses as a whole.
    if (answer.status !== 413 && answer.status !== 429) doubt(items);
    if (whole.kind === 'stop') throw whole.error;
    if (whole.kind === 'again') return { items, error: whole.error, crowded: answer.status === 429 };
    const [only] = items;
    if (only && items.length === 1) {
      if (answer.status !== 413 && !this.#isUnderstood) return this.#suspected(only, whole.refusal);
      await this.#refuse(only, whole.refusal, signal);
      return NOTHING_LEFT;
    }
    const middle = items.length >> 1;
    return together(await this.#round(items.slice(0, middle), signal), await this.#round(items.slice(middle), signal));
  }

  /** Sends it again after others. When no other is understood either, it is not the events that are wrong. */
  #suspected(item: Item, { reason }: Refusal): Left {
    const error = searchErrors.SEARCH_REFUSED(reason);
    this.#suspect ??= item;
    if (item !== this.#suspect) throw error;
    return { items: [item], error };
  }

  async #judge(items: readonly Item[], body: unknown, signal: AbortSignal): Promise<Left> {
    const answers = itemsOf(body);
    // A cut request body can be answered with success and fewer items (Elasticsearch 9).
    if (answers?.length !== items.length) {
      doubt(items);
      const counted = answers ? `${answers.length} of ${items.length} events` : 'no events';
      return { items, error: searchErrors.SEARCH_ANSWER_WRONG(`the store answered for ${counted}`) };
    }
    const left: Item[] = [];
    const present: Present[] = [];
    const refused: Promise<void>[] = [];
    let error: MillraceError | undefined;
    let stop: MillraceError | undefined;
    for (const [at, item] of items.entries()) {
      const { status, error: reason } = answers[at]!;
      const outcome = outcomeOf(status, reason);
      if (outcome.kind === 'again') {
        left.push(item);
        error = outcome.error;
      } else if (outcome.kind === 'present') {
        present.push({ item, index: outcome.index ?? this.#indexOf(item.document) });
      } else if (outcome.kind === 'refused') refused.push(this.#refuse(item, outcome.refusal, signal));
      else if (outcome.kind === 'stop') stop ??= outcome.error;
    }
    await Promise.all(refused);
    if (stop) throw stop;
    try {
      const missing = await this.#judgePresent(present, signal);
      left.push(...missing);
      if (missing.length > 0) error ??= searchErrors.SEARCH_ANSWER_WRONG('the store has an event and does not find it');
    } catch (failure) {
      if (!(failure instanceof MillraceError) || failure.decision !== 'retry') throw failure;
      // They are found to be there once more.
      left.push(...present.map(({ item }) => item));
      error ??= failure;
    }
    return { items: left, error };
  }

  /** Tells a copy from another event of the same id, which goes to the dead letters. Returns those that are not there after all. */
  async #judgePresent(present: readonly Present[], signal: AbortSignal): Promise<readonly Item[]> {
    if (present.length === 0) return [];
    const answer = await this.#options.client.ask({
      method: 'POST',
      path: `/_mget?_source_includes=${OWN_FIELD}.hash&filter_path=docs._id,docs.found,docs._source,docs.error.type`,
      body: JSON.stringify({ docs: present.map(({ item, index }) => ({ _index: index, _id: item.document.id })) }),
      signal,
    });
    assertGood(answer);
    const docs = (answer.body as { docs?: readonly Found[] } | undefined)?.docs;
    if (docs?.length !== present.length) {
      throw searchErrors.SEARCH_ANSWER_WRONG(
        `the store answered for ${docs?.length ?? 0} of ${present.length} documents`,
      );
    }
    const missing: Item[] = [];
    const taken: Promise<void>[] = [];
    for (const [at, { item }] of present.entries()) {
      const { found, _source: source, error } = docs[at]!;
      if (UNTOLD.includes(error?.type ?? '')) {
        throw searchErrors.SEARCH_OVERLOADED(`whether a document is there could not be told (${error?.type})`);
      }
      if (!found) missing.push(item);
      else if (source?.[OWN_FIELD]?.hash !== item.document.hash) taken.push(this.#refuse(item, TAKEN, signal));
      else if (!item.uncertain) this.#duplicates++;
    }
    await Promise.all(taken);
    return missing;
  }

  #indexOf({ chosen }: DocumentIdentity): string {
    return this.#options.names.of(chosen);
  }

  #pack(items: readonly Item[]): Promise<Body> {
    return this.#options.client.pack(items.map((item) => this.#lines(item)).join(''));
  }

  #lines(item: Item): string {
    const { document, source = this.#sourceOf(item) } = item;
    item.source = undefined;
    return `{"create":{"_index":"${this.#indexOf(document)}","_id":${JSON.stringify(document.id)}}}\n${source}\n`;
  }

  #sourceOf({ record }: Item): string {
    const document = toDocument(record, this.#options.place);
    if (isRefusal(document)) throw new Error('a record is refused that was a document before');
    return document.source;
  }

  async #refuse({ record }: Item, reason: Refusal, signal: AbortSignal): Promise<void> {
    const { context, partition } = this.#options;
    await withSignal(context.deadLetters.put(partition, record, reason), signal);
  }
}

const TAKEN: Refusal = { code: 'EVENT_ID_TAKEN', reason: 'a different event with this id is stored already' };

/** Where a document may be there all the same. One in an index that there is not is certainly not there. */
const UNTOLD = [
  'no_shard_available_action_exception',
  'unavailable_shards_exception',
  'index_closed_exception',
  'es_rejected_execution_exception',
  'rejected_execution_exception',
  'circuit_breaking_exception',
];

interface Found {
  readonly found?: boolean;
  /** In place of the others, where the document could not be looked for. */
  readonly error?: { readonly type?: string };
  readonly _source?: { readonly [OWN_FIELD]?: { readonly hash?: string } };
}

interface ItemAnswer {
  readonly status: number;
  readonly error?: StoreError;
}

/** The answers in the order of what was sent; `undefined` if this is no answer to it. */
function itemsOf(body: unknown): readonly ItemAnswer[] | undefined {
  const { items } = (body ?? {}) as { items?: readonly { create?: ItemAnswer }[] };
  if (!Array.isArray(items)) return undefined;
  const answers = items.map((item: { create?: ItemAnswer }) => item?.create);
  return answers.every((answer) => typeof answer?.status === 'number') ? (answers as ItemAnswer[]) : undefined;
}

function together(one: Left, other: Left): Left {
  return {
    items: [...one.items, ...other.items],
    error: one.error ?? other.error,
    crowded: one.crowded === true || other.crowded === true,
  };
}

function doubt(items: readonly Item[]): void {
  for (const item of items) item.uncertain = true;
}
