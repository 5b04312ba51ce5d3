import type { KeyedStore } from '../keyed-verification.ts';
import { assertGood } from './answers.ts';
import type { Ask } from './client.ts';
import { SearchClient } from './client.ts';
import type { SearchConfig } from './config.ts';
import { clusterOf } from './config.ts';
import { OWN_PARTS, toEvent } from './document.ts';
import { IndexNames } from './index-name.ts';

type Json = Readonly<Record<string, unknown>>;

/** As many as a search gives out at once, unless its index says otherwise. */
const MOST_HITS = 10_000;

/** Indices that do not exist yet hold nothing. */
const WHERE = 'ignore_unavailable=true&allow_no_indices=true';

/** The indices that a connector with this configuration fills, as its comparison with the log reads them. */
export class SearchKeyedStore implements KeyedStore {
  readonly #client: SearchClient;
  readonly #indices: string;

  constructor(config: SearchConfig) {
    this.#client = new SearchClient({ cluster: clusterOf(config), gzip: config.bulk.gzip, timeoutMs: config.timeout });
    this.#indices = new IndexNames(config.index, config.late).all;
  }

  /** Lets searches see what was stored until now. */
  async open(signal: AbortSignal): Promise<void> {
    await this.#ask({ method: 'POST', path: `/${this.#indices}/_refresh?${WHERE}`, signal });
  }

  /** Only the consumer group knows. */
  async position(): Promise<undefined> {
    return undefined;
  }

  async lookup(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, readonly Json[]>> {
    const { total, hits } = await this.#search(ids, signal);
    if (total.value > hits.length && ids.length > 1) {
      const middle = ids.length >> 1;
      const halves = [await this.lookup(ids.slice(0, middle), signal), await this.lookup(ids.slice(middle), signal)];
      return new Map(halves.flatMap((half) => [...half]));
    }
    const found = new Map<string, Json[]>();
    for (const { _id: id, _source: source } of hits) {
      const events = found.get(id) ?? [];
      found.set(id, events);
      events.push(toEvent(source));
    }
    return found;
  }

  async count(signal: AbortSignal): Promise<number> {
    const { count } = (await this.#ask({
      method: 'GET',
      path: `/${this.#indices}/_count?${WHERE}`,
      signal,
    })) as { readonly count: number };
    return count;
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #search(ids: readonly string[], signal: AbortSignal): Promise<Hits> {
    const body = JSON.stringify({
      query: { ids: { values: ids } },
      size: MOST_HITS,
      track_total_hits: true,
      _source: { excludes: OWN_PARTS },
    });
    const path = `/${this.#indices}/_search?${WHERE}&allow_partial_search_results=false`;
    const answer = (await this.#ask({ method: 'POST', path, body, signal })) as { readonly hits: Hits };
    return answer.hits;
  }

  async #ask(question: Ask): Promise<unknown> {
    const answer = await this.#client.ask(question);
    assertGood(answer);
    return answer.body;
  }
}

interface Hits {
  readonly total: { readonly value: number };
  readonly hits: readonly { readonly _id: string; readonly _source: Json }[];
}
