/** Which topic an event goes to: only types named in the configuration have one of their own. */

/** Where types that no topic names go. */
export const DEFAULT_TOPIC = 'web-events';

/** What a type leads to. Events of one type share it. */
export interface Route {
  readonly topic: string;
  readonly type: string;
  readonly typeJson: string;
  /** Headers of the type's records. */
  readonly headers: Readonly<Record<string, string>>;
  /** The field whose value is the record's key; without one records have no key. */
  readonly key: string | undefined;
}

/** A topic as routing sees it. */
export interface RoutedTopic {
  /** The types that go to it. */
  readonly types: readonly string[];
  /** The field whose value keys the records, so that events with one value stay in order. */
  readonly key?: string | undefined;
}

export interface RoutingOptions {
  /** Topics by name. */
  readonly topics: Readonly<Record<string, RoutedTopic>>;
  readonly unknownTypes: 'accept' | 'reject';
  /** The headers of a type's records, in the log's words. */
  headersOf(type: string): Readonly<Record<string, string>>;
}

/** Routes of unnamed types that are kept: visitors choose those names, so there must be an end. */
const KEPT_UNNAMED = 1000;

export class Router {
  readonly #named = new Map<string, Route>();
  readonly #unnamed = new Map<string, Route>();
  readonly #options: RoutingOptions;

  constructor(options: RoutingOptions) {
    this.#options = options;
    for (const [topic, { types }] of Object.entries(options.topics)) {
      for (const type of types) this.#named.set(type, this.#route(topic, type));
    }
  }

  /** The route of a type; `undefined` if it is refused. */
  route(type: string): Route | undefined {
    const known = this.#named.get(type) ?? this.#unnamed.get(type);
    if (known !== undefined || this.#options.unknownTypes === 'reject') return known;
    const route = this.#route(DEFAULT_TOPIC, type);
    if (this.#unnamed.size === KEPT_UNNAMED) this.#unnamed.clear();
    this.#unnamed.set(type, route);
    return route;
  }

  #route(topic: string, type: string): Route {
    const { topics, headersOf } = this.#options;
    return { topic, type, typeJson: JSON.stringify(type), headers: headersOf(type), key: topics[topic]?.key };
  }
}

/** The record key of an event: text as it is, a number or boolean as JSON; nothing else makes a key. */
export function keyOf(field: string, event: Readonly<Record<string, unknown>>): Uint8Array | undefined {
  if (!Object.hasOwn(event, field)) return undefined;
  const value = event[field];
  if (typeof value === 'string') return Buffer.from(value);
  return typeof value === 'number' || typeof value === 'boolean' ? Buffer.from(String(value)) : undefined;
}
